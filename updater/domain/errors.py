"""Expected failures of the updater. Their text is fixed and safe to log and to send."""

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """One public reason per failure."""

    VAULT_UNAVAILABLE = "VAULT_UNAVAILABLE"
    VAULT_REFUSED = "VAULT_REFUSED"
    BATCH_ALREADY_ANSWERED = "BATCH_ALREADY_ANSWERED"
    DATABASE_IN_USE = "DATABASE_IN_USE"
    DATABASE_TOO_NEW = "DATABASE_TOO_NEW"
    EXCHANGE_KEYS_UNUSABLE = "EXCHANGE_KEYS_UNUSABLE"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    CARD_NOT_FOUND = "CARD_NOT_FOUND"
    NOT_COVERED = "NOT_COVERED"
    CHANNEL_UNKNOWN = "CHANNEL_UNKNOWN"
    NOTHING_TO_ASK = "NOTHING_TO_ASK"
    ENROLLMENT_NOT_FOUND = "ENROLLMENT_NOT_FOUND"
    INQUIRY_NOT_FOUND = "INQUIRY_NOT_FOUND"
    FEED_FILE_NOT_FOUND = "FEED_FILE_NOT_FOUND"
    EXCEPTION_NOT_FOUND = "EXCEPTION_NOT_FOUND"
    EXCEPTION_SETTLED = "EXCEPTION_SETTLED"
    FEED_FILE_STATE = "FEED_FILE_STATE"
    FEED_FILE_GONE = "FEED_FILE_GONE"
    STORAGE_FULL = "STORAGE_FULL"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"


class UpdaterError(Exception):
    """An expected failure."""

    reason: ClassVar[Reason]


class VaultUnavailable(UpdaterError):
    """The vault did not answer, or asks to be called later; what was asked may be repeated."""

    reason = Reason.VAULT_UNAVAILABLE


class VaultRefused(UpdaterError):
    """The vault refuses a whole call; repeating it as it is would not help."""

    reason = Reason.VAULT_REFUSED


class BatchAlreadyAnswered(UpdaterError):
    """Another file was taken in under this batch id."""

    reason = Reason.BATCH_ALREADY_ANSWERED


class DatabaseInUse(UpdaterError):
    """Another updater process holds this database."""

    reason = Reason.DATABASE_IN_USE


class DatabaseTooNew(UpdaterError):
    """A newer release has migrated this database."""

    reason = Reason.DATABASE_TOO_NEW


class ExchangeKeysUnusable(UpdaterError):
    """The exchange keys are missing, open to others, or not what they should be."""

    reason = Reason.EXCHANGE_KEYS_UNUSABLE


class RequestIdReused(UpdaterError):
    """This request id was used for another request."""

    reason = Reason.REQUEST_ID_REUSED


class CardNotFound(UpdaterError):
    """The tenant has no such card."""

    reason = Reason.CARD_NOT_FOUND


class NotCovered(UpdaterError):
    """No consent stands for this card and merchant account."""

    reason = Reason.NOT_COVERED


class ChannelUnknown(UpdaterError):
    """No channel of this name is configured."""

    reason = Reason.CHANNEL_UNKNOWN


class NothingToAsk(UpdaterError):
    """No card is due."""

    reason = Reason.NOTHING_TO_ASK


class EnrollmentNotFound(UpdaterError):
    """The card is not enrolled for this merchant account."""

    reason = Reason.ENROLLMENT_NOT_FOUND


class InquiryNotFound(UpdaterError):
    """The tenant has no such inquiry."""

    reason = Reason.INQUIRY_NOT_FOUND


class FeedFileNotFound(UpdaterError):
    """The tenant has no such feed file."""

    reason = Reason.FEED_FILE_NOT_FOUND


class IncidentNotFound(UpdaterError):
    """There is no exception with this id."""

    reason = Reason.EXCEPTION_NOT_FOUND


class IncidentSettled(UpdaterError):
    """The exception was settled before, in another way."""

    reason = Reason.EXCEPTION_SETTLED


class FeedFileStateWrong(UpdaterError):
    """The file's state doesn't allow this: only a held one is released, an applied one reverted."""

    reason = Reason.FEED_FILE_STATE


class FeedFileGone(UpdaterError):
    """The file's bytes are no longer kept: its retention has ended."""

    reason = Reason.FEED_FILE_GONE


class StorageFull(UpdaterError):
    """The disk is full; nothing was changed."""

    reason = Reason.STORAGE_FULL


class StoreUnavailable(UpdaterError):
    """The database did not answer; nothing is known to be changed."""

    reason = Reason.STORE_UNAVAILABLE


class StoreBroken(StoreUnavailable):
    """The database failed in a way after which nothing of it is known; the updater stops."""


class StandsBy(StoreUnavailable):
    """Another process on this database does the work; nothing was changed."""
