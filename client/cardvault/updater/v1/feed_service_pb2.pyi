import datetime

from buf.validate import validate_pb2 as _validate_pb2
from cardvault.updater.v1 import updater_service_pb2 as _updater_service_pb2
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
FEED_FILE_STATE_UNSPECIFIED: FeedFileState
FEED_FILE_STATE_VALIDATED: FeedFileState
FEED_FILE_STATE_APPLIED: FeedFileState
FEED_FILE_STATE_QUARANTINED: FeedFileState
FEED_FILE_STATE_DUPLICATE: FeedFileState

class Quarantine(_message.Message):
    __slots__ = ("reason", "offset")
    REASON_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    reason: str
    offset: int
    def __init__(self, reason: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class FeedFile(_message.Message):
    __slots__ = ("feed_file_id", "channel", "name", "state", "size_bytes", "sha256", "record_count", "inquiry_id", "counts", "quarantine", "duplicate_of", "receive_time", "apply_time")
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
    def __init__(self, feed_file_id: _Optional[str] = ..., channel: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[FeedFileState, str]] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., record_count: _Optional[int] = ..., inquiry_id: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[_updater_service_pb2.OutcomeCount, _Mapping]]] = ..., quarantine: _Optional[_Union[Quarantine, _Mapping]] = ..., duplicate_of: _Optional[str] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., apply_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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
