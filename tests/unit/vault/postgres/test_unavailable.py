"""A read that finds no database, as it is told."""

from __future__ import annotations

from chassis.status import Code
from chassis.store_errors import StoreUnavailable
from vault.rpc.errors import translate


def test_a_read_without_a_store_is_unavailable_and_says_when_to_try_again() -> None:
    """A flush tells by its outcome; a masked read raises, whatever the driver met."""
    status = translate(StoreUnavailable("ConnectionRefusedError"))
    assert status is not None
    assert status.code is Code.UNAVAILABLE
    assert status.reason == "ERROR_REASON_STORE_UNAVAILABLE"
    assert status.retry_after is not None
