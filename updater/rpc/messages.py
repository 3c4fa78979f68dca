"""The updater's domain as messages: enrolments, inquiries, and what answers are counted by."""

from collections.abc import Mapping

from cardvault.updater.v1 import updater_service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from updater.domain.dispositions import Disposition
from updater.domain.enrolment import Enrolment
from updater.domain.feed import Counted
from updater.domain.inquiry import Inquiry
from updater.usecases.ports_store import InquiryProgress

Counts = Mapping[Counted, int]


def timestamp(at: int | None) -> Timestamp | None:
    """Return µs since the epoch as a message; None for never."""
    if not at:
        return None
    return Timestamp(seconds=at // 1_000_000, nanos=at % 1_000_000 * 1_000)


def enrollment(card: Enrolment) -> pb.Enrollment:
    """Return an enrolment's message."""
    return pb.Enrollment(
        token=card.token,
        merchant_account=card.merchant_account,
        state=f"ENROLLMENT_STATE_{card.state.value}",
        credential_version=card.credential_version,
        last_inquiry_time=timestamp(card.asked_at),
        last_checked_time=timestamp(card.checked_at),
        open_inquiry_id=card.open_batch,
    )


def inquiry(one: Inquiry, progress: InquiryProgress) -> pb.Inquiry:
    """Return an inquiry's message."""
    return pb.Inquiry(
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


def counts(of: Counts) -> list[pb.OutcomeCount]:
    """Return counts, in the order of their names; those of shadow mode last."""
    ordered = sorted(of.items(), key=lambda item: (item[0].shadow, *item[0][:2]))
    return [count(counted, number) for counted, number in ordered]


def count(counted: Counted, number: int) -> pb.OutcomeCount:
    """Return one count's message."""
    return pb.OutcomeCount(
        outcome=f"UPDATE_OUTCOME_{counted.outcome.value}",
        disposition=disposition(counted.disposition),
        count=number,
        shadow=counted.shadow,
    )


def disposition(value: Disposition) -> str | None:
    """Return the vault's word; what was never brought to the vault has none."""
    return None if value is Disposition.NOT_SENT else f"DISPOSITION_{value.value}"
