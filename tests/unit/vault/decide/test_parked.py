"""Parked answers: what waits, for how long, how many, and what becomes of it (ADR 0021)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import (
    COVERED,
    DAY_US,
    DecideBench,
    answer,
    by_number,
    edit,
    entry_of,
    new_card,
    told_in,
)
from tests.doubles.vault_ledger import keys_of, pan
from vault.crypto.blob import CannotOpen
from vault.crypto.mac import MacKey
from vault.domain.card import Status
from vault.domain.intents import ReleaseParked, SetStatus
from vault.domain.outcome import Applied
from vault.domain.parked import LOOK_AGAIN_US, MOST_OF_A_NUMBER
from vault.usecases.decide.by_number import MOST_AT_ONCE
from vault.usecases.decide.context import Rules
from vault.usecases.decide.numbers import fpan_keys, fpans_of, number_keys
from vault.usecases.decide.parked import opened, place_of

RENEWED, EXTENDED, CLOSED = Outcome.PAN_UPDATED, Outcome.EXPIRY_UPDATED, Outcome.CLOSED


@pytest.fixture
def bench() -> DecideBench:
    return DecideBench()


def park(bench: DecideBench, asked: int, number: int, update_id: str = "", **fields: object) -> str:
    """Park an answer that brings a number; return its id."""
    intent = by_number(asked, RENEWED, number=number, update_id=update_id, **fields)
    assert told_in(bench.do(intent)) == ("PARKED", {}, "")
    return intent.said.update_id


def last4(bench: DecideBench, token: str) -> str:
    card = bench.stored(token)
    assert card is not None
    return card.last4


# ---- what is parked


@pytest.mark.parametrize(
    ("outcome", "number", "expiry", "told"),
    [
        (RENEWED, 2, 0, "PARKED"),
        (Outcome.BRAND_CHANGED, 2, 203312, "PARKED"),
        (Outcome.CORRECTED, None, 203312, "PARKED"),
        (EXTENDED, None, 203312, "PARKED"),
        (CLOSED, None, 0, "NOT_FOUND"),
        (Outcome.CONTACT_CARDHOLDER, None, 0, "NOT_FOUND"),
        (Outcome.OPTED_OUT, None, 0, "NOT_FOUND"),
        (Outcome.STOP_RECURRING, None, 0, "NOT_FOUND"),
        (Outcome.VALID_NO_CHANGE, None, 0, "NOT_FOUND"),
        (Outcome.NO_MATCH, None, 0, "NOT_FOUND"),
        (Outcome.UNANSWERED, None, 0, "NOT_FOUND"),
    ],
)
def test_only_what_brings_a_number_or_an_expiry_waits(
    bench: DecideBench, outcome: Outcome, number: int | None, expiry: int, told: str
) -> None:
    assert bench.by_number(1, outcome, number=number, expiry=expiry) == (told, {}, "")
    assert len(bench.parked()) == (told == "PARKED")
    record = bench.records()[-1]
    assert (record["result"], record.get("token", "")) == (told.lower(), "")


def test_the_same_answer_waits_once(bench: DecideBench) -> None:
    park(bench, 1, 2, "u-1")
    for _ in range(2):
        park(bench, 1, 2, "u-1")
    twice = entry_of(by_number(5, RENEWED, number=6, update_id="u-2"))
    assert [told_in(each).disposition for each in bench.flush(twice, twice)] == ["PARKED"] * 2
    assert bench.parked() == ["u-1", "u-2"]


def test_what_is_kept_is_sealed_for_its_place_and_opens_nowhere_else(bench: DecideBench) -> None:
    update_id = park(bench, 1, 2, expiry=203312, event=5, asked_time=7)
    (row,) = bench.tables.parked.values()
    keys = keys_of("demo")
    found = opened(keys, row)
    assert (found.pan == pan(1), found.said.new_pan == pan(2)) == (True, True)
    assert found.said.update_id == update_id
    assert (found.said.new_expiry, found.said.times) == (203312, (5, 0, 7))
    assert (found.said.channel, found.said.file, found.said.raw_code) == ("cyb", "f-1", "NAN")
    assert found.said.by_number
    assert (row.channel, row.file, row.purge_time - row.time) == ("cyb", "f-1", 10 * DAY_US)
    for moved in (
        row._replace(update_id="u-other"),
        row._replace(tenant="other"),
        row._replace(time=row.time + 1),
    ):
        with pytest.raises(CannotOpen):
            keys.record.open(row.sealed, place_of(moved))
    with pytest.raises(CannotOpen):
        keys.record.open(row.sealed, place_of(row)._replace(what="contents"))
    shown = [repr(row), str(row), json.dumps(bench.records())]
    leaks = [pan(at).reveal() in text for text in shown for at in (1, 2)]
    leaks += [pan(at).reveal().encode() in part for part in (row.sealed, row.mac) for at in (1, 2)]
    assert not any(leaks)


def test_the_length_of_what_is_sealed_tells_nothing_of_the_number(bench: DecideBench) -> None:
    park(bench, 1, 2)
    bench.by_number(3, EXTENDED, expiry=203312)
    assert {len(row.sealed) % 64 for row in bench.tables.parked.values()} == {90 % 64}


# ---- how many


def test_a_channels_day_is_bounded_and_its_retries_are_not_counted(bench: DecideBench) -> None:
    bench = DecideBench(Rules(parked_per_day=2))
    park(bench, 1, 2, "u-1")
    park(bench, 3, 4, "u-2")
    full = by_number(5, RENEWED, number=6, update_id="u-3")
    assert told_in(bench.do(full)) == ("REJECTED", {}, "PARKED_FULL")
    park(bench, 1, 2, "u-1")  # waits already
    elsewhere = replace(full, said=replace(full.said, channel="gp"))
    assert told_in(bench.do(elsewhere)).disposition == "PARKED"
    assert told_in(bench.do(full, tenant="other")).disposition == "PARKED"
    bench.clock.advance(86_400)
    other_id = replace(full, said=replace(full.said, update_id="u-4"))
    assert told_in(bench.do(other_id)).disposition == "PARKED"


def test_the_bound_holds_within_a_flush(bench: DecideBench) -> None:
    bench = DecideBench(Rules(parked_per_day=2))
    entries = [entry_of(by_number(at, RENEWED, number=50)) for at in (1, 2, 3)]
    told = [told_in(each).disposition for each in bench.flush(*entries)]
    assert told == ["PARKED", "PARKED", "REJECTED"]


def test_a_number_has_a_bound_of_its_own(bench: DecideBench) -> None:
    entries = [
        entry_of(by_number(1, RENEWED, number=2, update_id=f"u-{at}"))
        for at in range(MOST_OF_A_NUMBER + 1)
    ]
    told = [told_in(each).disposition for each in bench.flush(*entries)]
    assert told == ["PARKED"] * MOST_OF_A_NUMBER + ["REJECTED"]
    assert bench.by_number(1, EXTENDED, expiry=203312).reason == "PARKED_FULL"
    assert bench.by_number(2, EXTENDED, expiry=203312).disposition == "PARKED"


# ---- what becomes of it


def test_a_chain_in_reverse_ends_at_its_end(bench: DecideBench) -> None:
    """Spec C2: B to C before A to B is known."""
    token = bench.card(new_card(1)).token
    waited = park(bench, 2, 3, expiry=203312, event=60)
    assert bench.by_number(1, RENEWED, number=2, event=50).cards == {token: "APPLIED"}
    assert last4(bench, token) == pan(2).last4  # in the next flush, not in this one
    assert bench.release() == 1
    card = bench.stored(token)
    assert card is not None
    assert (card.last4, card.expiry, card.credential_version) == (pan(3).last4, 203312, 3)
    assert (card.version_cause, card.version_source) == ("NETWORK", "cyb/f-1")
    assert bench.parked() == []
    record = bench.records()[-1]
    assert (record["action"], record["result"]) == ("card.apply_update", "applied")
    assert (record["token"], record["note"][:11]) == (token, "PAN_UPDATED")
    assert bench.events(token)[-1] == (3, "cardvault.card.updated")
    late = by_number(2, RENEWED, number=3, update_id=waited)
    assert told_in(bench.do(late)).disposition == "DUPLICATE"


def test_an_answer_by_token_releases_too_and_in_one_flush_with_the_parking(
    bench: DecideBench,
) -> None:
    token = bench.card(new_card(1)).token
    outcomes = bench.flush(
        entry_of(by_number(2, RENEWED, number=3)), entry_of(answer(token, RENEWED, number=2))
    )
    assert told_in(outcomes[0]).disposition == "PARKED"
    assert bench.release() == 1
    assert (last4(bench, token), bench.parked()) == (pan(3).last4, [])


def test_a_parked_expiry_confirms_the_number_that_came_without_one(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    bench.by_number(2, EXTENDED, expiry=203312, file="f-0", file_time=1)
    bench.by_number(1, RENEWED, number=2, file="f-1", file_time=2)
    bench.release()
    card = bench.stored(token)
    assert card is not None
    assert (card.expiry, card.expiry_unconfirmed, bench.parked()) == (203312, False, [])


def test_a_parked_expiry_is_as_old_as_its_file(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    bench.by_number(2, EXTENDED, expiry=203312, file="f-0", file_time=1)
    bench.by_number(1, RENEWED, number=2, expiry=203206, file="f-1", file_time=2)
    bench.release()
    card = bench.stored(token)
    assert card is not None
    assert (card.expiry, bench.parked()) == (203206, [])
    assert bench.records()[-1]["result"] == "stale"


def test_a_long_chain_unwinds_a_link_a_flush(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    for at in (5, 3, 4, 2):
        park(bench, at, at + 1)
    bench.by_number(1, RENEWED, number=2)
    assert bench.release() == 4
    assert (last4(bench, token), bench.parked()) == (pan(6).last4, [])
    assert [version.last4 for version in sorted(bench.tables.versions.values())] == [
        pan(at).last4 for at in (1, 2, 3, 4, 5)
    ]


@pytest.mark.parametrize("how", ["tokenize", "edit", "status"])
def test_nobody_but_a_network_releases(bench: DecideBench, how: str) -> None:
    park(bench, 2, 3)
    if how == "tokenize":
        token = bench.card(new_card(2)).token
    else:
        token = bench.card(new_card(1)).token
        bench.card(edit(token, number=2))
    if how == "status":
        bench.card(SetStatus(token, 0, Status.CLOSED))
    assert not bench.delta.due
    (row,) = bench.tables.parked.values()
    bench.clock.advance(LOOK_AGAIN_US / 1e6)
    bench.do(ReleaseParked(row.mac))  # as the sweeper would
    assert (last4(bench, token), len(bench.parked())) == (pan(2).last4, 1)


def test_what_waits_for_another_accounts_card_goes_on_waiting(bench: DecideBench) -> None:
    others = COVERED._replace(merchant_account="other")
    park(bench, 2, 3)
    theirs = bench.card(new_card(1, stored_credentials=(others,))).token
    mine = bench.card(new_card(1)).token
    bench.by_number(1, RENEWED, number=2, merchant="other")
    assert bench.release() == 1
    assert (last4(bench, theirs), len(bench.parked())) == (pan(2).last4, 1)
    (row,) = bench.tables.parked.values()
    assert row.look_time == 0  # nothing is due: the sweeper leaves it alone
    bench.by_number(1, RENEWED, number=2)
    bench.release()
    assert (last4(bench, mine), bench.parked()) == (pan(3).last4, [])
    assert last4(bench, theirs) == pan(2).last4


def test_another_tenants_update_releases_nothing(bench: DecideBench) -> None:
    park(bench, 2, 3)
    bench.card(new_card(1), tenant="other")
    bench.do(by_number(1, RENEWED, number=2), tenant="other")
    assert (bench.delta.due, len(bench.parked())) == ({}, 1)


def test_what_has_waited_too_long_is_not_released(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    park(bench, 2, 3)
    bench.clock.advance(10 * 86_400)
    bench.by_number(1, RENEWED, number=2)
    assert bench.release() == 0
    assert last4(bench, token) == pan(2).last4


def test_a_dry_run_releases_nothing(bench: DecideBench) -> None:
    bench.card(new_card(1))
    park(bench, 2, 3)
    bench.by_number(1, RENEWED, number=2, dry_run=True)
    assert not bench.delta.due
    (row,) = bench.tables.parked.values()
    assert row.look_time == row.time + LOOK_AGAIN_US


def test_two_answers_that_contradict_each_other_stay_in_their_order(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    park(bench, 2, 3, "u-1", event=50)
    bench.clock.advance(1)
    park(bench, 2, 4, "u-0", event=50)
    bench.by_number(1, RENEWED, number=2, event=40)
    assert bench.release() == 1
    assert (last4(bench, token), bench.parked()) == (pan(3).last4, [])
    results = [each["result"] for each in bench.records()[-2:]]
    assert results == ["applied", "conflict"]


def test_releasing_twice_is_releasing_once(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    park(bench, 2, 3)
    (row,) = bench.tables.parked.values()
    bench.by_number(1, RENEWED, number=2)
    release = entry_of(ReleaseParked(row.mac))
    bench.flush(release, release)
    card = bench.stored(token)
    assert card is not None
    assert card.credential_version == 3
    records = len(bench.records())
    (outcome,) = bench.flush(release)
    assert isinstance(outcome, Applied)
    assert (len(bench.records()), bench.delta.empty) == (records, True)


def test_what_does_not_open_stays_and_is_told_once(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    park(bench, 2, 3)
    ((key, row),) = bench.tables.parked.items()
    bench.tables.parked[key] = row._replace(sealed=row.sealed[:-1] + b"x")
    bench.by_number(1, RENEWED, number=2)
    assert bench.release() == 1
    assert (last4(bench, token), bench.tables.parked[key].look_time) == (pan(2).last4, 0)
    record = bench.records()[-1]
    assert (record["result"], record["reason"]) == ("rejected", "DATA_CORRUPT")


def test_a_flush_decides_a_bounded_part_and_the_next_the_rest(bench: DecideBench) -> None:
    number = bench.card(new_card(1))
    for at in range(MOST_AT_ONCE // 40 - 1):
        copy = number._replace(token=f"tok_copy{at:03}")
        bench.tables.cards[copy.key] = copy  # fifty cards; copies do not open
    for at in range(50):
        bench.flush(entry_of(by_number(2, EXTENDED, expiry=203312, update_id=f"u-{at:02}")))
    bench.by_number(1, RENEWED, number=2)
    for card in list(bench.tables.cards.values()):
        if card.token != number.token:
            bench.tables.cards[card.key] = card._replace(
                fingerprint=bench.tables.cards[number.key].fingerprint, version_cause="NETWORK"
            )
    assert bench.release() == 2
    assert bench.parked() == []


# ---- index keys


def test_the_keys_of_an_fpan_are_among_those_of_every_kind() -> None:
    keys = keys_of("demo")
    keys = replace(keys, fingerprints=(MacKey(b"finger-2", b"2" * 32), *keys.fingerprints))
    found = fpans_of(number_keys("demo", keys, pan(1)))
    assert list(found) == fpan_keys("demo", keys, pan(1))


def test_a_rotation_of_the_index_key_loses_nothing(bench: DecideBench) -> None:
    """Parked under the old key, released under both; parked under both, released under the new."""
    old = keys_of("demo")
    fresh = MacKey(b"finger-2", b"2" * 32)
    both = replace(old, fingerprints=(fresh, *old.fingerprints))
    for during, after in ((old, both), (both, both)):
        bench = DecideBench()
        bench.keys["demo"] = during
        token = bench.card(new_card(1)).token
        park(bench, 2, 3)
        bench.keys["demo"] = after
        bench.by_number(1, RENEWED, number=2)
        assert bench.release() == 1
        assert (last4(bench, token), bench.parked()) == (pan(3).last4, [])
    park(bench, 7, 8)
    (row,) = bench.tables.parked.values()
    assert row.mac == fresh.fingerprint("FPAN", pan(7))  # the active key's
