from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class UpdateOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPDATE_OUTCOME_UNSPECIFIED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_PAN_UPDATED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_EXPIRY_UPDATED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_BRAND_CHANGED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_CORRECTED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_CLOSED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_CONTACT_CARDHOLDER: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_CLOSED_OR_CONTACT: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_OPTED_OUT: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_STOP_RECURRING: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_VALID_NO_CHANGE: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_NO_MATCH: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_NOT_PARTICIPATING: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_UPDATE_EXPIRED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_UNSUPPORTED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_REJECTED_INPUT: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_REJECTED_MERCHANT: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_REJECTED_DUPLICATE: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_CHANNEL_ERROR: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_UNANSWERED: _ClassVar[UpdateOutcome]
    UPDATE_OUTCOME_UNKNOWN: _ClassVar[UpdateOutcome]

class Disposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DISPOSITION_UNSPECIFIED: _ClassVar[Disposition]
    DISPOSITION_APPLIED: _ClassVar[Disposition]
    DISPOSITION_NO_CHANGE: _ClassVar[Disposition]
    DISPOSITION_DUPLICATE: _ClassVar[Disposition]
    DISPOSITION_STALE: _ClassVar[Disposition]
    DISPOSITION_PARKED: _ClassVar[Disposition]
    DISPOSITION_CONFLICT: _ClassVar[Disposition]
    DISPOSITION_NOT_FOUND: _ClassVar[Disposition]
    DISPOSITION_REJECTED: _ClassVar[Disposition]

class RevertDisposition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVERT_DISPOSITION_UNSPECIFIED: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_REVERTED: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_PARTLY_REVERTED: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_KEPT_NEWER: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_KEPT_PURGED: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_ALREADY_REVERTED: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_NOTHING_TO_REVERT: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_GONE: _ClassVar[RevertDisposition]
    REVERT_DISPOSITION_FAILED: _ClassVar[RevertDisposition]
UPDATE_OUTCOME_UNSPECIFIED: UpdateOutcome
UPDATE_OUTCOME_PAN_UPDATED: UpdateOutcome
UPDATE_OUTCOME_EXPIRY_UPDATED: UpdateOutcome
UPDATE_OUTCOME_BRAND_CHANGED: UpdateOutcome
UPDATE_OUTCOME_CORRECTED: UpdateOutcome
UPDATE_OUTCOME_CLOSED: UpdateOutcome
UPDATE_OUTCOME_CONTACT_CARDHOLDER: UpdateOutcome
UPDATE_OUTCOME_CLOSED_OR_CONTACT: UpdateOutcome
UPDATE_OUTCOME_OPTED_OUT: UpdateOutcome
UPDATE_OUTCOME_STOP_RECURRING: UpdateOutcome
UPDATE_OUTCOME_VALID_NO_CHANGE: UpdateOutcome
UPDATE_OUTCOME_NO_MATCH: UpdateOutcome
UPDATE_OUTCOME_NOT_PARTICIPATING: UpdateOutcome
UPDATE_OUTCOME_UPDATE_EXPIRED: UpdateOutcome
UPDATE_OUTCOME_UNSUPPORTED: UpdateOutcome
UPDATE_OUTCOME_REJECTED_INPUT: UpdateOutcome
UPDATE_OUTCOME_REJECTED_MERCHANT: UpdateOutcome
UPDATE_OUTCOME_REJECTED_DUPLICATE: UpdateOutcome
UPDATE_OUTCOME_CHANNEL_ERROR: UpdateOutcome
UPDATE_OUTCOME_UNANSWERED: UpdateOutcome
UPDATE_OUTCOME_UNKNOWN: UpdateOutcome
DISPOSITION_UNSPECIFIED: Disposition
DISPOSITION_APPLIED: Disposition
DISPOSITION_NO_CHANGE: Disposition
DISPOSITION_DUPLICATE: Disposition
DISPOSITION_STALE: Disposition
DISPOSITION_PARKED: Disposition
DISPOSITION_CONFLICT: Disposition
DISPOSITION_NOT_FOUND: Disposition
DISPOSITION_REJECTED: Disposition
REVERT_DISPOSITION_UNSPECIFIED: RevertDisposition
REVERT_DISPOSITION_REVERTED: RevertDisposition
REVERT_DISPOSITION_PARTLY_REVERTED: RevertDisposition
REVERT_DISPOSITION_KEPT_NEWER: RevertDisposition
REVERT_DISPOSITION_KEPT_PURGED: RevertDisposition
REVERT_DISPOSITION_ALREADY_REVERTED: RevertDisposition
REVERT_DISPOSITION_NOTHING_TO_REVERT: RevertDisposition
REVERT_DISPOSITION_GONE: RevertDisposition
REVERT_DISPOSITION_FAILED: RevertDisposition

class UpdateSource(_message.Message):
    __slots__ = ("channel", "file", "record", "raw_code")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    file: str
    record: int
    raw_code: str
    def __init__(self, channel: _Optional[str] = ..., file: _Optional[str] = ..., record: _Optional[int] = ..., raw_code: _Optional[str] = ...) -> None: ...
