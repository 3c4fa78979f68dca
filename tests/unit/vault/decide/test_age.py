"""Like is compared with like, and lineage follows networks only (account-updater.md, 5.4)."""

from __future__ import annotations

import pytest

from cards.outcomes import Outcome
from tests.doubles.decide_bench import DecideBench, answer, edit, new_card
from vault.domain.card import Card, Cause, Times, Version
from vault.usecases.decide.age import Age, age_of, lineage_of
from vault.usecases.decide.edit import version_of

NEWER, TIED, OLDER = Age.NEWER, Age.TIED, Age.OLDER
CARD = (
    DecideBench()
    .card(new_card(1))
    ._replace(credential_version=2, version_cause="NETWORK", version_source="cyb/f-1")
)

#  card's event file asked   answer's event file asked   asked current, asked older
TIMES = [
    ((50, 0, 0), (51, 0, 0), NEWER, NEWER),
    ((50, 0, 0), (50, 0, 0), TIED, TIED),
    ((50, 0, 0), (49, 0, 0), OLDER, OLDER),
    ((0, 50, 0), (0, 51, 0), NEWER, NEWER),
    ((0, 50, 0), (0, 50, 0), TIED, TIED),
    ((0, 50, 0), (0, 49, 0), OLDER, OLDER),
    ((0, 0, 50), (0, 0, 51), NEWER, NEWER),
    ((0, 0, 50), (0, 0, 50), TIED, TIED),
    ((0, 0, 50), (0, 0, 49), OLDER, OLDER),
    ((50, 90, 90), (51, 10, 10), NEWER, NEWER),  # the event goes before the file
    ((50, 10, 10), (49, 90, 90), OLDER, OLDER),
    ((50, 10, 10), (50, 90, 90), TIED, TIED),
    ((0, 50, 90), (99, 51, 10), NEWER, NEWER),  # one event time alone compares with nothing
    ((99, 50, 10), (0, 49, 90), OLDER, OLDER),
    ((99, 0, 50), (0, 99, 51), NEWER, NEWER),
    ((99, 0, 0), (0, 99, 0), NEWER, TIED),  # nothing alike: the version asked about decides
    ((0, 0, 0), (1, 1, 1), NEWER, OLDER),  # no network has spoken yet
]


@pytest.mark.parametrize(("held", "sent", "current", "older"), TIMES)
def test_only_like_is_compared_with_like(
    held: tuple[int, int, int], sent: tuple[int, int, int], current: Age, older: Age
) -> None:
    card = CARD._replace(event_time=held[0], file_time=held[1], asked_time=held[2])
    for asked, expected in ((2, current), (1, older)):
        times = Times(*sent)
        intent = answer(
            "tok",
            Outcome.CLOSED,
            asked=asked,
            event=times.event,
            file_time=times.file,
            asked_time=times.asked,
            file="f-2",
        )
        assert age_of(card, intent) is expected


# Of what was undone, the line decides: who made the version below it (test_reverts.py).
@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.NETWORK, Cause.REVERTED}))
def test_against_a_persons_change_the_version_decides_whatever_the_times(cause: Cause) -> None:
    card = CARD._replace(version_cause=cause.value, event_time=50)
    assert age_of(card, answer("tok", Outcome.CLOSED, asked=1, event=99)) is OLDER
    assert age_of(card, answer("tok", Outcome.CLOSED, asked=2, event=99)) is NEWER


@pytest.mark.parametrize(
    ("fields", "file", "asked", "expected"),
    [
        ({}, "f-1", 2, NEWER),
        ({}, "f-1", 1, TIED),
        ({}, "f-2", 2, TIED),
        ({"version_source": "cyb/"}, "", 2, TIED),  # a push has no file to be in
        ({"status": "NEEDS_CARDHOLDER"}, "f-1", 2, TIED),  # said of this version already
        ({"version_cause": "CARDHOLDER"}, "f-1", 2, TIED),
    ],
)
def test_inside_one_file_the_lineage_decides(
    fields: dict[str, str], file: str, asked: int, expected: Age
) -> None:
    card = CARD._replace(event_time=50, **fields)  # type: ignore[arg-type]
    if fields.get("version_cause") == "CARDHOLDER":
        card = card._replace(version_source="cyb/f-1")
    assert age_of(card, answer("tok", Outcome.CLOSED, asked=asked, event=50, file=file)) is expected


def versions_of(card: Card, *causes: str) -> list[Version]:
    """Return the versions before `card`'s, made by these causes, each with a number of its own."""
    return [
        version_of(
            card._replace(
                credential_version=number, version_cause=cause, fingerprint=f"fp_{number}"
            ),
            1,
            2,
        )
        for number, cause in enumerate(causes, 1)
    ]


@pytest.mark.parametrize(
    ("causes", "asked", "followed"),
    [
        (("CARDHOLDER", "NETWORK", "NETWORK"), 1, True),
        (("CARDHOLDER", "NETWORK", "NETWORK"), 3, True),
        (("CARDHOLDER", "CARDHOLDER", "NETWORK"), 1, False),
        (("CARDHOLDER", "CARDHOLDER", "NETWORK"), 2, True),
        (("CARDHOLDER", "NETWORK", "OPERATOR"), 1, False),
        (("CARDHOLDER", "NETWORK", "CARDHOLDER"), 1, False),
        (("CARDHOLDER", "NETWORK", "CARDHOLDER"), 2, False),
        (("CARDHOLDER", "NETWORK", "CARDHOLDER"), 3, True),
    ],
)
def test_lineage_ends_where_anybody_but_a_network_made_a_version(
    causes: tuple[str, ...], asked: int, *, followed: bool
) -> None:
    card = CARD._replace(credential_version=3, version_cause=causes[2])
    assert lineage_of(card, versions_of(card, *causes[:2]), asked).followed is followed


def test_lineage_names_every_version_since_and_ends_at_a_purged_one() -> None:
    card = CARD._replace(credential_version=4, fingerprint="fp_1", expiry=203301)
    versions = versions_of(card, "CARDHOLDER", "NETWORK", "NETWORK")
    lineage = lineage_of(card, versions, 1)
    assert [number for number, _expiry in lineage.later] == ["fp_2", "fp_3", "fp_1"]
    assert (lineage.same_number, lineage_of(card, versions, 2).same_number) == (True, False)
    assert not lineage_of(card, [versions[0], versions[2]], 1).followed
    assert lineage_of(card, [versions[2]], 3).followed


def test_a_late_answer_never_touches_what_came_of_the_cardholders_own_card() -> None:
    """Spec C6, one step on: the network has renewed the cardholder's own card since."""
    bench = DecideBench()
    token = bench.card(new_card(1)).token
    bench.card(edit(token, number=2))
    applied = answer(token, Outcome.PAN_UPDATED, asked=2, number=3, event=50)
    assert bench.update(applied)[0] == "APPLIED"
    late = answer(token, Outcome.PAN_UPDATED, asked=1, number=4, event=99)
    disposition, card = bench.update(late)
    assert disposition == "STALE"
    assert card is not None
    assert card.credential_version == 3
