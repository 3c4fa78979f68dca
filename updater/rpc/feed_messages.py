"""Feed files, their answers, and exceptions as messages: never contents, never a number."""

from typing import Final

from cardvault.updater.v1 import feed_service_pb2 as pb
from cardvault.vault.v1 import card_pb2

from updater.domain.feed import (
    Answer,
    ExceptionKind,
    FeedFile,
    FeedState,
    HoldReason,
    Incident,
)
from updater.domain.feed import Quarantine as Why
from updater.rpc.messages import Counts, counts, disposition, timestamp
from updater.usecases.ports_vault import MaskedCard

_HOLDS: Final = frozenset(HoldReason)
_MAY_BE_FIRST: Final = "FORM_"
"""Reasons that are about a place even if that is the file's first byte."""


def feed_file(file: FeedFile, of: Counts | None = None) -> pb.FeedFile:
    """Return a file's message; `sha256` is absent where it isn't one of ciphertext."""
    digest = file.sha256 if len(file.sha256) == 64 else ""
    return pb.FeedFile(
        feed_file_id=file.feed_id,
        channel=file.channel,
        name=file.name,
        state=f"FEED_FILE_STATE_{file.state.value}",
        size_bytes=file.size,
        sha256=bytes.fromhex(digest),
        record_count=file.records,
        inquiry_id=file.batch_id,
        counts=counts(of or {}),
        quarantine=_quarantine(file),
        duplicate_of=file.duplicate_of,
        receive_time=timestamp(file.received_at),
        apply_time=timestamp(file.applied_at),
        hold=_hold(file),
        revert_time=timestamp(file.reverted_at),
        file_time=timestamp(file.file_time),
        missing_time=timestamp(file.missing_since),
        reverted_by=file.reverted_by,
        revert_reason=file.revert_reason,
    )


def feed_answer(answer: Answer) -> pb.FeedAnswer:
    """Return an answer's message."""
    codes = [code for code in (answer.raw_code, answer.raw_reason) if code]
    return pb.FeedAnswer(
        ordinal=answer.ordinal,
        token=answer.token,
        outcome=f"UPDATE_OUTCOME_{answer.outcome.value}",
        disposition=disposition(answer.disposition),
        shadow=answer.shadow,
        raw_code="/".join(codes),
        reason=answer.reason,
    )


def updater_exception(one: Incident, card: MaskedCard | None = None) -> pb.UpdaterException:
    """Return an exception's message, with the card it is about if that may be seen."""
    about_inquiry = one.kind is ExceptionKind.INQUIRY_UNANSWERED
    return pb.UpdaterException(
        exception_id=str(one.exception_id),
        kind=f"EXCEPTION_KIND_{one.kind.value}",
        state=f"EXCEPTION_STATE_{one.state.value}",
        reason=one.reason,
        channel=one.channel,
        feed_file_id=one.feed_id,
        ordinal=one.ordinal,
        offset=_offset(one.reason, one.offset),
        inquiry_id=one.subject if about_inquiry else "",
        token=one.token,
        merchant_account=one.merchant_account,
        outcome=None if one.outcome is None else f"UPDATE_OUTCOME_{one.outcome.value}",
        card=None if card is None else _card(card),
        open_time=timestamp(one.opened_at),
        resolve_time=timestamp(one.resolved_at),
        resolved_by=one.resolved_by,
        resolution=one.resolution,
    )


def _quarantine(file: FeedFile) -> pb.Quarantine | None:
    if file.state is not FeedState.QUARANTINED:
        return None
    return pb.Quarantine(reason=file.reason, offset=_offset(file.reason, file.offset))


def _hold(file: FeedFile) -> pb.FeedHold | None:
    if file.state is not FeedState.HELD and file.decided_at is None:
        return None
    # A file that was refused says so instead, as the reason of its quarantine.
    known = file.reason in _HOLDS
    return pb.FeedHold(
        reason=f"HOLD_REASON_{file.reason}" if known else None,
        decided_by=file.decided_by,
        decide_time=timestamp(file.decided_at),
        decision=file.decision,
        rejected=file.given_up,
    )


def _offset(reason: str, offset: int) -> int | None:
    placed = offset > 0 or reason.startswith(_MAY_BE_FIRST)
    placed = placed or reason == Why.ANSWER_ABOUT_ANOTHER_NUMBER.value
    return offset if placed else None


def _card(card: MaskedCard) -> card_pb2.Card:
    shown = card_pb2.Card(
        token=card.token,
        brand=f"BRAND_{card.brand.value}",
        bin=card.bin,
        last4=card.last4,
        status=f"CARD_STATUS_{card.status}",
    )
    if card.expiry is not None:
        shown.expiry_month, shown.expiry_year = card.expiry.month, card.expiry.year
    return shown
