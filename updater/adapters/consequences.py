"""What follows from answers, and from what stays without one: the same on every engine."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from cards.outcomes import CONFIRMS_NOTHING_NEW
from updater.domain.dispositions import FOR_AN_OPERATOR, NEVER_SENT, Disposition, NotSent
from updater.domain.errors import FeedFileStateWrong
from updater.domain.feed import (
    UNSETTLED,
    Answer,
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    IncidentState,
)
from updater.domain.inquiry import Inquiry, ItemState

_NO_ANSWER: Final = frozenset({NotSent.ANSWERED_TWICE.value, NotSent.REPEATED_ROW.value})
MERGED: Final = "MERGED"
"""The reason of a question that went up in another one: its cards hold that one's number."""
THERE_AGAIN: Final = "the file is in the inbox again"
APPLIED_AFTER_ALL: Final = "the file has been applied"
ANSWERED_SINCE: Final = (
    f"{Disposition.CONFLICT.value}:{NotSent.ANSWERED_TWICE.value}:ANSWERED_SINCE"
)
"""The reason of rows that contradicted each other, once another file has answered their question.

Their exceptions stay open: that the acquirer said two things is still for a person to look at.
"""


class Answered(NamedTuple):
    """Whose answers they are: the file, its tenant and channel, its inquiry and that's account."""

    feed_id: str
    tenant: str
    channel: str
    batch_id: str
    merchant_account: str


class Heard(NamedTuple):
    """What the enrolment of one card hears of the answers about it.

    `outcome` and `disposition` are the last answer's; none where the answers were in the shadow.
    `checked` counts as checked, `quiet` ends a chain, `closes`: the card is awaited no more.
    """

    token: str
    outcome: str | None
    disposition: str | None
    checked: bool
    quiet: bool
    closes: bool


HEARD: Final = {
    "token": "text",
    "outcome": "text",
    "disposition": "text",
    "checked": "boolean",
    "quiet": "boolean",
    "closes": "boolean",
}
"""The columns of Heard, each with its type."""


def heard(answers: Sequence[Answer]) -> list[Heard]:
    """Return what each card's enrolment hears, by token: every engine locks in this order."""
    found: dict[str, Heard] = {}
    for answer in answers:
        if answer.token:  # an answer by number may be about no card
            found[answer.token] = _after(found.get(answer.token), answer)
    return [found[token] for token in sorted(found)]


def _after(before: Heard | None, answer: Answer) -> Heard:
    """Return what a card hears after one more answer: of several the last one counts."""
    before = before or Heard(answer.token, None, None, checked=False, quiet=False, closes=False)
    outcome, disposition = before.outcome, before.disposition
    if not answer.shadow:  # it changed nothing: what is known of the last change stays
        outcome, disposition = answer.outcome.value, answer.disposition.value
    return Heard(
        answer.token,
        outcome,
        disposition,
        checked=before.checked or answer.outcome not in NEVER_SENT,
        quiet=before.quiet or answer.outcome in CONFIRMS_NOTHING_NEW,
        # By number it may be about a card whose own question is still open.
        closes=before.closes or bool(answer.reference),
    )


def incidents_of(of: Answered, answers: Sequence[Answer], at: int) -> list[Incident]:
    """Return the exceptions that answers open: where an operator is needed, the shadow left out."""
    return [
        Incident(
            ExceptionKind.ANSWER_NOT_APPLIED,
            f"{of.feed_id}/{answer.ordinal}/{answer.token}",
            _why(answer),
            opened_at=at,
            tenant=of.tenant,
            channel=of.channel,
            feed_id=of.feed_id,
            ordinal=answer.ordinal,
            token=answer.token,
            merchant_account=of.merchant_account,
            outcome=answer.outcome,
        )
        for answer in answers
        if not answer.shadow
        and (answer.disposition in FOR_AN_OPERATOR or answer.outcome in NEVER_SENT)
    ]


def settled_by(answers: Sequence[Answer]) -> list[str]:
    """Return the questions, by reference, that these answers give an answer to, once for all."""
    return sorted(
        {
            answer.reference
            for answer in answers
            if answer.reference and not answer.shadow and answer.reason not in _NO_ANSWER
        }
    )


def _why(answer: Answer) -> str:
    what = answer.disposition.value
    return f"{what}:{answer.reason}" if answer.reason else what


def not_asked(inquiry: Inquiry, reference: str, reason: str, token: str, at: int) -> Incident:
    """Return the exception of a question that could not be asked; `token` is its first card's."""
    return Incident(
        ExceptionKind.CARD_NOT_ASKED,
        reference,
        reason,
        opened_at=at,
        tenant=inquiry.tenant,
        channel=inquiry.channel,
        token=token,
        merchant_account=inquiry.merchant_account,
    )


def unanswered(inquiry: Inquiry, at: int) -> Incident:
    """Return the exception of an inquiry whose answers did not come in time."""
    return Incident(
        ExceptionKind.INQUIRY_UNANSWERED,
        inquiry.batch_id,
        ItemState.UNANSWERED.value,
        opened_at=at,
        tenant=inquiry.tenant,
        channel=inquiry.channel,
        merchant_account=inquiry.merchant_account,
    )


def settles_alike(incident: Incident, state: IncidentState, resolution: str) -> bool:
    """Tell whether an exception was settled in just this way."""
    return (incident.state, incident.resolution) == (state, resolution)


def expect(file: FeedFile, state: FeedState) -> None:
    """Make sure of a file's state. Raises FeedFileStateWrong."""
    if file.state is not state:
        raise FeedFileStateWrong("the file's state does not allow this")


def may_be(file: FeedFile, decided: FeedState, *, rests: bool) -> None:
    """Make sure that a file may be released or refused; `rests`: its channel, for its tenant.

    Raises FeedFileStateWrong.
    """
    stands_still = rests or file.missing_since is not None
    if decided is FeedState.VALIDATED or not stands_still:
        expect(file, FeedState.HELD)
    elif file.state not in UNSETTLED:
        raise FeedFileStateWrong("the file's state does not allow this")


def replaying(
    there: Mapping[tuple[int, str], bool], answers: Sequence[Answer]
) -> tuple[list[Answer], list[tuple[str, Answer]]]:
    """Return what of a replay is new, and what takes the place of which shadow, by its token.

    `there` are the records' rows, by (ordinal, token): whether in the shadow. An answer by number
    may be about other cards than the vault foresaw: it takes the place of one it foresaw.
    """
    given = {(answer.ordinal, answer.token) for answer in answers}
    free: dict[int, list[str]] = {}
    for ordinal, token in sorted(there):
        if there[ordinal, token] and (ordinal, token) not in given:
            free.setdefault(ordinal, []).append(token)
    new, instead = [], []
    for answer in answers:
        shadow, spare = there.get((answer.ordinal, answer.token)), free.get(answer.ordinal)
        if shadow is None and spare and not answer.shadow:
            instead.append((spare.pop(0), answer))
        elif shadow is None:
            new.append(answer)
        elif shadow and not answer.shadow:
            instead.append((answer.token, answer))
    return new, instead
