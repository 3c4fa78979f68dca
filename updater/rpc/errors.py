"""The only place where the updater's failures become gRPC statuses (api.md, "Errors")."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from chassis.status import Code, StatusError
from updater.domain.errors import Reason, UpdaterError


class Told(NamedTuple):
    """How a failure is told: code, name of the ErrorReason, and whether waiting helps."""

    code: Code
    name: str
    retry_after: timedelta | None = None


_SOON: Final = timedelta(seconds=2)

STATUSES: Final[Mapping[Reason, Told]] = {
    Reason.VAULT_UNAVAILABLE: Told(Code.UNAVAILABLE, "VAULT_UNAVAILABLE", _SOON),
    Reason.VAULT_REFUSED: Told(Code.UNAVAILABLE, "VAULT_UNAVAILABLE", _SOON),
    Reason.STORE_UNAVAILABLE: Told(Code.UNAVAILABLE, "STORE_UNAVAILABLE", _SOON),
    Reason.STORAGE_FULL: Told(Code.RESOURCE_EXHAUSTED, "STORAGE_FULL", _SOON),
    Reason.REQUEST_ID_REUSED: Told(Code.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    Reason.CHANNEL_UNKNOWN: Told(Code.INVALID_ARGUMENT, "CHANNEL_UNKNOWN"),
    Reason.NOT_COVERED: Told(Code.FAILED_PRECONDITION, "NOT_COVERED"),
    Reason.NOTHING_TO_ASK: Told(Code.FAILED_PRECONDITION, "NOTHING_TO_ASK"),
    Reason.CARD_NOT_FOUND: Told(Code.NOT_FOUND, "CARD_NOT_FOUND"),
    Reason.ENROLLMENT_NOT_FOUND: Told(Code.NOT_FOUND, "ENROLLMENT_NOT_FOUND"),
    Reason.INQUIRY_NOT_FOUND: Told(Code.NOT_FOUND, "INQUIRY_NOT_FOUND"),
    Reason.FEED_FILE_NOT_FOUND: Told(Code.NOT_FOUND, "FEED_FILE_NOT_FOUND"),
    Reason.EXCEPTION_NOT_FOUND: Told(Code.NOT_FOUND, "EXCEPTION_NOT_FOUND"),
    Reason.EXCEPTION_SETTLED: Told(Code.FAILED_PRECONDITION, "EXCEPTION_SETTLED"),
    Reason.FEED_FILE_STATE: Told(Code.FAILED_PRECONDITION, "FEED_FILE_STATE"),
    Reason.FEED_FILE_GONE: Told(Code.FAILED_PRECONDITION, "FEED_FILE_GONE"),
}
"""Reasons that aren't here stop a start or stay inside: a caller never meets them."""

INTERNAL_ONLY: Final = frozenset(
    {
        Reason.BATCH_ALREADY_ANSWERED,
        Reason.DATABASE_IN_USE,
        Reason.DATABASE_TOO_NEW,
        Reason.EXCHANGE_KEYS_UNUSABLE,
    }
)


def translate(error: Exception) -> StatusError | None:
    """Return the status of an expected failure; None for anything else."""
    if not isinstance(error, UpdaterError):
        return None
    told = STATUSES.get(error.reason)
    if told is None:
        return None
    name = f"ERROR_REASON_{told.name}"
    return StatusError(told.code, name, str(error), retry_after=told.retry_after)


def page_token_invalid() -> StatusError:
    """Return the refusal of a page token that doesn't verify."""
    return StatusError(
        Code.INVALID_ARGUMENT,
        "ERROR_REASON_PAGE_TOKEN_INVALID",
        "the page token does not verify",
        field_violations=[("page_token", "page_token.verifies")],
    )


def deadline_exceeded() -> StatusError:
    """Return the status of a call that ran out of time."""
    return StatusError(
        Code.DEADLINE_EXCEEDED,
        "ERROR_REASON_DEADLINE_EXCEEDED",
        "the call took longer than its deadline",
    )


def card_number_in_field(path: str) -> StatusError:
    """Return the refusal of an id that is, as a whole, a card number."""
    return StatusError(
        Code.INVALID_ARGUMENT,
        "ERROR_REASON_CARD_NUMBER_IN_OTHER_FIELD",
        "a field that is not for card numbers holds one",
        field_violations=[(path, "not_a_card_number")],
    )
