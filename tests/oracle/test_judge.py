"""The judge of `make proof` is judged itself: each falsification of a right outcome is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.oracle.record import Breach, Contents, Sent, SentFile, VaultCounts
from tests.oracle.recorded import LATER, OLD, PROMISED, Outcome, judged, recorded, seen

Falsify = Callable[[Outcome], None]


def test_a_right_outcome_is_right_and_counted_once() -> None:
    verdict = judged(recorded())
    assert verdict.right, verdict.findings
    assert verdict.cards == {"determined": 10, "undetermined": 4, "nobody asked": 2}
    assert verdict.ledgers.rows == {
        "APPLIED": 10,
        "NO_CHANGE": 1,
        "DUPLICATE": 1 + 13,
        "CONFLICT": 3,
        "PARKED": 2,
        "NOT_FOUND": 1,
        "EXCEPTION": 1,
        "QUARANTINED": 9,
    }
    assert verdict.ledgers.rows.total() == verdict.ledgers.sent.total() == 41


def dropped_update(outcome: Outcome) -> None:
    outcome.seen["b-renumbered"] = seen("b")


def swapped_numbers(outcome: Outcome) -> None:
    b, c = outcome.seen["b-renumbered"], outcome.seen["c-expiry"]
    outcome.seen["b-renumbered"] = replace(b, contents=c.contents)
    outcome.seen["c-expiry"] = replace(c, contents=b.contents)


def wrong_expiry(outcome: Outcome) -> None:
    outcome.seen["c-expiry"] = seen("c", (2029, 6), 2)


def changed_without_a_row(outcome: Outcome) -> None:
    outcome.seen["a-current"] = seen("a", LATER)


def wrong_status(outcome: Outcome) -> None:
    outcome.seen["d-closed"] = seen("d")


def lost_hold(outcome: Outcome) -> None:
    outcome.seen["g-opted-out"] = seen("g")


def hold_too_many(outcome: Outcome) -> None:
    view = outcome.seen["b-renumbered"]
    outcome.seen["b-renumbered"] = replace(view, holds=frozenset({"LEGAL_HOLD/"}))


def extra_version(outcome: Outcome) -> None:
    outcome.seen["b-renumbered"] = seen("B", LATER, 3)


def skipped_version(outcome: Outcome) -> None:
    outcome.seen["l-chain"] = seen("L", LATER, 2)


def corrected_in_one_step(outcome: Outcome) -> None:
    outcome.seen["p-corrected"] = seen("P", LATER, 2)


def touched_bystander(outcome: Outcome) -> None:
    outcome.seen["b-beside"] = seen("B", LATER, 2)


def touched_other_tenant(outcome: Outcome) -> None:
    outcome.seen["b-abroad"] = seen("B", LATER, 2)


def card_gone(outcome: Outcome) -> None:
    del outcome.seen["e-contact"]


def card_without_contents(outcome: Outcome) -> None:
    outcome.seen["e-contact"] = replace(outcome.seen["e-contact"], contents=None)


def guessed_after_contradiction(outcome: Outcome) -> None:
    outcome.seen["j-contradicted"] = seen("J", LATER, 2)


def guessed_what_was_omitted(outcome: Outcome) -> None:
    outcome.seen["i-omitted"] = seen("I", LATER, 2)


def guessed_a_chain_without_beginning(outcome: Outcome) -> None:
    outcome.seen["n-cut"] = seen("N", LATER, 2)


def guessed_in_a_cycle(outcome: Outcome) -> None:
    outcome.seen["k-cycle"] = seen("Z", LATER, 2)


def undetermined_for_no_reason(outcome: Outcome) -> None:
    card, word = outcome.cards["b-renumbered"]
    assert word is not None
    outcome.cards["b-renumbered"] = (card, replace(word, determined=False))


def missing_exception(outcome: Outcome) -> None:
    outcome.exceptions = [each for each in outcome.exceptions if each.ordinal != 10]


def nobody_told_of_a_card(outcome: Outcome) -> None:
    outcome.exceptions = [each for each in outcome.exceptions if each.token != "j-contradicted"]
    outcome.answers["feed-one"][9:11] = [
        each._replace(disposition="NO_CHANGE") for each in outcome.answers["feed-one"][9:11]
    ]


def nobody_told_of_an_unknown_code(outcome: Outcome) -> None:
    outcome.exceptions = [each for each in outcome.exceptions if each.token != "h-unknown"]


def nobody_told_of_silence(outcome: Outcome) -> None:
    outcome.exceptions = [each for each in outcome.exceptions if not each.inquiry]


def nothing_parked(outcome: Outcome) -> None:
    outcome.answers["feed-two"] = [
        each._replace(disposition="NOT_FOUND") if each.disposition == "PARKED" else each
        for each in outcome.answers["feed-two"]
    ]


def unfounded_exception(outcome: Outcome) -> None:
    outcome.exceptions.append(outcome.exceptions[0]._replace(ordinal=2, token="b-renumbered"))


def quarantined_unseen(outcome: Outcome) -> None:
    outcome.exceptions = [each for each in outcome.exceptions if each.feed_id != "feed-torn"]


def lost_row(outcome: Outcome) -> None:
    del outcome.answers["feed-one"][7]


def invented_row(outcome: Outcome) -> None:
    answers = outcome.answers["feed-one"]
    answers.append(answers[0]._replace(ordinal=14))


def row_twice(outcome: Outcome) -> None:
    answers = outcome.answers["feed-one"]
    answers.append(answers[0])


def wrong_counts(outcome: Outcome) -> None:
    one = outcome.told[0]
    outcome.told[0] = replace(one, counts={**one.counts, "APPLIED": one.counts["APPLIED"] + 1})


def wrong_records(outcome: Outcome) -> None:
    outcome.told[0] = replace(outcome.told[0], records=12)


def lost_file(outcome: Outcome) -> None:
    del outcome.told[2]


def invented_file(outcome: Outcome) -> None:
    outcome.told.append(replace(outcome.told[1], name="nobody-sent-it", feed_id="feed-x"))


def file_of_another_channel(outcome: Outcome) -> None:
    outcome.told[2] = replace(outcome.told[2], channel="elsewhere")


def applied_a_torn_file(outcome: Outcome) -> None:
    outcome.told[3] = replace(outcome.told[3], state="APPLIED")


def left_a_file_half_way(outcome: Outcome) -> None:
    outcome.told[0] = replace(outcome.told[0], state="VALIDATED")


def copy_without_original(outcome: Outcome) -> None:
    outcome.told[1] = replace(outcome.told[1], duplicate_of="")


def applied_twice(outcome: Outcome) -> None:
    answers = outcome.answers["feed-one"]
    answers[2] = answers[2]._replace(disposition="APPLIED", own=False)


def vault_decided_more(outcome: Outcome) -> None:
    outcome.vault = VaultCounts(outcome.vault.decided + 1, outcome.vault.waiting)


def vault_lost_a_parked_one(outcome: Outcome) -> None:
    outcome.vault = VaultCounts(outcome.vault.decided, outcome.vault.waiting - 1)


def vault_parked_too_many(outcome: Outcome) -> None:
    outcome.vault = VaultCounts(outcome.vault.decided, outcome.vault.waiting + 2)


@pytest.mark.parametrize(
    ("falsify", "named"),
    [
        (dropped_update, {Breach.CONTENTS, Breach.VERSIONS, Breach.TWICE}),
        (swapped_numbers, {Breach.CONTENTS}),
        (wrong_expiry, {Breach.CONTENTS}),
        (changed_without_a_row, {Breach.CONTENTS}),
        (wrong_status, {Breach.STATUS}),
        (lost_hold, {Breach.HOLDS}),
        (hold_too_many, {Breach.HOLDS}),
        (extra_version, {Breach.VERSIONS}),
        (skipped_version, {Breach.VERSIONS}),
        (corrected_in_one_step, {Breach.VERSIONS, Breach.TWICE}),
        (touched_bystander, {Breach.TOUCHED}),
        (touched_other_tenant, {Breach.OTHER_TENANT}),
        (card_gone, {Breach.CARD_MISSING}),
        (card_without_contents, {Breach.CARD_MISSING}),
        (guessed_after_contradiction, {Breach.GUESSED}),
        (guessed_what_was_omitted, {Breach.GUESSED}),
        (guessed_a_chain_without_beginning, {Breach.GUESSED}),
        (guessed_in_a_cycle, {Breach.GUESSED}),
        (undetermined_for_no_reason, {Breach.UNRULED}),
        (missing_exception, {Breach.EXCEPTION_LOST}),
        (nobody_told_of_a_card, {Breach.NO_TRACE, Breach.COUNTS}),
        (nobody_told_of_an_unknown_code, {Breach.NO_TRACE, Breach.EXCEPTION_LOST}),
        (nobody_told_of_silence, {Breach.NO_TRACE}),
        (nothing_parked, {Breach.NO_TRACE, Breach.COUNTS, Breach.VAULT_TOTALS}),
        (unfounded_exception, {Breach.EXCEPTION_UNFOUNDED}),
        (quarantined_unseen, {Breach.EXCEPTION_LOST}),
        (lost_row, {Breach.ROW_LOST, Breach.COUNTS, Breach.TOTALS, Breach.VAULT_TOTALS}),
        (invented_row, {Breach.ROW_UNSENT, Breach.COUNTS, Breach.TOTALS, Breach.VAULT_TOTALS}),
        (row_twice, {Breach.ROW_UNSENT, Breach.COUNTS, Breach.VAULT_TOTALS}),
        (wrong_counts, {Breach.COUNTS}),
        (wrong_records, {Breach.COUNTS}),
        (
            lost_file,
            {Breach.FILE_LOST, Breach.NO_TRACE, Breach.VAULT_TOTALS, Breach.TOTALS},
        ),
        (invented_file, {Breach.FILE_UNSENT}),
        (
            file_of_another_channel,
            {
                Breach.FILE_LOST,
                Breach.FILE_UNSENT,
                Breach.NO_TRACE,
                Breach.VAULT_TOTALS,
                Breach.TOTALS,
            },
        ),
        (applied_a_torn_file, {Breach.FILE_STATE, Breach.EXCEPTION_LOST, Breach.COUNTS}),
        (left_a_file_half_way, {Breach.FILE_STATE, Breach.COUNTS}),
        (copy_without_original, {Breach.FILE_STATE}),
        (applied_twice, {Breach.TWICE, Breach.COUNTS, Breach.VAULT_TOTALS}),
        (vault_decided_more, {Breach.VAULT_TOTALS}),
        (vault_lost_a_parked_one, {Breach.VAULT_TOTALS}),
        (vault_parked_too_many, {Breach.VAULT_TOTALS}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_falsification_is_named(falsify: Falsify, named: set[Breach]) -> None:
    outcome = recorded()
    falsify(outcome)
    assert {each.breach for each in judged(outcome).findings} == named


def test_fewer_answers_than_promised_are_named() -> None:
    outcome = recorded()
    outcome.sent = [SentFile("ch", "one", Sent.GOOD, PROMISED - 7)]
    assert Breach.TOTALS in {each.breach for each in judged(outcome).findings}


def test_a_copy_may_be_seen_before_its_original() -> None:
    outcome = recorded()
    one, copy = outcome.told[0], outcome.told[1]
    outcome.told[0], outcome.told[1] = replace(one, name=copy.name), replace(copy, name=one.name)
    assert judged(outcome).right


def test_a_finding_names_no_number() -> None:
    number = "4" + "1" * 15
    outcome = recorded()
    card, word = outcome.cards["b-renumbered"]
    outcome.cards["b-renumbered"] = (replace(card, contents=Contents(number, OLD)), word)
    outcome.seen["b-renumbered"] = seen(number, OLD, 1)
    verdict = judged(outcome)
    assert not verdict.right
    shown = f"{verdict.findings} {[str(each) for each in verdict.findings]} {outcome.seen}"
    leaked = number in f"{shown} {outcome.cards}"
    assert not leaked
