"""The contract of `Kms`: what every adapter passes, against the real service where there is one.

Subclasses provide the fixture `site`. `RemoteContract` adds what can happen to a service that is
elsewhere; `KeyringContract` what the keyring promises over it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import traceback

import pytest
from structlog.testing import capture_logs

from tests.doubles.clocks import FakeClock
from tests.doubles.kms_site import QUICK, KmsSite, RemoteSite, Trouble
from tests.doubles.vault_ports_keys import FakeKeyStore
from vault.adapters.kms.open import probe
from vault.domain.reasons import Reason, VaultError
from vault.usecases.key_making import TENANT_PURPOSES, KeyMaker
from vault.usecases.keyring import CachedKeyring, KeyLimits
from vault.usecases.ports import Kms

CONTEXT = {"service": "cardvault", "tenant": "acme", "purpose": "record", "key_id": "0a" * 8}
TROUBLES: tuple[Trouble, ...] = ("throttled", "broken", "down", "slow")
CALLS_A_LOAD = len(TENANT_PURPOSES)


async def refusal(kms: Kms, wrapped: bytes, context: dict[str, str]) -> Reason:
    """Return why an unwrap is refused; it has to be."""
    with pytest.raises(VaultError) as refused:
        await kms.unwrap(wrapped, context)
    return refused.value.reason


class KmsContract:
    """What holds for every key, wherever it lives."""

    async def test_what_was_wrapped_unwraps(self, site: KmsSite) -> None:
        secret = os.urandom(32)
        wrapped = await site.kms.wrap(secret, CONTEXT)
        assert (secret in wrapped) is False
        turned = dict(reversed(CONTEXT.items()))
        assert (await site.kms.unwrap(wrapped, turned) == secret) is True
        assert await site.kms.wrap(secret, CONTEXT) != wrapped

    async def test_the_service_s_own_keys_have_no_tenant(self, site: KmsSite) -> None:
        secret, own = os.urandom(32), {**CONTEXT, "tenant": ""}
        wrapped = await site.kms.wrap(secret, own)
        assert (await site.kms.unwrap(wrapped, own) == secret) is True
        assert await refusal(site.kms, wrapped, CONTEXT) is Reason.DATA_CORRUPT

    @pytest.mark.parametrize("name", sorted(CONTEXT))
    async def test_another_context_never_opens(self, site: KmsSite, name: str) -> None:
        wrapped = await site.kms.wrap(os.urandom(32), CONTEXT)
        less = {key: value for key, value in CONTEXT.items() if key != name}
        for other in ({**CONTEXT, name: CONTEXT[name] + "x"}, less, {}):
            assert await refusal(site.kms, wrapped, other) is Reason.DATA_CORRUPT

    async def test_names_and_values_do_not_run_together(self, site: KmsSite) -> None:
        wrapped = await site.kms.wrap(os.urandom(32), {"a": "bc", "d": "e"})
        for other in ({"ab": "c", "d": "e"}, {"a": "b", "cd": "e"}, {"a": "bcde"}, {"a": "bcd"}):
            assert await refusal(site.kms, wrapped, other) is Reason.DATA_CORRUPT

    async def test_another_key_never_opens(self, site: KmsSite) -> None:
        wrapped = await site.other.wrap(os.urandom(32), CONTEXT)
        assert await refusal(site.kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
        assert site.kms.kek != site.other.kek

    async def test_another_key_s_work_under_this_key_s_name_never_opens(
        self, site: KmsSite
    ) -> None:
        mine = await site.kms.wrap(os.urandom(32), CONTEXT)
        theirs = await site.other.wrap(os.urandom(32), CONTEXT)
        forged = mine[:10] + theirs[10:]
        assert await refusal(site.kms, forged, CONTEXT) in {
            Reason.DATA_CORRUPT,
            Reason.KEY_SERVICE_UNAVAILABLE,
        }

    async def test_edits_never_open(self, site: KmsSite) -> None:
        secret = os.urandom(32)
        wrapped = await site.kms.wrap(secret, CONTEXT)
        step = max(1, len(wrapped) // 48)
        for place in {0, 1, 2, 9, 10, len(wrapped) - 1, *range(10, len(wrapped), step)}:
            edited = bytearray(wrapped)
            edited[place] ^= 1 << place % 8
            try:
                opened = await site.kms.unwrap(bytes(edited), CONTEXT)
            except VaultError:
                continue
            assert site.lax, "an edit was not noticed"
            assert (opened == secret) is True

    @pytest.mark.parametrize("cut", [0, 1, 9, 10, 11, 40])
    async def test_what_is_cut_never_opens(self, site: KmsSite, cut: int) -> None:
        wrapped = await site.kms.wrap(os.urandom(32), CONTEXT)
        await refusal(site.kms, wrapped[:cut], CONTEXT)
        await refusal(site.kms, wrapped[: len(wrapped) - cut - 1], CONTEXT)

    async def test_a_format_of_the_future_is_not_guessed_at(self, site: KmsSite) -> None:
        assert await refusal(site.kms, b"\x02" + b"x" * 80, CONTEXT) is Reason.DATA_CORRUPT

    async def test_the_probe_finds_nothing_wrong(self, site: KmsSite) -> None:
        await probe(site.kms)

    async def test_nothing_shows_what_it_wraps(
        self, site: KmsSite, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = os.urandom(32)
        with caplog.at_level(logging.DEBUG), capture_logs() as logs:
            wrapped = await site.kms.wrap(secret, CONTEXT)
            await site.kms.unwrap(wrapped, CONTEXT)
            with pytest.raises(VaultError) as refused:
                await site.kms.unwrap(wrapped, {**CONTEXT, "tenant": "other"})
        seen = [caplog.text, str(logs), repr(site.kms), *traceback.format_exception(refused.value)]
        assert shown(secret, "".join(seen)) is False


def shown(secret: bytes, text: str) -> bool:
    """Tell whether a secret is in a text, in any of its usual forms."""
    forms = (secret.hex(), base64.b64encode(secret).decode()[:40], repr(secret)[2:-1])
    return any(form in text for form in forms)


class RemoteContract(KmsContract):
    """What holds when the service is elsewhere."""

    @pytest.mark.parametrize("mode", ["throttled", "broken", "down"])
    async def test_a_hiccup_is_not_noticed(self, site: RemoteSite, mode: Trouble) -> None:
        wrapped = await site.kms.wrap(b"s" * 32, CONTEXT)
        site.trouble(mode, 1)
        calls = site.counted()
        assert (await site.kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True
        assert calls() == 2
        assert site.kms.counts.retries == 1

    @pytest.mark.parametrize("mode", ["throttled", "broken", "down"])
    async def test_lasting_trouble_is_refused_and_not_made_worse(
        self, site: RemoteSite, mode: Trouble
    ) -> None:
        wrapped = await site.kms.wrap(b"s" * 32, CONTEXT)
        site.trouble(mode, None)
        calls, asked = site.counted(), 40
        for _ in range(asked):
            reason = await refusal(site.kms, wrapped, CONTEXT)
            assert reason is Reason.KEY_SERVICE_UNAVAILABLE
        assert asked <= calls() <= asked * 1.2
        assert site.kms.counts.no_budget > 0
        site.trouble("open", None)
        assert (await site.kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True

    async def test_a_slow_service_is_given_up_and_nobody_else_waits(self, site: RemoteSite) -> None:
        wrapped = await site.kms.wrap(b"s" * 32, CONTEXT)
        site.trouble("slow", None)
        loop = asyncio.get_running_loop()
        before, ticks = loop.time(), 0
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(refusal(site.kms, wrapped, CONTEXT))
            while not waiting.done():
                await asyncio.sleep(0.01)
                ticks += 1
        assert waiting.result() is Reason.KEY_SERVICE_UNAVAILABLE
        assert loop.time() - before < QUICK.total_s + 1.5
        assert ticks > 25  # the event loop went on turning
        site.trouble("open", None)

    async def test_a_right_that_was_taken_away_is_not_asked_for_twice(
        self, site: RemoteSite
    ) -> None:
        wrapped = await site.kms.wrap(b"s" * 32, CONTEXT)
        site.revoke()
        calls = site.counted()
        assert await refusal(site.kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
        with pytest.raises(VaultError):
            await site.kms.wrap(b"s" * 32, CONTEXT)
        assert calls() <= 3  # a token looks once whether its key was replaced
        site.restore()
        assert (await site.kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True

    async def test_another_key_s_work_is_refused_without_a_call(self, site: RemoteSite) -> None:
        wrapped = await site.other.wrap(b"s" * 32, CONTEXT)
        calls = site.counted()
        await refusal(site.kms, wrapped, CONTEXT)
        assert calls() == 0

    @pytest.mark.parametrize("mode", TROUBLES)
    async def test_failures_show_nothing_either(
        self, site: RemoteSite, mode: Trouble, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = os.urandom(32)
        site.trouble(mode, None)
        with (
            caplog.at_level(logging.DEBUG),
            capture_logs() as logs,
            pytest.raises(VaultError) as refused,
        ):
            await site.kms.wrap(secret, CONTEXT)
        site.trouble("open", None)
        assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
        assert [each["event"] for each in logs] == ["the key service failed"]
        text = "".join([caplog.text, str(logs), *traceback.format_exception(refused.value)])
        assert shown(secret, text) is False
        assert any(hidden in text for hidden in site.hidden) is False


class KeyringContract:
    """The keyring's promises, over the real adapter."""

    def ring(self, site: RemoteSite, clock: FakeClock) -> CachedKeyring:
        """Return a keyring as in production, on a clock of ours."""
        maker = KeyMaker(FakeKeyStore(), site.kms, clock.now_us)
        return CachedKeyring(maker, clock, KeyLimits(), lambda: 0.5)

    async def test_a_warm_keyring_hardly_calls(self, site: RemoteSite) -> None:
        clock = FakeClock()
        ring = self.ring(site, clock)
        await ring.warm("acme")
        calls, operations = site.counted(), 100_000
        for number in range(operations):
            await ring.warm("acme")
            if number % 50 == 0:  # 50 operations a second, for more than half an hour
                clock.advance(1.0)
                await ring.tick()
        assert ring.counts.refreshes == 1
        assert 0 < calls() <= operations / 10_000

    async def test_expiry_sends_one_load_however_many_wait(self, site: RemoteSite) -> None:
        clock = FakeClock()
        ring = self.ring(site, clock)
        await ring.warm("acme")
        clock.advance(KeyLimits().max_age_s + 1)
        calls = site.counted()
        async with asyncio.TaskGroup() as group:
            for _ in range(300):
                group.create_task(ring.warm("acme"))
        assert calls() == CALLS_A_LOAD

    async def test_an_outage_is_survived_until_the_keys_are_too_old(self, site: RemoteSite) -> None:
        clock, limits = FakeClock(), KeyLimits()
        ring = self.ring(site, clock)
        await ring.warm("acme")
        site.trouble("down", None)
        for _ in range(11):
            clock.advance(limits.max_age_s / 12)
            await ring.tick()
            assert (await ring.warm("acme")).tenant == "acme"
        assert ring.counts.failures > 0
        clock.advance(limits.max_age_s / 12)
        with pytest.raises(VaultError) as refused:
            await ring.warm("acme")
        assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
        site.trouble("open", None)
        clock.advance(limits.last_retry_s * 2)
        assert (await ring.warm("acme")).tenant == "acme"

    async def test_while_it_is_down_those_who_ask_are_refused_without_calls(
        self, site: RemoteSite
    ) -> None:
        ring = self.ring(site, FakeClock())
        site.trouble("throttled", None)
        calls = site.counted()
        for _ in range(200):
            with pytest.raises(VaultError):
                await ring.warm("acme")
        assert calls() <= QUICK.attempts
        assert ring.counts.held_off == 199
        site.trouble("open", None)

    async def test_a_revoked_key_stops_within_the_maximum_age_and_at_once_when_dropped(
        self, site: RemoteSite
    ) -> None:
        clock, limits = FakeClock(), KeyLimits()
        ring, sealed = self.ring(site, clock), self.ring(site, clock)
        await ring.warm("acme")
        await sealed.warm("acme")
        site.revoke()
        sealed.drop()
        with pytest.raises(VaultError):
            await sealed.warm("acme")
        assert (await ring.warm("acme")).tenant == "acme"
        clock.advance(limits.max_age_s)
        with pytest.raises(VaultError) as refused:
            await ring.warm("acme")
        assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
        site.restore()
