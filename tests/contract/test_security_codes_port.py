"""Security codes in memory pass the contract; those in Redis do in tests/parts/redis."""

from __future__ import annotations

import pytest

from chassis.clock import SystemClock
from tests.contract.security_codes_suite import SecurityCodesContract
from vault.adapters.memory_codes import MemorySecurityCodes


class TestMemory(SecurityCodesContract):
    @pytest.fixture
    def codes(self) -> MemorySecurityCodes:
        return MemorySecurityCodes(SystemClock())
