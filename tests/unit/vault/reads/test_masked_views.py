"""What a cache may do to a masked read: nothing but make it slower."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.ledger_rows import a_card
from tests.doubles.vault_ledger import ColdKeyring, WarmKeyring, keys_of
from tests.doubles.vault_views import HonestViews, LyingViews, SlowCards
from vault.crypto.blob import RecordKey
from vault.crypto.keys import TenantKeys
from vault.domain.card import Card, CardKey, Edition
from vault.usecases.coalesced import CoalescedReads
from vault.usecases.masked_views import CachedViews, Shown
from vault.usecases.ports import Keyring, StoreUnavailable

CARD = a_card("tok_a", bin="41111111", last4="1111")
OTHER = a_card("tok_b")
FORM = b"formform"


def encode(card: Card) -> bytes:
    return f"{card.token} {card.revision} {card.update_time}".encode()


def shown_as(shown: Shown) -> bytes:
    return encode(shown) if isinstance(shown, Card) else shown


class Site:
    """One process's reads over a dictionary and a cache."""

    def __init__(
        self, *cards: Card, views: HonestViews | None = None, keyring: Keyring | None = None
    ) -> None:
        self.rows = {card.key: card for card in cards}
        self.store = SlowCards(self.rows, random.Random(1))
        self.views = views or HonestViews()
        self.reads = self.another()
        if keyring is not None:
            self.reads = self.another(keyring=keyring)

    def another(self, form: bytes = FORM, keyring: Keyring | None = None) -> CachedViews:
        return CachedViews(self.store, self.views, keyring or WarmKeyring(), encode, form)

    async def read(self, *keys: CardKey) -> Mapping[CardKey, Shown]:
        return await self.reads.read(keys)

    async def warmed(self) -> None:
        await self.read(*self.rows)
        await self.reads.fill()


async def test_the_second_read_is_a_hit_and_reads_no_row() -> None:
    site = Site(CARD, OTHER)
    assert await site.read(CARD.key, OTHER.key) == {CARD.key: CARD, OTHER.key: OTHER}
    await site.reads.fill()
    found = await site.read(CARD.key, OTHER.key, CardKey("demo", "tok_none"))
    assert found == {CARD.key: encode(CARD), OTHER.key: encode(OTHER)}
    assert site.store.reads == 1
    assert (site.reads.counts.hits, site.reads.counts.misses, site.reads.counts.filled) == (2, 2, 2)


async def test_entries_say_nothing() -> None:
    site = Site(CARD)
    await site.warmed()
    (entry,) = site.views.entries.values()
    assert (b"tok_a" in entry or b"1111" in entry) is False


@pytest.mark.parametrize(
    "changed",
    [
        CARD._replace(revision=2, update_time=2_000),
        CARD._replace(revision=2),
        # One revision twice: a restored backup, or a failover that lost what nobody was told.
        CARD._replace(update_time=2_000),
    ],
    ids=["changed", "in the same microsecond", "another history"],
)
async def test_a_change_is_shown_at_once(changed: Card) -> None:
    site = Site(CARD)
    await site.warmed()
    site.rows[CARD.key] = changed
    assert await site.read(CARD.key) == {CARD.key: changed}
    assert (site.reads.counts.outdated, site.reads.counts.refused) == (1, 0)
    await site.reads.fill()
    assert await site.read(CARD.key) == {CARD.key: encode(changed)}


async def test_an_erased_row_is_gone_whatever_the_cache_has() -> None:
    site = Site(CARD)
    await site.warmed()
    del site.rows[CARD.key]
    assert await site.read(CARD.key) == {}


async def test_what_was_read_before_a_change_and_kept_after_it_is_never_shown() -> None:
    site = Site(CARD)
    await site.read(CARD.key)  # the fill waits, with the old row
    changed = site.rows[CARD.key] = CARD._replace(revision=2, update_time=2_000)
    await site.another().read([CARD.key])
    await site.reads.fill()
    assert await site.read(CARD.key) == {CARD.key: changed}


@pytest.mark.parametrize("how", ["another card's", "edited", "cut", "empty", "renumbered"])
async def test_poison_is_a_miss_and_an_alarm(how: str) -> None:
    site = Site(CARD, OTHER)
    await site.warmed()
    entries = site.views.entries
    mine, other = entries[CARD.key], entries[OTHER.key]
    older = CARD._replace(revision=2, update_time=2_000)
    if how == "renumbered":
        site.rows[CARD.key] = older
    entries[CARD.key] = {
        "another card's": other,
        "edited": mine[:-1] + bytes([mine[-1] ^ 1]),
        "cut": mine[:20],
        "empty": b"",
        "renumbered": (2).to_bytes(8, "big") + mine[8:],
    }[how]
    assert await site.read(CARD.key) == {CARD.key: site.rows[CARD.key]}
    assert site.reads.counts.refused == (0 if how == "empty" else 1)
    assert site.reads.counts.hits == 0


