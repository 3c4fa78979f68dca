from collections import Counter

import pytest

from tests.unit.simulator.exchange_site import number
from updater.simulator.ledger import DEFAULT_RATES, Expiry, IssuerLedger, Outcome, Rates, Truth
from updater.simulator.numbers import CardNumber, brand_of, is_luhn_valid
from updater.simulator.request import Question
from updater.simulator.rows import Row, Says

ASKED = Expiry(11, 2027)
RANGES = [("41111111", 16), ("55555555", 16), ("37828224", 15), ("60111111", 16)]
CARDS = [number(c, prefix, length) for prefix, length in RANGES for c in range(1250)]


def only(outcome: Outcome, seed: int = 1) -> IssuerLedger:
    return IssuerLedger(seed, Rates({outcome: 100}))


def truths(seed: int) -> list[Truth]:
    ledger = IssuerLedger(seed)
    return [ledger.truth(card, ASKED) for card in CARDS]


def test_the_seed_alone_decides() -> None:
    again = truths(1) == truths(1)
    other = truths(1) == truths(2)
    assert again
    assert not other


def test_order_and_history_do_not_matter() -> None:
    ledger = IssuerLedger(1)
    backwards = [ledger.truth(card, ASKED) for card in reversed(CARDS)]
    same = backwards[::-1] == truths(1)
    assert same


def test_the_stated_rates_roughly_hold_over_5000_cards() -> None:
    found = Counter(truth.outcome for truth in truths(3))
    for outcome, percent in DEFAULT_RATES.shares.items():
        # Four standard deviations; NED loses one in sixty to CUR (the expiry already issued).
        expected = percent / 100 * len(CARDS)
        spread = 4 * (expected * (1 - percent / 100)) ** 0.5 + 10
        assert abs(found[outcome] - expected) < spread, outcome


def test_no_two_cards_get_one_number_and_none_gets_a_number_asked_about() -> None:
    ledger = IssuerLedger(5, Rates({Outcome.NEW_NUMBER: 50, Outcome.BRAND_CHANGE: 50}))
    asked = set(CARDS)
    generations = CARDS
    seen: set[CardNumber] = set(asked)
    for _ in range(3):  # and so for the cards' successors
        new = [ledger.truth(card, ASKED).new_pan for card in generations]
        fresh = [card for card in new if card is not None]
        assert len(fresh) > 1000
        assert len(set(fresh)) == len(fresh)
        assert seen.isdisjoint(fresh)
        seen.update(fresh)
        generations = fresh


def test_a_new_number_keeps_the_first_eight_digits_and_is_valid() -> None:
    ledger = only(Outcome.NEW_NUMBER)
    for card in CARDS:
        truth = ledger.truth(card, ASKED)
        assert truth.outcome is Outcome.NEW_NUMBER
        assert truth.new_pan is not None
        old, new = card.reveal(), truth.new_pan.reveal()
        good = old[:8] == new[:8] and len(old) == len(new) and is_luhn_valid(new) and old != new
        assert good


def test_a_brand_change_gives_a_valid_number_of_another_brand() -> None:
    ledger = only(Outcome.BRAND_CHANGE)
    brands = set()
    for card in CARDS:
        truth = ledger.truth(card, ASKED)
        assert truth.outcome is Outcome.BRAND_CHANGE
        assert truth.new_pan is not None
        old, new = card.reveal(), truth.new_pan.reveal()
        good = brand_of(old) != brand_of(new) and is_luhn_valid(new)
        assert good
        brands.add((brand_of(old), brand_of(new)))
    assert ("mastercard", "amex") in brands  # lengths differ: 16 to 15 digits


def test_a_card_whose_counter_does_not_fit_the_other_brand_stays_with_its_own() -> None:
    truth = only(Outcome.BRAND_CHANGE).truth(number(654_321, "55555555"), ASKED)
    assert truth.outcome is Outcome.NEW_NUMBER
    assert truth.new_pan is not None
    assert brand_of(truth.new_pan.reveal()) == "mastercard"


def test_an_unknown_range_is_renumbered_and_never_changes_brand() -> None:
    card = number(5, "43210000")
    assert only(Outcome.BRAND_CHANGE).truth(card, ASKED).outcome is Outcome.NEW_NUMBER
    assert only(Outcome.NEW_NUMBER).truth(card, ASKED).outcome is Outcome.NEW_NUMBER


def test_a_card_is_renumbered_until_its_bands_are_used_up_then_it_is_current() -> None:
    ledger, card, steps = only(Outcome.NEW_NUMBER), number(77), 0
    while (truth := ledger.truth(card, ASKED)).new_pan is not None:
        card, steps = truth.new_pan, steps + 1
    assert truth.outcome is Outcome.CURRENT
    assert steps == 7


@pytest.mark.parametrize("outcome", [Outcome.NEW_NUMBER, Outcome.BRAND_CHANGE])
@pytest.mark.parametrize("prefix", ["41111111", "55555555", "43210000", "58880000"])
def test_a_demanded_number_comes_even_out_of_a_used_up_range(outcome: Outcome, prefix: str) -> None:
    card = number(9_999_999, prefix)
    truth = only(Outcome.CLOSED).truth(card, ASKED, demand=outcome)
    assert truth.outcome is outcome
    assert truth.new_pan is not None
    flipped = brand_of(card.reveal()) != brand_of(truth.new_pan.reveal())
    assert flipped == (outcome is Outcome.BRAND_CHANGE)
    assert is_luhn_valid(truth.new_pan.reveal()) is True


