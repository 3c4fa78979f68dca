"""Rows of feed files, their answers, exceptions and pauses, and what they are in the domain."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.feed import (
    ADMITTED,
    Answer,
    Counted,
    ExceptionKind,
    FeedFile,
    FeedState,
    Incident,
    IncidentState,
)
from updater.domain.mapping import Note
from updater.usecases.ports_store import Pause

Row = Sequence[Any]
FEED_COLUMNS: Final = (
    "feed_id, channel, name, size, sha256, state, received_at, batch_id, tenant, records,"
    ' reason, "offset", duplicate_of, applied_at, part, file_time, decided_by, decided_at,'
    " reverted_at, missing_since, decision, reverted_by, revert_reason"
)
INCIDENT_COLUMNS: Final = (
    'kind, subject, reason, "offset", opened_at, exception_id, tenant, channel, feed_id, ordinal,'
    " token, merchant_account, outcome, state, resolved_at, resolved_by, resolution"
)
ANSWER_COLUMNS: Final = (
    "ordinal, token, reference, update_id, outcome, raw_code, raw_reason, disposition, note,"
    " record_mac, shadow, reason"
)
PAUSE_COLUMNS: Final = "channel, tenant, reason, paused_by, paused_at"
ADMITTED_STATES: Final = ", ".join(f"'{state.value}'" for state in sorted(ADMITTED))
"""What goes between the brackets of `state IN ()`."""
NEW_INCIDENT: Final = {
    "kind": "text",
    "subject": "text",
    "reason": "text",
    '"offset"': "bigint",
    "opened_at": "bigint",
    "tenant": "text",
    "channel": "text",
    "feed_id": "text",
    "ordinal": "bigint",
    "token": "text",
    "merchant_account": "text",
    "outcome": "text",
}
"""Columns of a new exception, each with its type."""
NEW_ANSWER: Final = {
    "feed_id": "text",
    "ordinal": "bigint",
    "token": "text",
    "reference": "text",
    "update_id": "text",
    "outcome": "text",
    "raw_code": "text",
    "raw_reason": "text",
    "disposition": "text",
    "note": "text",
    "record_mac": "text",
    "shadow": "boolean",
    "reason": "text",
}
"""Columns of an answer, each with its type."""


def counts(rows: Iterable[Row]) -> Mapping[Counted, int]:
    """Return answers as they are counted, of rows of (outcome, disposition, shadow, count)."""
    return {
        Counted(Outcome(outcome), Disposition(disposition), bool(shadow)): int(count)
        for outcome, disposition, shadow, count in rows
    }


def macs(rows: Iterable[Row]) -> Mapping[str, Collection[str]]:
    """Return record MACs by reference, of rows of (reference, MAC)."""
    found: dict[str, set[str]] = {}
    for reference, mac in rows:
        found.setdefault(str(reference), set()).add(str(mac))
    return found


def incident(row: Row) -> Incident:
    """Return the exception of a row of INCIDENT_COLUMNS."""
    kind, subject, reason, offset, opened_at, exception_id, tenant, channel, *rest = row
    feed_id, ordinal, token, account, outcome, state, *settled = rest
    return Incident(
        ExceptionKind(kind),
        subject,
        reason,
        offset,
        opened_at,
        exception_id,
        tenant,
        channel,
        feed_id,
        ordinal,
        token,
        account,
        None if outcome is None else Outcome(outcome),
        IncidentState(state),
        *settled,
    )


def incident_row(incident: Incident) -> tuple[Any, ...]:
    """Return a new exception's row, in the order of NEW_INCIDENT."""
    return (
        incident.kind.value,
        incident.subject,
        incident.reason,
        incident.offset,
        incident.opened_at,
        incident.tenant,
        incident.channel,
        incident.feed_id,
        incident.ordinal,
        incident.token,
        incident.merchant_account,
        None if incident.outcome is None else incident.outcome.value,
    )


def feed_file(row: Row) -> FeedFile:
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
        file.part,
        file.file_time,
        file.decided_by,
        file.decided_at,
        file.reverted_at,
        file.missing_since,
        file.decision,
        file.reverted_by,
        file.revert_reason,
    )


def answer(row: Row) -> Answer:
    """Return the answer of a row of ANSWER_COLUMNS."""
    ordinal, token, reference, update_id, outcome, code, reason, disposition, note, *rest = row
    mac, shadow, why = rest
    return Answer(
        ordinal,
        token,
        reference,
        update_id,
        Outcome(outcome),
        code,
        reason,
        Disposition(disposition),
        note=None if note is None else Note(note),
        record_mac=mac,
        shadow=bool(shadow),
        reason=why,
    )


def answer_row(feed_id: str, answer: Answer) -> tuple[Any, ...]:
    """Return an answer's row, in the order of NEW_ANSWER."""
    return (
        feed_id,
        answer.ordinal,
        answer.token,
        answer.reference,
        answer.update_id,
        answer.outcome.value,
        answer.raw_code,
        answer.raw_reason,
        answer.disposition.value,
        None if answer.note is None else answer.note.value,
        answer.record_mac,
        answer.shadow,
        answer.reason,
    )


def pause(row: Row) -> Pause:
    """Return the pause of a row of PAUSE_COLUMNS."""
    return Pause(*row)
