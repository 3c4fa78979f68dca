"""Delete, undelete, erase and purge: what goes, when, and what stays for others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.doubles.decide_bench import (
    DAY_US,
    DecideBench,
    card_in,
    edit,
    entry_of,
    look,
    new_card,
    refusal,
)
from vault.domain.card import CardKey, Hold, HoldType, Status
from vault.domain.intents import DeleteCard, EraseCard, PurgeVersion, SetStatus, UndeleteCard
from vault.domain.reasons import Reason

LEGAL = frozenset({Hold(HoldType.LEGAL_HOLD)})
GRACE = timedelta(days=1)


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


@pytest.fixture
def token(bench: DecideBench) -> str:
    return bench.card(new_card(1, customer="c-1", metadata=(("k", "v"),))).token


@pytest.mark.parametrize("status", ["ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"])
def test_a_deleted_card_comes_back_as_it_was_within_its_grace(
    bench: DecideBench, token: str, status: str
) -> None:
    before = bench.card(SetStatus(token, 0, Status(status)))
    deleted = bench.card(DeleteCard(token, 2, DAY_US))
    assert (deleted.status, deleted.purge_time) == ("DELETED", bench.clock.now_us() + DAY_US)
    assert refusal(bench.do(look(token))) is Reason.CARD_DELETED
    assert refusal(bench.do(UndeleteCard(token, 7))) is Reason.REVISION_CONFLICT
    bench.clock.advance(GRACE - timedelta(microseconds=1))
    back = bench.card(UndeleteCard(token, 3))
    assert back == before._replace(revision=4, update_time=bench.clock.now_us())
    assert [kind.rpartition(".")[2] for _revision, kind in bench.events(token)[2:]] == [
        "deleted",
        "undeleted",
    ]


def test_nothing_comes_back_after_its_grace_even_before_it_is_erased(
    bench: DecideBench, token: str
) -> None:
    bench.card(DeleteCard(token, 0, DAY_US))
    bench.clock.advance(GRACE)
    assert refusal(bench.do(UndeleteCard(token, 0))) is Reason.CARD_ERASED
    bench.card(EraseCard(token))
    assert refusal(bench.do(UndeleteCard(token, 0))) is Reason.CARD_ERASED


def test_only_what_is_deleted_can_be_brought_back(bench: DecideBench, token: str) -> None:
    assert refusal(bench.do(UndeleteCard(token, 0))) is Reason.CARD_NOT_DELETED
    short = bench.card(new_card(2, ttl_us=DAY_US)).token
    bench.clock.advance(GRACE)
    assert refusal(bench.do(UndeleteCard(short, 0))) is Reason.CARD_ERASED
    assert refusal(bench.do(DeleteCard(short, 0, DAY_US))) is Reason.CARD_DELETED


def test_erasure_leaves_a_tombstone_and_nothing_of_the_card(bench: DecideBench, token: str) -> None:
    bench.card(edit(token, number=2))
    bench.card(DeleteCard(token, 0, DAY_US))
    assert refusal(bench.do(EraseCard(token))) is Reason.CARD_HELD
    bench.clock.advance(GRACE)
    card = bench.card(EraseCard(token))
    assert (card.token, card.status, card.sealed, card.revision) == (token, "DELETED", None, 4)
    left = (
        card.bin,
        card.last4,
        card.fingerprint,
        card.customer,
        card.metadata,
        card.stored_credentials,
        card.holds,
        card.details,
        card.status_before,
    )
    assert set(left) == {""}
    assert (card.brand, card.expiry) == ("UNKNOWN", 0)
    assert (bench.tables.versions, bench.tables.numbers, bench.tables.existing) == ({}, {}, {})
    assert bench.events(token)[-1] == (4, "cardvault.card.erased")
    assert refusal(bench.do(EraseCard(token))) is Reason.CARD_HELD
    assert refusal(bench.do(look(token))) is Reason.CARD_DELETED


def test_a_live_card_is_not_erased(bench: DecideBench, token: str) -> None:
    assert refusal(bench.do(EraseCard(token))) is Reason.CARD_HELD


def test_a_card_past_its_time_to_live_is_erased_whatever_its_status(bench: DecideBench) -> None:
    token = bench.card(new_card(1, ttl_us=DAY_US)).token
    bench.clock.advance(GRACE)
    assert bench.card(EraseCard(token)).status == "DELETED"


def test_a_legal_hold_stops_erasure_until_it_ends(bench: DecideBench, token: str) -> None:
    bench.card(SetStatus(token, 0, None, place=LEGAL))
    bench.card(DeleteCard(token, 0, 0))
    assert refusal(bench.do(EraseCard(token))) is Reason.CARD_HELD
    bench.card(SetStatus(token, 0, None, release=LEGAL))
    assert bench.card(EraseCard(token)).sealed is None


def test_a_number_leaves_the_index_with_its_last_card_or_version(
    bench: DecideBench, token: str
) -> None:
    other = bench.card(new_card(1)).token
    bench.card(edit(other, number=2))  # a version of `other` still has number 1
    bench.card(DeleteCard(token, 0, 0))
    bench.card(EraseCard(token))
    assert len(bench.tables.numbers) == 2
    bench.clock.advance(timedelta(days=180))
    purged = bench.card(PurgeVersion(other, 1))
    assert len(bench.tables.numbers) == 1
    assert purged.revision == 2
    assert bench.events(other)[-1] == (2, "cardvault.card.updated")
    assert bench.records()[-1]["action"] == "card.purge_version"


def test_a_number_given_again_in_the_flush_that_drops_it_stays(
    bench: DecideBench, token: str
) -> None:
    old = bench.stored(token)
    bench.card(DeleteCard(token, 0, 0))
    erased, added = bench.flush(entry_of(EraseCard(token)), entry_of(new_card(1)))
    assert old is not None
    assert card_in(erased).sealed is None
    assert card_in(added).fingerprint == old.fingerprint
    assert list(bench.tables.numbers.values()) == [old.fingerprint]


def test_a_version_is_purged_after_its_retention_and_not_before(
    bench: DecideBench, token: str
) -> None:
    bench.card(edit(token, number=2))
    bench.clock.advance(timedelta(days=180) - timedelta(microseconds=1))
    assert refusal(bench.do(PurgeVersion(token, 1))) is Reason.CARD_HELD
    bench.clock.advance(timedelta(microseconds=1))
    assert refusal(bench.do(PurgeVersion(token, 2))) is Reason.CARD_HELD
    bench.card(SetStatus(token, 0, None, place=LEGAL))
    assert refusal(bench.do(PurgeVersion(token, 1))) is Reason.CARD_HELD
    bench.card(SetStatus(token, 0, None, release=LEGAL))
    first, second = bench.flush(entry_of(PurgeVersion(token, 1)), entry_of(PurgeVersion(token, 1)))
    assert card_in(first).credential_version == 2
    assert refusal(second) is Reason.CARD_HELD
    gone = bench.do(look(token, credential_version=1, superseded_too=True))
    assert refusal(gone) is Reason.VERSION_NOT_FOUND


def test_a_card_made_deleted_and_erased_in_one_flush_leaves_nothing(
    bench: DecideBench, token: str
) -> None:
    outcomes = bench.flush(
        entry_of(edit(token, number=2)),
        entry_of(DeleteCard(token, 0, 0)),
        entry_of(EraseCard(token)),
        entry_of(PurgeVersion(token, 1)),
    )
    assert [card_in(each).revision for each in outcomes[:3]] == [2, 3, 4]
    assert refusal(outcomes[3]) is Reason.CARD_HELD
    assert (bench.tables.versions, bench.tables.numbers) == ({}, {})
    assert [revision for revision, _kind in bench.events(token)] == [1, 2, 3, 4]


@pytest.mark.parametrize("make", [EraseCard, lambda token: PurgeVersion(token, 1)])
def test_a_missing_card_has_nothing_to_remove(bench: DecideBench, make: object) -> None:
    intent = make("tok_missing")  # type: ignore[operator]
    assert refusal(bench.do(intent)) is Reason.CARD_NOT_FOUND


def test_what_no_longer_opens_is_erased_all_the_same(bench: DecideBench, token: str) -> None:
    bench.card(DeleteCard(token, 0, 0))
    key = CardKey("demo", token)
    card = bench.tables.cards[key]
    assert card.sealed is not None
    bench.tables.cards[key] = card._replace(sealed=card.sealed[:-1] + bytes([card.sealed[-1] ^ 1]))
    erased = bench.card(EraseCard(token))
    assert (erased.sealed, erased.last4, erased.fingerprint) == (None, "", "")
    assert "did not open" in bench.records()[-1]["note"]
