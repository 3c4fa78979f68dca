"""Rows of `feed_files` and `answers`, and what they are in the domain."""

from typing import Any, Final

from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.feed import Answer, FeedFile, FeedState

FEED_COLUMNS: Final = (
    "feed_id, channel, name, size, sha256, state, received_at, batch_id, tenant, records,"
    ' reason, "offset", duplicate_of, applied_at'
)


def feed_file(row: tuple[Any, ...]) -> FeedFile:
    """Return the file of a row of FEED_COLUMNS."""
    feed_id, channel, name, size, sha256, state, received_at, *rest = row
    return FeedFile(feed_id, channel, name, size, sha256, FeedState(state), received_at, *rest)


def feed_row(file: FeedFile) -> tuple[Any, ...]:
    """Return a file's row, in the order of FEED_COLUMNS."""
    return (
        file.feed_id,
        file.channel,
        file.name,
        file.size,
        file.sha256,
        file.state.value,
        file.received_at,
        file.batch_id,
        file.tenant,
        file.records,
        file.reason,
        file.offset,
        file.duplicate_of,
        file.applied_at,
    )


def answer_row(feed_id: str, answer: Answer) -> tuple[Any, ...]:
    """Return a new answer's row; it has no disposition yet."""
    return (
        feed_id,
        answer.ordinal,
        answer.token,
        answer.reference,
        answer.update_id,
        answer.outcome.value,
        answer.raw_code,
        answer.raw_reason,
        None if answer.note is None else answer.note.value,
        None,
        "",
    )


def outcome_key(outcome: str, disposition: str | None) -> tuple[Outcome, Disposition | None]:
    """Return the key under which answers are counted."""
    return Outcome(outcome), None if disposition is None else Disposition(disposition)
