import datetime

from cardvault.vault.v1 import card_pb2 as _card_pb2
from cardvault.vault.v1 import update_pb2 as _update_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CardEvent(_message.Message):
    __slots__ = ("event_type", "tenant", "token", "revision", "card", "old_fingerprint", "old_status", "cause", "source", "outcome", "time", "traceparent")
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    OLD_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    OLD_STATUS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    event_type: str
    tenant: str
    token: str
    revision: int
    card: _card_pb2.Card
    old_fingerprint: str
    old_status: _card_pb2.CardStatus
    cause: _card_pb2.ChangeCause
    source: _card_pb2.ChangeSource
    outcome: _update_pb2.UpdateOutcome
    time: _timestamp_pb2.Timestamp
    traceparent: str
    def __init__(self, event_type: _Optional[str] = ..., tenant: _Optional[str] = ..., token: _Optional[str] = ..., revision: _Optional[int] = ..., card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ..., old_fingerprint: _Optional[str] = ..., old_status: _Optional[_Union[_card_pb2.CardStatus, str]] = ..., cause: _Optional[_Union[_card_pb2.ChangeCause, str]] = ..., source: _Optional[_Union[_card_pb2.ChangeSource, _Mapping]] = ..., outcome: _Optional[_Union[_update_pb2.UpdateOutcome, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...
