import datetime

from buf.validate import validate_pb2 as _validate_pb2
from cardvault.updater.v1 import updater_service_pb2 as _updater_service_pb2
from cardvault.vault.v1 import card_pb2 as _card_pb2
from cardvault.vault.v1 import update_pb2 as _update_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeedFileState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FEED_FILE_STATE_UNSPECIFIED: _ClassVar[FeedFileState]
    FEED_FILE_STATE_VALIDATED: _ClassVar[FeedFileState]
    FEED_FILE_STATE_APPLIED: _ClassVar[FeedFileState]
    FEED_FILE_STATE_QUARANTINED: _ClassVar[FeedFileState]
    FEED_FILE_STATE_DUPLICATE: _ClassVar[FeedFileState]
    FEED_FILE_STATE_HELD: _ClassVar[FeedFileState]
    FEED_FILE_STATE_REVERTED: _ClassVar[FeedFileState]

class HoldReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLD_REASON_UNSPECIFIED: _ClassVar[HoldReason]
    HOLD_REASON_CLOSED_SHARE: _ClassVar[HoldReason]
    HOLD_REASON_CHANGED_SHARE: _ClassVar[HoldReason]
    HOLD_REASON_MANY_TO_ONE: _ClassVar[HoldReason]
    HOLD_REASON_UNASKED_ANSWERS: _ClassVar[HoldReason]

