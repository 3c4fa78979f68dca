"""What every entry leaves behind: one audit record, one event a revision, one request record."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cards.outcomes import Outcome as UpdateOutcome
from tests.doubles.decide_bench import (
    DAY_US,
    DecideBench,
    answer,
    by_number,
    card_in,
    edit,
    entry_of,
    look,
    new_card,
    refusal,
)
from tests.doubles.vault_ledger import CHAIN, keys_of, pan
from vault.domain.audit import GENESIS, ChainHead, chained_hash
from vault.domain.card import Status
from vault.domain.intents import (
    DeleteCard,
    DropParked,
    EndChains,
    EraseCard,
    FindNumber,
    Intent,
    Note,
    NoteDecline,
    PurgeVersion,
    ReleaseParked,
    RevertUpdates,
    SetStatus,
    UndeleteCard,
)
from vault.domain.outcome import Applied, Outcome, Replayed
from vault.domain.reasons import Reason
from vault.domain.results import TokenizeResult
from vault.usecases.decide.decider import DECISIONS, Decider
from vault.usecases.decide.wants import wants_of

# Each intent, its audited action, whether it changes the card, and who may set it up.
Make = Callable[[str], Intent]
DEAD = ChainHead("chn_dead", 3, b"h" * 32)
INTENTS: dict[str, tuple[str, bool, Make]] = {
    "add": ("card.tokenize", True, lambda _token: new_card(5)),
    "edit": ("card.update", True, lambda token: edit(token, number=2)),
    "status": ("card.set_status", True, lambda token: SetStatus(token, 0, Status.CLOSED)),
    "decline": ("card.report_decline", True, lambda token: NoteDecline(token, "05", 1)),
    "delete": ("card.delete", True, lambda token: DeleteCard(token, 0, DAY_US)),
    "undelete": ("card.undelete", True, lambda token: UndeleteCard(token, 0)),
    "reveal": ("card.reveal", False, look),
    "find": ("card.find_by_number", False, lambda _token: FindNumber(pan(1), "dispute")),
    "answer": (
        "card.apply_update",
        True,
        lambda token: answer(token, UpdateOutcome.PAN_UPDATED, asked=2, number=3),
    ),
    "answer by number": (
        "card.apply_update",
        True,
        lambda _token: by_number(4, UpdateOutcome.PAN_UPDATED, number=3),
    ),
    "revert": ("card.revert_updates", True, lambda token: RevertUpdates(token, "cyb/f-1")),
    "erase": ("card.erase", True, EraseCard),
    "purge": ("card.purge_version", False, lambda token: PurgeVersion(token, 1)),
    "note": ("vault.stop", False, lambda _token: Note("vault.stop", "ok")),
    "reap": ("vault.reap", False, lambda _token: EndChains((DEAD,))),
}
SAID = {"answer": "applied", "answer by number": "applied", "revert": "reverted"}
NEVER_REFUSED_FOR_A_CARD = {"add", "find", "answer", "answer by number", "note", "reap"}
OF_NO_CARD = {ReleaseParked, DropParked}  # about what waits for one: test_parked.py


@pytest.fixture
def bench() -> DecideBench:
    made = DecideBench()
    made.tables.heads[DEAD.chain] = DEAD
    return made


def ready(bench: DecideBench, name: str) -> str:
    """Return a card on which the intent succeeds: it has a version that may be purged."""
    token = bench.card(new_card(1, customer="c-1")).token
    bench.card(edit(token, number=4))
    bench.clock.advance(181 * 86_400)
    if name == "erase":
        bench.card(DeleteCard(token, 0, 0))
    if name == "revert":
        bench.update(answer(token, UpdateOutcome.CLOSED, asked=2))
    if name == "undelete":
        bench.card(DeleteCard(token, 0, DAY_US))
    return token


def test_every_intent_has_a_case_here() -> None:
    covered = {type(make("tok")) for _action, _changes, make in INTENTS.values()}
    assert covered | OF_NO_CARD == set(DECISIONS)


@pytest.mark.parametrize("name", INTENTS)
def test_success_leaves_one_audit_record_and_one_event_if_it_changed_the_card(
    bench: DecideBench, name: str
) -> None:
    action, changes, make = INTENTS[name]
    token = ready(bench, name)
    outcome = bench.do(make(token), tenant="demo")
    assert isinstance(outcome, Applied), type(outcome).__name__
    (row,) = bench.delta.audit
    record = bench.records()[-1]
    assert len(row.record) > 0
    assert (record["action"], record["tenant"]) == (action, "demo")
    assert record["principal"] == "spiffe://test/app"
    assert record["result"] == SAID.get(name, "ok")
    revisions = [change.card.revision for change in bench.delta.cards.values()]
    assert [event.revision for event in bench.delta.outbox] == revisions
    assert len(revisions) == changes
    assert record.get("revision", 0) == (revisions[0] if revisions else 0)


@pytest.mark.parametrize("name", sorted(INTENTS.keys() - NEVER_REFUSED_FOR_A_CARD))
def test_a_refusal_leaves_one_audit_record_and_nothing_else(bench: DecideBench, name: str) -> None:
    action, _changes, make = INTENTS[name]
    outcome = bench.do(make("tok_missing"), "r-1")
    assert refusal(outcome) is Reason.CARD_NOT_FOUND
    (row,) = bench.delta.audit
    record = bench.records()[-1]
    assert row.sequence == 1
    assert (record["action"], record["result"]) == (action, "refused")
    assert (record["reason"], record["token"]) == ("CARD_NOT_FOUND", "tok_missing")
    delta = bench.delta
    assert (delta.cards, delta.outbox, delta.requests, delta.numbers) == ({}, [], [], {})


@pytest.mark.parametrize("name", sorted(INTENTS.keys() - {"add", "find", "note"}))
def test_a_card_number_in_a_tokens_place_does_not_reach_the_audit(
    bench: DecideBench, name: str
) -> None:
    digits = pan(8).reveal()
    bench.do(INTENTS[name][2](digits))
    leaked = digits.encode() in bench.delta.audit[0].record
    assert leaked is False


def test_the_records_of_a_flush_are_chained_in_order_behind_the_head(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    bench.flush(entry_of(look(token)), entry_of(look("tok_missing")), entry_of(look(token)))
    previous = GENESIS
    for number, (_key, row) in enumerate(sorted(bench.tables.audit.items()), 1):
        assert (row.chain, row.sequence) == (CHAIN, number)
        assert chained_hash(previous, row.record) == row.hash
        previous = row.hash
    assert bench.tables.heads[CHAIN].hash == previous
    assert [record["result"] for record in bench.records()] == ["ok", "ok", "refused", "ok"]


def test_entries_of_a_flush_see_those_before_them(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    outcomes = bench.flush(
        entry_of(edit(token, 1, number=2)),
        entry_of(look(token)),
        entry_of(edit(token, 1, number=3)),
        entry_of(DeleteCard(token, 2, DAY_US)),
        entry_of(look(token)),
        entry_of(UndeleteCard(token, 3)),
        entry_of(look(token, credential_version=1, superseded_too=True)),
    )
    seen = [outcomes[index].value.contents.pan for index in (1, 6)]  # type: ignore[union-attr]
    same = seen == [pan(2), pan(1)]
    assert same
    assert refusal(outcomes[2]) is Reason.REVISION_CONFLICT
    assert refusal(outcomes[4]) is Reason.CARD_DELETED
    assert [revision for revision, _kind in bench.events(token)] == [1, 2, 3, 4]
    (change,) = bench.delta.cards.values()
    assert (change.base, change.card.revision) == (1, 4)


@pytest.mark.parametrize("together", [True, False])
def test_a_request_id_has_one_effect_and_its_replay_shows_the_card_as_it_is(
    bench: DecideBench, *, together: bool
) -> None:
    entries = [entry_of(new_card(1, customer="c-1"), "r-1", body=b"1") for _ in range(3)]
    outcomes = bench.flush(*entries) if together else [bench.flush(each)[0] for each in entries]
    assert [type(each) for each in outcomes] == [Applied, Replayed, Replayed]
    assert len(bench.tables.cards) == len(bench.tables.outbox) == len(bench.tables.requests) == 1
    assert len(bench.records()) == 1
    card = bench.card(edit(card_in(outcomes[0]).token, cardholder_name="Now"))
    again = bench.flush(entries[0])[0]
    assert isinstance(again, Replayed)
    assert again.value == TokenizeResult(card, created=True, differs=())


def test_a_replay_tells_what_was_told_then(bench: DecideBench) -> None:
    bench.card(new_card(1, customer="c-1"))
    sent = new_card(1, customer="c-1", name="J. Doe")
    first: Outcome = bench.do(sent, "r-1")
    again = bench.do(sent, "r-1")
    assert isinstance(first, Applied)
    assert isinstance(again, Replayed)
    assert first.value == again.value
    assert again.value.differs == ("card.cardholder_name",)


def test_a_known_request_id_goes_before_the_expected_revision(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    intent = edit(token, 1, number=2)
    first = bench.card(intent, "r-1")
    again = bench.do(intent, "r-1")
    assert isinstance(again, Replayed)
    assert card_in(again) == first


def test_another_body_under_a_known_request_id_is_refused_and_audited(bench: DecideBench) -> None:
    bench.card(new_card(1), "r-1", body=b"one")
    assert refusal(bench.do(new_card(2), "r-1", body=b"two")) is Reason.REQUEST_ID_REUSED
    assert bench.records()[-1]["reason"] == "REQUEST_ID_REUSED"
    assert len(bench.tables.cards) == 1


def test_a_request_id_belongs_to_its_tenant_and_principal(bench: DecideBench) -> None:
    bench.card(new_card(1), "r-1", body=b"one")
    for fields in ({"tenant": "other"}, {"principal": "spiffe://test/other"}):
        outcome = bench.do(new_card(2), "r-1", body=b"two", **fields)
        assert isinstance(outcome, Applied)


def test_a_refusal_is_not_remembered(bench: DecideBench) -> None:
    token = bench.card(new_card(1)).token
    intent = UndeleteCard(token, 0)
    assert refusal(bench.do(intent, "r-1")) is Reason.CARD_NOT_DELETED
    bench.card(DeleteCard(token, 0, DAY_US))
    assert isinstance(bench.do(intent, "r-1"), Applied)


def test_a_replay_after_erasure_shows_the_tombstone(bench: DecideBench) -> None:
    token = bench.card(new_card(1), "r-1").token
    bench.card(DeleteCard(token, 0, 0))
    bench.card(EraseCard(token))
    again = bench.do(new_card(1), "r-1")
    assert isinstance(again, Replayed)
    assert card_in(again).sealed is None


def test_a_search_and_a_note_name_no_card_and_want_none() -> None:
    entries = [entry_of(Note("x", "ok", "", "tok_1")), entry_of(FindNumber(pan(1), "dispute"))]
    want = wants_of(entries, {"demo": keys_of("demo")}, 0)
    assert (want.cards, want.siblings) == (set(), set())


def test_a_request_whose_card_is_gone_without_a_tombstone_is_refused(bench: DecideBench) -> None:
    bench.card(new_card(1), "r-1")
    bench.tables.cards.clear()
    assert refusal(bench.do(new_card(1), "r-1")) is Reason.CARD_NOT_FOUND


def test_a_request_recorded_under_a_key_that_is_gone_never_replays(bench: DecideBench) -> None:
    bench.card(new_card(1), "r-1")
    (key, record), *_none = bench.tables.requests.items()
    bench.tables.requests[key] = record._replace(mac_key=b"reques-0")
    assert refusal(bench.do(new_card(1), "r-1")) is Reason.REQUEST_ID_REUSED


def test_without_an_outbox_everything_but_the_events_is_written(bench: DecideBench) -> None:
    bench.decider = Decider(lambda _event: None)
    token = bench.card(new_card(1)).token
    bench.card(edit(token, number=2))
    assert bench.events(token) == []
    assert len(bench.records()) == 2
