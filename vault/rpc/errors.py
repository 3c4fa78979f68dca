"""The only place where the vault's refusals become gRPC statuses (api.md, "Errors")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from chassis.status import Code, StatusError
from vault.domain.outcome import Applied, InDoubt, NotApplied, Outcome, Replayed
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import DataDamaged, StoreUnavailable


class Answer(NamedTuple):
    """How a reason is told: code, fixed sentence, and how long to wait where waiting helps."""

    code: Code
    message: str
    retry_after: timedelta | None = None


SOON: Final = timedelta(milliseconds=200)
LATER: Final = timedelta(seconds=2)

ANSWERS: Final[Mapping[Reason, Answer]] = {
    Reason.INVALID_FIELD: Answer(Code.INVALID_ARGUMENT, "the request has an invalid field"),
    Reason.CARD_NUMBER_INVALID: Answer(Code.INVALID_ARGUMENT, "this is no valid card number"),
    Reason.CARD_NUMBER_IN_OTHER_FIELD: Answer(
        Code.INVALID_ARGUMENT, "a field that is not for card numbers holds one"
    ),
    Reason.EXPIRY_INVALID: Answer(Code.INVALID_ARGUMENT, "an expiry has a month and a year"),
    Reason.SECURITY_CODE_INVALID: Answer(
        Code.INVALID_ARGUMENT, "the security code has another length than the brand's"
    ),
    Reason.METADATA_TOO_LARGE: Answer(Code.INVALID_ARGUMENT, "metadata is over 4 KiB"),
    Reason.STORED_CREDENTIAL_INVALID: Answer(
        Code.INVALID_ARGUMENT, "stored credentials contradict each other"
    ),
    Reason.HOLD_INVALID: Answer(Code.INVALID_ARGUMENT, "a hold contradicts its type or another"),
    Reason.UPDATE_MASK_INVALID: Answer(
        Code.INVALID_ARGUMENT, "the update mask names what cannot be changed, or changes nothing"
    ),
    Reason.INVALID_UPDATE: Answer(Code.INVALID_ARGUMENT, "the update contradicts itself"),
    Reason.PARKED_FULL: Answer(
        Code.RESOURCE_EXHAUSTED, "too many answers wait for a card with their number"
    ),
    Reason.TOO_MANY_CARDS: Answer(
        Code.FAILED_PRECONDITION, "more cards hold or held the number than one answer may change"
    ),
    Reason.EXPIRY_BACKWARDS: Answer(Code.INVALID_ARGUMENT, "an expiry may not go backwards"),
    Reason.NOT_COVERED: Answer(
        Code.FAILED_PRECONDITION, "the merchant account's agreement does not cover updates"
    ),
    Reason.PAGE_TOKEN_INVALID: Answer(Code.INVALID_ARGUMENT, "the page token does not verify"),
    Reason.BATCH_TOO_LARGE: Answer(Code.INVALID_ARGUMENT, "the batch is over 4 MiB"),
    Reason.PERMISSION_DENIED: Answer(Code.PERMISSION_DENIED, "the policy does not allow this"),
    Reason.PURPOSE_FORBIDDEN: Answer(
        Code.PERMISSION_DENIED, "the policy does not allow this purpose"
    ),
    Reason.CARD_NOT_FOUND: Answer(Code.NOT_FOUND, "no such card"),
    Reason.VERSION_NOT_FOUND: Answer(Code.NOT_FOUND, "the card has no such version"),
    Reason.CHECKPOINT_NOT_FOUND: Answer(Code.NOT_FOUND, "no such checkpoint"),
    Reason.REQUEST_ID_REUSED: Answer(
        Code.ALREADY_EXISTS, "the request id was used for another request"
    ),
    Reason.REVISION_CONFLICT: Answer(Code.ABORTED, "the card has another revision"),
    Reason.CONTENTION: Answer(Code.ABORTED, "the card keeps changing under the call", SOON),
    Reason.STATUS_FORBIDS: Answer(
        Code.FAILED_PRECONDITION, "the card's status does not allow this"
    ),
    Reason.CARD_DELETED: Answer(Code.FAILED_PRECONDITION, "the card is deleted"),
    Reason.CARD_NOT_DELETED: Answer(Code.FAILED_PRECONDITION, "the card is not deleted"),
    Reason.CARD_ERASED: Answer(Code.FAILED_PRECONDITION, "the card's contents are gone"),
    Reason.CARD_HELD: Answer(Code.FAILED_PRECONDITION, "a hold does not allow this"),
    Reason.SECURITY_CODE_GONE: Answer(Code.FAILED_PRECONDITION, "the security code is gone"),
    Reason.SECURITY_CODE_UNAVAILABLE: Answer(
        Code.UNAVAILABLE, "the security code could not be kept or taken", SOON
    ),
    Reason.VAULT_SEALED: Answer(Code.FAILED_PRECONDITION, "the vault is sealed"),
    Reason.OVERLOADED: Answer(Code.RESOURCE_EXHAUSTED, "too much is waiting", SOON),
    Reason.STORAGE_FULL: Answer(Code.RESOURCE_EXHAUSTED, "there is no room to write", LATER),
    Reason.STORE_UNAVAILABLE: Answer(Code.UNAVAILABLE, "the store is not available", SOON),
    Reason.OUTCOME_IN_DOUBT: Answer(
        Code.UNAVAILABLE, "the outcome is in doubt: repeat with the same request id", SOON
    ),
    Reason.SHUTTING_DOWN: Answer(Code.UNAVAILABLE, "the server is shutting down", SOON),
    Reason.KEY_SERVICE_UNAVAILABLE: Answer(
        Code.UNAVAILABLE, "the key service is not available", LATER
    ),
    Reason.DATA_CORRUPT: Answer(Code.DATA_LOSS, "a stored record failed its check"),
    Reason.DEADLINE_EXCEEDED: Answer(Code.DEADLINE_EXCEEDED, "the deadline of the call has passed"),
}


def refusal(reason: Reason, field: str = "") -> StatusError:
    """Return the status that tells a reason; `field` is a path in the request, never a value."""
    answer = ANSWERS[reason]
    named = field and answer.code is Code.INVALID_ARGUMENT
    return StatusError(
        answer.code,
        "ERROR_REASON_" + reason.value,
        answer.message,
        field_violations=((field, reason.value.lower()),) if named else (),
        retry_after=answer.retry_after,
    )


def translate(error: Exception) -> StatusError | None:
    """Turn a domain error into its status; None for one that nobody expected."""
    if isinstance(error, StoreUnavailable):  # of a read: a flush's is an outcome
        return refusal(Reason.STORE_UNAVAILABLE)
    if isinstance(error, DataDamaged):
        return refusal(Reason.DATA_CORRUPT)
    return refusal(error.reason, error.field) if isinstance(error, VaultError) else None


def value_of(outcome: Outcome) -> object:
    """Return what an entry answered, or raise why not."""
    if isinstance(outcome, Applied | Replayed):
        return outcome.value
    if isinstance(outcome, InDoubt):
        raise refusal(Reason.OUTCOME_IN_DOUBT)
    if isinstance(outcome, NotApplied):
        raise refusal(outcome.reason)
    raise refusal(outcome.reason, outcome.field)