class Undone(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNDONE_UNSPECIFIED: _ClassVar[Undone]
    UNDONE_REVERTED: _ClassVar[Undone]
    UNDONE_PARTLY_REVERTED: _ClassVar[Undone]
    UNDONE_KEPT_NEWER: _ClassVar[Undone]
    UNDONE_KEPT_PURGED: _ClassVar[Undone]
    UNDONE_ALREADY_REVERTED: _ClassVar[Undone]
    UNDONE_NOTHING_TO_REVERT: _ClassVar[Undone]
    UNDONE_GONE: _ClassVar[Undone]
    UNDONE_FAILED: _ClassVar[Undone]

class ExceptionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCEPTION_KIND_UNSPECIFIED: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_FILE_QUARANTINED: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_FILE_HELD: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_ANSWER_NOT_APPLIED: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_CARD_NOT_ASKED: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_INQUIRY_UNANSWERED: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_APPLY_REFUSED: _ClassVar[ExceptionKind]
    EXCEPTION_KIND_FILE_MISSING: _ClassVar[ExceptionKind]

class ExceptionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXCEPTION_STATE_UNSPECIFIED: _ClassVar[ExceptionState]
    EXCEPTION_STATE_OPEN: _ClassVar[ExceptionState]
    EXCEPTION_STATE_RESOLVED: _ClassVar[ExceptionState]
    EXCEPTION_STATE_DISMISSED: _ClassVar[ExceptionState]
FEED_FILE_STATE_UNSPECIFIED: FeedFileState
FEED_FILE_STATE_VALIDATED: FeedFileState
FEED_FILE_STATE_APPLIED: FeedFileState
FEED_FILE_STATE_QUARANTINED: FeedFileState
FEED_FILE_STATE_DUPLICATE: FeedFileState
FEED_FILE_STATE_HELD: FeedFileState
FEED_FILE_STATE_REVERTED: FeedFileState
HOLD_REASON_UNSPECIFIED: HoldReason
HOLD_REASON_CLOSED_SHARE: HoldReason
HOLD_REASON_CHANGED_SHARE: HoldReason
HOLD_REASON_MANY_TO_ONE: HoldReason
HOLD_REASON_UNASKED_ANSWERS: HoldReason
UNDONE_UNSPECIFIED: Undone
UNDONE_REVERTED: Undone
UNDONE_PARTLY_REVERTED: Undone
UNDONE_KEPT_NEWER: Undone
UNDONE_KEPT_PURGED: Undone
UNDONE_ALREADY_REVERTED: Undone
UNDONE_NOTHING_TO_REVERT: Undone
UNDONE_GONE: Undone
UNDONE_FAILED: Undone
EXCEPTION_KIND_UNSPECIFIED: ExceptionKind
EXCEPTION_KIND_FILE_QUARANTINED: ExceptionKind
EXCEPTION_KIND_FILE_HELD: ExceptionKind
EXCEPTION_KIND_ANSWER_NOT_APPLIED: ExceptionKind
EXCEPTION_KIND_CARD_NOT_ASKED: ExceptionKind
EXCEPTION_KIND_INQUIRY_UNANSWERED: ExceptionKind
EXCEPTION_KIND_APPLY_REFUSED: ExceptionKind
EXCEPTION_KIND_FILE_MISSING: ExceptionKind
EXCEPTION_STATE_UNSPECIFIED: ExceptionState
EXCEPTION_STATE_OPEN: ExceptionState
EXCEPTION_STATE_RESOLVED: ExceptionState
EXCEPTION_STATE_DISMISSED: ExceptionState

class FeedHold(_message.Message):
    __slots__ = ("reason", "decided_by", "decide_time", "decision", "rejected")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    DECIDE_TIME_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    reason: HoldReason
    decided_by: str
    decide_time: _timestamp_pb2.Timestamp
    decision: str
    rejected: bool
    def __init__(self, reason: _Optional[_Union[HoldReason, str]] = ..., decided_by: _Optional[str] = ..., decide_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision: _Optional[str] = ..., rejected: _Optional[bool] = ...) -> None: ...

class Quarantine(_message.Message):
    __slots__ = ("reason", "offset")
    REASON_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    reason: str
    offset: int
    def __init__(self, reason: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class FeedFile(_message.Message):
    __slots__ = ("feed_file_id", "channel", "name", "state", "size_bytes", "sha256", "record_count", "inquiry_id", "counts", "quarantine", "duplicate_of", "receive_time", "apply_time", "hold", "revert_time", "file_time", "missing_time", "reverted_by", "revert_reason")
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    INQUIRY_ID_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_OF_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    APPLY_TIME_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    REVERT_TIME_FIELD_NUMBER: _ClassVar[int]
    FILE_TIME_FIELD_NUMBER: _ClassVar[int]
    MISSING_TIME_FIELD_NUMBER: _ClassVar[int]
    REVERTED_BY_FIELD_NUMBER: _ClassVar[int]
    REVERT_REASON_FIELD_NUMBER: _ClassVar[int]
    feed_file_id: str
    channel: str
    name: str
    state: FeedFileState
    size_bytes: int
    sha256: bytes
    record_count: int
    inquiry_id: str
    counts: _containers.RepeatedCompositeFieldContainer[_updater_service_pb2.OutcomeCount]
    quarantine: Quarantine
    duplicate_of: str
    receive_time: _timestamp_pb2.Timestamp
    apply_time: _timestamp_pb2.Timestamp
    hold: FeedHold
    revert_time: _timestamp_pb2.Timestamp
    file_time: _timestamp_pb2.Timestamp
    missing_time: _timestamp_pb2.Timestamp
    reverted_by: str
    revert_reason: str
    def __init__(self, feed_file_id: _Optional[str] = ..., channel: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[FeedFileState, str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., record_count: _Optional[int] = ..., inquiry_id: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[_updater_service_pb2.OutcomeCount, _Mapping]]] = ..., quarantine: _Optional[_Union[Quarantine, _Mapping]] = ..., duplicate_of: _Optional[str] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., apply_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hold: _Optional[_Union[FeedHold, _Mapping]] = ..., revert_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., file_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., missing_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reverted_by: _Optional[str] = ..., revert_reason: _Optional[str] = ...) -> None: ...

class ListFeedFilesRequest(_message.Message):
    __slots__ = ("channel", "states", "page_size", "page_token")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    channel: str
    states: _containers.RepeatedScalarFieldContainer[FeedFileState]
    page_size: int
    page_token: str
    def __init__(self, channel: _Optional[str] = ..., states: _Optional[_Iterable[_Union[FeedFileState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFeedFilesResponse(_message.Message):
    __slots__ = ("feed_files", "next_page_token")
    FEED_FILES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    feed_files: _containers.RepeatedCompositeFieldContainer[FeedFile]
    next_page_token: str
    def __init__(self, feed_files: _Optional[_Iterable[_Union[FeedFile, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetFeedFileRequest(_message.Message):
    __slots__ = ("feed_file_id",)
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    feed_file_id: str
    def __init__(self, feed_file_id: _Optional[str] = ...) -> None: ...

class GetFeedFileResponse(_message.Message):
    __slots__ = ("feed_file",)
    FEED_FILE_FIELD_NUMBER: _ClassVar[int]
    feed_file: FeedFile
    def __init__(self, feed_file: _Optional[_Union[FeedFile, _Mapping]] = ...) -> None: ...

class FeedAnswer(_message.Message):
    __slots__ = ("ordinal", "token", "outcome", "disposition", "shadow", "raw_code", "reason")
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    RAW_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ordinal: int
    token: str
    outcome: _update_pb2.UpdateOutcome
    disposition: _update_pb2.Disposition
    shadow: bool
    raw_code: str
    reason: str
    def __init__(self, ordinal: _Optional[int] = ..., token: _Optional[str] = ..., outcome: _Optional[_Union[_update_pb2.UpdateOutcome, str]] = ..., disposition: _Optional[_Union[_update_pb2.Disposition, str]] = ..., shadow: _Optional[bool] = ..., raw_code: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListFeedAnswersRequest(_message.Message):
    __slots__ = ("feed_file_id", "page_size", "page_token")
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    feed_file_id: str
    page_size: int
    page_token: str
    def __init__(self, feed_file_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFeedAnswersResponse(_message.Message):
    __slots__ = ("answers", "next_page_token")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[FeedAnswer]
    next_page_token: str
    def __init__(self, answers: _Optional[_Iterable[_Union[FeedAnswer, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ApproveFeedFileRequest(_message.Message):
    __slots__ = ("request_id", "feed_file_id", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    feed_file_id: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., feed_file_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ApproveFeedFileResponse(_message.Message):
    __slots__ = ("feed_file",)
    FEED_FILE_FIELD_NUMBER: _ClassVar[int]
    feed_file: FeedFile
    def __init__(self, feed_file: _Optional[_Union[FeedFile, _Mapping]] = ...) -> None: ...

class RejectFeedFileRequest(_message.Message):
    __slots__ = ("request_id", "feed_file_id", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    feed_file_id: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., feed_file_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RejectFeedFileResponse(_message.Message):
    __slots__ = ("feed_file",)
    FEED_FILE_FIELD_NUMBER: _ClassVar[int]
    feed_file: FeedFile
    def __init__(self, feed_file: _Optional[_Union[FeedFile, _Mapping]] = ...) -> None: ...

class ReplayFeedFileRequest(_message.Message):
    __slots__ = ("request_id", "feed_file_id", "dry_run", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    feed_file_id: str
    dry_run: bool
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., feed_file_id: _Optional[str] = ..., dry_run: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class ReplayFeedFileResponse(_message.Message):
    __slots__ = ("feed_file", "counts")
    FEED_FILE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    feed_file: FeedFile
    counts: _containers.RepeatedCompositeFieldContainer[_updater_service_pb2.OutcomeCount]
    def __init__(self, feed_file: _Optional[_Union[FeedFile, _Mapping]] = ..., counts: _Optional[_Iterable[_Union[_updater_service_pb2.OutcomeCount, _Mapping]]] = ...) -> None: ...

class UndoneCount(_message.Message):
    __slots__ = ("undone", "count")
    UNDONE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    undone: Undone
    count: int
    def __init__(self, undone: _Optional[_Union[Undone, str]] = ..., count: _Optional[int] = ...) -> None: ...

class RevertFeedFileRequest(_message.Message):
    __slots__ = ("request_id", "feed_file_id", "dry_run", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    feed_file_id: str
    dry_run: bool
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., feed_file_id: _Optional[str] = ..., dry_run: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class RevertFeedFileResponse(_message.Message):
    __slots__ = ("feed_file", "counts", "kept_tokens", "dropped_parked_count")
    FEED_FILE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    KEPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_PARKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    feed_file: FeedFile
    counts: _containers.RepeatedCompositeFieldContainer[UndoneCount]
    kept_tokens: _containers.RepeatedScalarFieldContainer[str]
    dropped_parked_count: int
    def __init__(self, feed_file: _Optional[_Union[FeedFile, _Mapping]] = ..., counts: _Optional[_Iterable[_Union[UndoneCount, _Mapping]]] = ..., kept_tokens: _Optional[_Iterable[str]] = ..., dropped_parked_count: _Optional[int] = ...) -> None: ...

class UpdaterException(_message.Message):
    __slots__ = ("exception_id", "kind", "state", "reason", "channel", "feed_file_id", "ordinal", "offset", "inquiry_id", "token", "merchant_account", "outcome", "card", "open_time", "resolve_time", "resolved_by", "resolution")
    EXCEPTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FEED_FILE_ID_FIELD_NUMBER: _ClassVar[int]
    ORDINAL_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    INQUIRY_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    OPEN_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLVE_TIME_FIELD_NUMBER: _ClassVar[int]
    RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    exception_id: str
    kind: ExceptionKind
    state: ExceptionState
    reason: str
    channel: str
    feed_file_id: str
    ordinal: int
    offset: int
    inquiry_id: str
    token: str
    merchant_account: str
    outcome: _update_pb2.UpdateOutcome
    card: _card_pb2.Card
    open_time: _timestamp_pb2.Timestamp
    resolve_time: _timestamp_pb2.Timestamp
    resolved_by: str
    resolution: str
    def __init__(self, exception_id: _Optional[str] = ..., kind: _Optional[_Union[ExceptionKind, str]] = ..., state: _Optional[_Union[ExceptionState, str]] = ..., reason: _Optional[str] = ..., channel: _Optional[str] = ..., feed_file_id: _Optional[str] = ..., ordinal: _Optional[int] = ..., offset: _Optional[int] = ..., inquiry_id: _Optional[str] = ..., token: _Optional[str] = ..., merchant_account: _Optional[str] = ..., outcome: _Optional[_Union[_update_pb2.UpdateOutcome, str]] = ..., card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ..., open_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolve_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resolved_by: _Optional[str] = ..., resolution: _Optional[str] = ...) -> None: ...

class ListExceptionsRequest(_message.Message):
    __slots__ = ("channel", "kinds", "states", "page_size", "page_token")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    channel: str
    kinds: _containers.RepeatedScalarFieldContainer[ExceptionKind]
    states: _containers.RepeatedScalarFieldContainer[ExceptionState]
    page_size: int
    page_token: str
    def __init__(self, channel: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[ExceptionKind, str]]] = ..., states: _Optional[_Iterable[_Union[ExceptionState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListExceptionsResponse(_message.Message):
    __slots__ = ("exceptions", "next_page_token")
    EXCEPTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    exceptions: _containers.RepeatedCompositeFieldContainer[UpdaterException]
    next_page_token: str
    def __init__(self, exceptions: _Optional[_Iterable[_Union[UpdaterException, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetExceptionRequest(_message.Message):
    __slots__ = ("exception_id",)
    EXCEPTION_ID_FIELD_NUMBER: _ClassVar[int]
    exception_id: str
    def __init__(self, exception_id: _Optional[str] = ...) -> None: ...

class GetExceptionResponse(_message.Message):
    __slots__ = ("exception",)
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    exception: UpdaterException
    def __init__(self, exception: _Optional[_Union[UpdaterException, _Mapping]] = ...) -> None: ...

class ResolveExceptionRequest(_message.Message):
    __slots__ = ("request_id", "exception_id", "state", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXCEPTION_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    exception_id: str
    state: ExceptionState
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., exception_id: _Optional[str] = ..., state: _Optional[_Union[ExceptionState, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ResolveExceptionResponse(_message.Message):
    __slots__ = ("exception",)
    EXCEPTION_FIELD_NUMBER: _ClassVar[int]
    exception: UpdaterException
    def __init__(self, exception: _Optional[_Union[UpdaterException, _Mapping]] = ...) -> None: ...
