"""The updater's domain as messages."""

from collections.abc import Mapping
from typing import Final

from cardvault.updater.v1 import feed_service_pb2 as feed_pb
from cardvault.updater.v1 import updater_service_pb2 as updater_pb
from google.protobuf.timestamp_pb2 import Timestamp

from cards.outcomes import Outcome
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import Enrolment
from updater.domain.feed import FeedFile, FeedState
from updater.domain.feed import Quarantine as Why
from updater.domain.inquiry import Inquiry
from updater.usecases.ports import InquiryProgress

Counts = Mapping[tuple[Outcome, Disposition | None], int]

_PLACED: Final = frozenset(
    {
        Why.UNASKED_ANSWER.value,
        Why.ANSWERED_TWICE.value,
        Why.ANSWER_ABOUT_ANOTHER_NUMBER.value,
        Why.MANY_TO_ONE.value,
    }
)
"""Reasons that are about a place in the text, beside those of the file's form."""


def timestamp(at: int | None) -> Timestamp | None:
    """Return µs since the epoch as a message; None for never."""
    if not at:
        return None
    return Timestamp(seconds=at // 1_000_000, nanos=at % 1_000_000 * 1_000)


def enrollment(card: Enrolment) -> updater_pb.Enrollment:
    """Return an enrolment's message."""
    return updater_pb.Enrollment(
        token=card.token,
        merchant_account=card.merchant_account,
        state=f"ENROLLMENT_STATE_{card.state.value}",
        credential_version=card.credential_version,
        last_inquiry_time=timestamp(card.asked_at),
        last_checked_time=timestamp(card.checked_at),
        open_inquiry_id=card.open_batch,
    )


def inquiry(one: Inquiry, progress: InquiryProgress) -> updater_pb.Inquiry:
    """Return an inquiry's message."""
    return updater_pb.Inquiry(
        inquiry_id=one.batch_id,
        channel=one.channel,
        merchant_account=one.merchant_account,
        state=f"INQUIRY_STATE_{one.state.value}",
        file_name=one.file_name,
        record_count=one.records,
        counts=counts(progress.counts),
        create_time=timestamp(one.created_at),
        send_time=timestamp(one.sent_at),
    )


def counts(of: Counts) -> list[updater_pb.OutcomeCount]:
    """Return counts, in the order of their names."""
    ordered = sorted(of.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return [
        updater_pb.OutcomeCount(
            outcome=f"UPDATE_OUTCOME_{outcome.value}",
            disposition=_disposition(disposition),
            count=count,
        )
        for (outcome, disposition), count in ordered
    ]


def feed_file(file: FeedFile, of: Counts | None = None) -> feed_pb.FeedFile:
    """Return a file's message; `sha256` is absent where it isn't one of ciphertext."""
    digest = file.sha256 if len(file.sha256) == 64 else ""
    return feed_pb.FeedFile(
        feed_file_id=file.feed_id,
        channel=file.channel,
        name=file.name,
        state=f"FEED_FILE_STATE_{file.state.value}",
        size_bytes=file.size,
        sha256=bytes.fromhex(digest),
        record_count=file.records,
        inquiry_id=file.batch_id,
        counts=counts(of or {}),
        quarantine=_quarantine(file) if file.state is FeedState.QUARANTINED else None,
        duplicate_of=file.duplicate_of,
        receive_time=timestamp(file.received_at),
        apply_time=timestamp(file.applied_at),
    )


def _quarantine(file: FeedFile) -> feed_pb.Quarantine:
    placed = file.reason in _PLACED or file.reason.startswith("FORM_")
    return feed_pb.Quarantine(reason=file.reason, offset=file.offset if placed else None)


def _disposition(value: Disposition | None) -> str | None:
    """Return the vault's word; what was never brought to the vault has none."""
    if value is None or value is Disposition.NOT_SENT:
        return None
    return f"DISPOSITION_{value.value}"
