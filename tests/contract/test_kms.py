"""The local key file passes the contract of all key services; the others do in tests/parts/kms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.kms_suite import KmsContract
from tests.doubles.kms_site import KmsSite
from vault.adapters.kms.address import KmsSettings
from vault.adapters.kms.open import open_kms
from vault.adapters.local_kms import make_local_key


class TestLocal(KmsContract):
    @pytest.fixture
    async def site(self, tmp_path: Path) -> AsyncIterator[KmsSite]:
        one, two = tmp_path / "one.key", tmp_path / "two.key"
        make_local_key(one)
        make_local_key(two)
        async with (
            open_kms(KmsSettings(f"local:{one}")) as kms,
            open_kms(KmsSettings(f"local:{two}")) as other,
        ):
            yield KmsSite(kms, other)
