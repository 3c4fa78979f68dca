"""PKCS#11, against SoftHSM: a real token behind the real interface."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pkcs11 import exceptions as trouble

from tests.contract.kms_suite import CONTEXT, KeyringContract, RemoteContract, refusal
from tests.doubles.kms_site import QUICK, RemoteSite, Trouble
from tests.parts.servers.softhsm import PIN, TOKEN, SoftHsm
from vault.adapters.kms.address import KmsSettings
from vault.adapters.kms.hsm import HsmKeyService
from vault.adapters.kms.open import open_kms
from vault.adapters.kms.remote import RemoteKms
from vault.domain.reasons import Reason, VaultError

LABELS = map("kek-{}".format, itertools.count(1))
SAYS = {"throttled": trouble.SessionCount, "broken": trouble.DeviceError}


@pytest.fixture
def label(hsm: SoftHsm) -> str:
    made = next(LABELS)
    hsm.make_key(made)
    return made


@asynccontextmanager
async def opened(uri: str) -> AsyncIterator[RemoteKms]:
    """Open the adapter."""
    async with open_kms(KmsSettings(uri), QUICK) as kms:
        assert isinstance(kms, RemoteKms)
        yield kms


class Troubled:
    """Stands before the key's handle, and says what a token in trouble says."""

    def __init__(self) -> None:
        self.mode: Trouble = "open"
        self.turns: int | None = None
        self.seen = 0

    def watch(self, service: HsmKeyService) -> None:
        """Count the service's calls and trouble them, before they reach the token."""
        through = service._with_key

        def with_key(work: Callable[[Any], bytes]) -> bytes:
            return through(lambda key: self.passed(lambda: work(key)))

        service._with_key = with_key  # type: ignore[method-assign]

    def passed(self, work: Callable[[], bytes]) -> bytes:
        self.seen += 1
        if self.turns is not None:
            self.turns -= 1
            if self.turns < 0:
                self.mode, self.turns = "open", None
        end = time.monotonic() + 10
        while self.mode == "slow" and time.monotonic() < end:
            time.sleep(0.01)  # a call into the module can't be cut short
        if self.mode == "down":
            raise trouble.DeviceRemoved
        if self.mode in SAYS:
            raise SAYS[self.mode]
        return work()

    def counted(self) -> Callable[[], int]:
        before = self.seen
        return lambda: self.seen - before


class TestSoftHsm(RemoteContract, KeyringContract):
    @pytest.fixture
    async def site(self, hsm: SoftHsm, label: str) -> AsyncIterator[RemoteSite]:
        second = next(LABELS)
        hsm.make_key(second)
        door = Troubled()

        def trouble_it(mode: Trouble, turns: int | None) -> None:
            door.turns, door.mode = turns, mode

        async with opened(hsm.uri(label)) as kms, opened(hsm.uri(second)) as other:
            assert isinstance(kms._service, HsmKeyService)
            assert isinstance(other._service, HsmKeyService)
            door.watch(kms._service)
            door.watch(other._service)
            yield RemoteSite(
                kms,
                other,
                trouble_it,
                door.counted,
                lambda: hsm.forbid(label, True),
                lambda: hsm.forbid(label, False),
                (PIN,),
            )


async def test_a_destroyed_key_is_refused(hsm: SoftHsm, label: str) -> None:
    async with opened(hsm.uri(label)) as kms:
        wrapped = await kms.wrap(b"s" * 32, CONTEXT)
        hsm.destroy(label)
        assert await refusal(kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE


async def test_a_key_that_could_leave_is_not_used(hsm: SoftHsm) -> None:
    label = next(LABELS)
    hsm.make_key(label, extractable=True)
    async with opened(hsm.uri(label)) as kms:
        with pytest.raises(VaultError) as refused:
            await kms.wrap(b"s" * 32, CONTEXT)
    assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE


async def test_two_keys_of_one_name_are_not_chosen_from(hsm: SoftHsm, label: str) -> None:
    hsm.make_key(label)
    async with opened(hsm.uri(label)) as kms:
        with pytest.raises(VaultError):
            await kms.wrap(b"s" * 32, CONTEXT)
        assert kms.counts.retries == 0


async def test_a_token_or_module_that_is_not_there_is_refused(hsm: SoftHsm, label: str) -> None:
    for uri in (
        hsm.uri(label, token="elsewhere"),
        hsm.uri(label).replace("libsofthsm2.so", "no-such-module.so"),
        hsm.uri(label, pin_file=Path("/nonexistent/pin")),
    ):
        async with opened(uri) as kms:
            with pytest.raises(VaultError) as refused:
                await kms.wrap(b"s" * 32, CONTEXT)
        assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE


async def test_a_wrong_pin_is_tried_once(hsm: SoftHsm, label: str, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("not-the-pin")
    pin.chmod(0o600)
    tries = []
    async with opened(hsm.uri(label, pin_file=pin)) as kms:
        service = kms._service
        assert isinstance(service, HsmKeyService)
        for _ in range(5):
            with pytest.raises(VaultError):
                await kms.wrap(b"s" * 32, CONTEXT)
            tries.append(service._refused_pin)
        assert tries == ["not-the-pin"] * 5
        assert kms.counts.retries == 0
        pin.write_text(PIN)
        assert (await kms.unwrap(await kms.wrap(b"s" * 32, CONTEXT), CONTEXT)) == b"s" * 32
    assert TOKEN in kms.kek
