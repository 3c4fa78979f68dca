"""The tests of `tests/contract/test_ledger_rivals.py`, on a real PostgreSQL."""

from __future__ import annotations

from tests.contract.test_ledger_rivals import *  # noqa: F403 - the tests are the suite's own

del engine  # noqa: F821 - these run on the one of this directory's conftest.py