async def test_another_version_of_the_vault_does_not_show_it() -> None:
    site = Site(CARD)
    await site.warmed()
    newer = site.another(form=b"formF0RM")
    assert await newer.read([CARD.key]) == {CARD.key: CARD}
    assert newer.counts.hits == 0


class _Rotated(WarmKeyring):
    def peek(self, tenant: str) -> TenantKeys | None:
        keys, record = keys_of(tenant), RecordKey(b"record-2", b"r" * 32)
        return TenantKeys(
            tenant,
            record,
            {**keys.records, record.key_id: record},
            keys.fingerprints,
            keys.requests,
            keys.cursor,
            keys.security_code,
        )


async def test_after_a_rotation_entries_of_the_older_key_are_misses() -> None:
    site = Site(CARD)
    await site.warmed()
    rotated = site.another(keyring=_Rotated())
    assert await rotated.read([CARD.key]) == {CARD.key: CARD}
    assert (rotated.counts.outdated, rotated.counts.refused) == (1, 0)


async def test_without_keys_reads_go_to_the_store_and_wait_for_nobody() -> None:
    keyring = ColdKeyring("demo")
    site = Site(CARD, keyring=keyring)
    await site.another().read([CARD.key])
    assert await site.read(CARD.key) == {CARD.key: CARD}
    keyring.kms.set()
    await site.reads.fill()
    assert await site.read(CARD.key) == {CARD.key: encode(CARD)}


async def test_a_cache_that_is_away_costs_nothing() -> None:
    site = Site(CARD)
    site.views.away = True
    assert await site.read(CARD.key) == {CARD.key: CARD}
    assert (site.views.asked, site.reads.counts.bypassed) == (0, 1)


async def test_fills_that_are_lost_are_counted() -> None:
    site = Site(CARD)
    site.views.losing = True
    await site.warmed()
    assert (site.reads.counts.filled, site.reads.counts.dropped) == (0, 1)


async def test_the_stores_error_is_the_callers() -> None:
    class Down(SlowCards):
        async def editions(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Edition]:
            raise StoreUnavailable("down")

    reads = CachedViews(Down({}, random.Random(1)), HonestViews(), WarmKeyring(), encode, FORM)
    with pytest.raises(StoreUnavailable):
        await reads.read([CARD.key])


async def _history(seed: int) -> tuple[int, int]:
    """Read and write at random in two processes over one lying cache; return (hits, lies)."""
    choice = random.Random(seed)
    keys = [CardKey("demo", f"tok_{n}") for n in range(3)]
    rows = {key: a_card(key.token) for key in keys}
    past = {key: {encode(rows[key])} for key in keys}
    acknowledged = dict.fromkeys(keys, 1)
    views = LyingViews(choice)
    processes = [
        CachedViews(SlowCards(rows, choice), views, WarmKeyring(), encode, FORM) for _ in range(2)
    ]
    fronts = [CoalescedReads(process.read) for process in processes]

    async def writer() -> None:
        for _change in range(12):
            key = choice.choice(keys)
            card = rows[key]
            # Times may stand still: the revision alone has to do.
            time_us = card.update_time + choice.randrange(2)
            rows[key] = card._replace(revision=card.revision + 1, update_time=time_us)
            past[key].add(encode(rows[key]))
            await asyncio.sleep(0)
            acknowledged[key] = max(acknowledged[key], card.revision + 1)
            for _turn in range(choice.randrange(6)):
                await asyncio.sleep(0)

    async def caller(front: CoalescedReads[Shown]) -> None:
        for _read in range(12):
            asked = choice.sample(keys, choice.randrange(1, 4))
            before = {key: acknowledged[key] for key in asked}
            found = await front.read(asked)
            assert set(found) == set(asked)
            for key in asked:
                shown = shown_as(found[key])
                assert shown in past[key]
                assert int(shown.split()[1]) >= before[key]

    async with asyncio.TaskGroup() as beside:
        running = [beside.create_task(front.run()) for front in fronts]
        running += [beside.create_task(process.run()) for process in processes]
        async with asyncio.TaskGroup() as clients:
            clients.create_task(writer())
            for front in fronts * 2:
                clients.create_task(caller(front))
        for task in running:
            task.cancel()
    return sum(process.counts.hits for process in processes), views.lies


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_no_interleaving_and_no_lie_shows_less_than_was_acknowledged(seed: int) -> None:
    asyncio.run(_history(seed))


def test_those_histories_have_hits_and_lies() -> None:
    hits, lies = zip(*(asyncio.run(_history(seed)) for seed in range(10)), strict=True)
    assert sum(hits) > 20
    assert sum(lies) > 100