def test_a_new_expiry_is_later_and_settles_once_it_is_known() -> None:
    ledger = only(Outcome.NEW_EXPIRY)
    changed = 0
    for card in CARDS[:500]:
        truth = ledger.truth(card, ASKED)
        assert truth.new_pan is None
        if truth.outcome is Outcome.CURRENT:  # it had been issued with just this one
            continue
        changed += 1
        assert truth.new_expiry is not None
        assert 1 <= truth.new_expiry.month <= 12
        assert ASKED.year < truth.new_expiry.year <= ASKED.year + 5
        assert ledger.truth(card, truth.new_expiry).outcome is Outcome.CURRENT
    assert changed > 450


def test_an_expiry_that_two_digits_cannot_hold_is_never_given() -> None:
    ledger = only(Outcome.NEW_EXPIRY)
    answers = [ledger.truth(card, Expiry(1, 2099)) for card in CARDS[:50]]
    assert {truth.outcome for truth in answers} == {Outcome.CURRENT}


def test_without_an_asked_expiry_the_outcome_is_known_and_the_date_is_not() -> None:
    for outcome in (Outcome.NEW_EXPIRY, Outcome.NEW_NUMBER):
        truth = only(outcome).truth(number(1))
        assert truth.outcome is outcome
        assert truth.new_expiry is None


def test_some_new_numbers_come_without_an_expiry() -> None:
    ledger = only(Outcome.NEW_NUMBER)
    silent = sum(ledger.truth(card, ASKED).new_expiry is None for card in CARDS)
    assert 0.07 < silent / len(CARDS) < 0.13


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in {"NAN", "BRAND", "NED"}])
def test_other_outcomes_bring_nothing_new(outcome: Outcome) -> None:
    assert only(outcome).truth(number(1), ASKED) == Truth(outcome)


def test_a_truth_prints_no_number() -> None:
    truth = only(Outcome.NEW_NUMBER).truth(number(1), ASKED)
    assert truth.new_pan is not None
    leaked = truth.new_pan.reveal() in repr(truth)
    assert not leaked


def test_a_question_and_an_answer_print_no_number() -> None:
    card = number(1)
    question = Question(1, card.reveal(), "11", "27", reference="ref")
    row = Row(question, Says.NEW_NUMBER, new=card.reveal())
    assert (repr(question), repr(row)) == ("<Question 1>", "<Row NEW_NUMBER>")


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {Outcome.CURRENT: 99},
        {Outcome.CURRENT: 101, Outcome.CLOSED: -1},
        {Outcome.CURRENT: float("nan"), Outcome.CLOSED: 100},
        {Outcome.CURRENT: float("inf")},
    ],
)
def test_rates_are_percentages_of_a_whole(shares: dict[Outcome, float]) -> None:
    with pytest.raises(ValueError, match="rate"):
        Rates(shares)


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-53])
def test_an_outcome_without_a_share_is_never_drawn(draw: float) -> None:
    rates = Rates({Outcome.CURRENT: 0, Outcome.CLOSED: 100, Outcome.UNAVAILABLE: 0})
    assert rates.pick(draw) is Outcome.CLOSED


def test_a_chain_goes_on_at_its_rate_and_its_successors_agree() -> None:
    ledger = IssuerLedger(4, Rates({Outcome.NEW_NUMBER: 100}), chains=40)
    lengths = Counter[int]()
    for card in CARDS:
        steps = ledger.steps(card, ASKED)
        lengths[len(steps)] += 1
        new = steps[0].new_pan
        assert new is not None
        if len(steps) > 1:  # whoever asks about the successor is told the rest
            same = ledger.steps(new, steps[0].new_expiry or ASKED)[: len(steps) - 1] == steps[1:]
            assert same
    more = len(CARDS) - lengths[1]
    assert abs(more / len(CARDS) - 0.4) < 0.03
    assert abs((more - lengths[2]) / more - 0.4) < 0.05
    assert max(lengths) == 4


def test_chains_leave_first_answers_as_they_are_and_numbers_unique() -> None:
    plain, chained = IssuerLedger(4), IssuerLedger(4, chains=50, cycles=10)
    seen: set[CardNumber] = set(CARDS)
    for card in CARDS:
        steps = chained.steps(card, ASKED)
        same = steps[0] == plain.truth(card, ASKED)
        assert same
        fresh = [step.new_pan for step in steps if step.new_pan and step.new_pan != card]
        assert seen.isdisjoint(fresh)
        seen.update(fresh)


def test_a_cycle_ends_at_the_number_asked_about_with_a_later_expiry() -> None:
    ledger = IssuerLedger(4, Rates({Outcome.NEW_NUMBER: 100}), cycles=20)
    cycles = [steps for card in CARDS if (steps := ledger.steps(card, ASKED))[-1].new_pan == card]
    assert abs(len(cycles) / len(CARDS) - 0.2) < 0.03
    for away, back in cycles:
        assert back.new_expiry is not None
        known = away.new_expiry or ASKED
        assert (back.new_expiry.year, back.new_expiry.month) > (known.year, known.month)


def test_a_stray_number_is_nobodys() -> None:
    ledger = IssuerLedger(4, Rates({Outcome.NEW_NUMBER: 100}), chains=100)
    theirs = {step.new_pan for card in CARDS for step in ledger.steps(card, ASKED)} | set(CARDS)
    for card in CARDS[:300]:
        stray = ledger.stray(card, "test")
        assert stray not in theirs
        good = is_luhn_valid(stray.reveal()) and brand_of(stray.reveal()) == brand_of(card.reveal())
        assert good
