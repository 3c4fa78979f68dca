import datetime

from cardvault.updater.v1 import feed_service_pb2 as _feed_service_pb2
from cardvault.updater.v1 import updater_service_pb2 as _updater_service_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeedEvent(_message.Message):
    __slots__ = ("event_type", "tenant", "sequence", "feed_file", "time")
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    FEED_FILE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    event_type: str
    tenant: str
    sequence: int
    feed_file: _feed_service_pb2.FeedFile
    time: _timestamp_pb2.Timestamp
    def __init__(self, event_type: _Optional[str] = ..., tenant: _Optional[str] = ..., sequence: _Optional[int] = ..., feed_file: _Optional[_Union[_feed_service_pb2.FeedFile, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class InquiryEvent(_message.Message):
    __slots__ = ("event_type", "tenant", "sequence", "inquiry", "time")
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INQUIRY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    event_type: str
    tenant: str
    sequence: int
    inquiry: _updater_service_pb2.Inquiry
    time: _timestamp_pb2.Timestamp
    def __init__(self, event_type: _Optional[str] = ..., tenant: _Optional[str] = ..., sequence: _Optional[int] = ..., inquiry: _Optional[_Union[_updater_service_pb2.Inquiry, _Mapping]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
