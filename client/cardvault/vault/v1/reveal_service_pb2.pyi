from buf.validate import validate_pb2 as _validate_pb2
from cardvault.vault.v1 import card_pb2 as _card_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DetokenizeRequest(_message.Message):
    __slots__ = ("request_id", "token", "purpose", "credential_version", "include_security_code")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SECURITY_CODE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    purpose: str
    credential_version: int
    include_security_code: bool
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., purpose: _Optional[str] = ..., credential_version: _Optional[int] = ..., include_security_code: _Optional[bool] = ...) -> None: ...

class DetokenizeResponse(_message.Message):
    __slots__ = ("card", "security_code", "masked")
    CARD_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CODE_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.CardDetails
    security_code: str
    masked: _card_pb2.Card
    def __init__(self, card: _Optional[_Union[_card_pb2.CardDetails, _Mapping]] = ..., security_code: _Optional[str] = ..., masked: _Optional[_Union[_card_pb2.Card, _Mapping]] = ...) -> None: ...

class BatchDetokenizeRequest(_message.Message):
    __slots__ = ("tokens", "purpose")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedScalarFieldContainer[str]
    purpose: str
    def __init__(self, tokens: _Optional[_Iterable[str]] = ..., purpose: _Optional[str] = ...) -> None: ...

class BatchDetokenizeResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: DetokenizeResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[DetokenizeResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchDetokenizeResponse(_message.Message):
    __slots__ = ("results", "truncated")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchDetokenizeResult]
    truncated: bool
    def __init__(self, results: _Optional[_Iterable[_Union[BatchDetokenizeResult, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class FindByNumberRequest(_message.Message):
    __slots__ = ("numbers", "purpose")
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    numbers: _containers.RepeatedScalarFieldContainer[str]
    purpose: str
    def __init__(self, numbers: _Optional[_Iterable[str]] = ..., purpose: _Optional[str] = ...) -> None: ...

class NumberHolder(_message.Message):
    __slots__ = ("token", "current", "credential_version", "status", "kind")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    token: str
    current: bool
    credential_version: int
    status: _card_pb2.CardStatus
    kind: _card_pb2.CardKind
    def __init__(self, token: _Optional[str] = ..., current: _Optional[bool] = ..., credential_version: _Optional[int] = ..., status: _Optional[_Union[_card_pb2.CardStatus, str]] = ..., kind: _Optional[_Union[_card_pb2.CardKind, str]] = ...) -> None: ...

class NumberHolders(_message.Message):
    __slots__ = ("holders", "truncated")
    HOLDERS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    holders: _containers.RepeatedCompositeFieldContainer[NumberHolder]
    truncated: bool
    def __init__(self, holders: _Optional[_Iterable[_Union[NumberHolder, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class FindByNumberResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: NumberHolders
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[NumberHolders, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class FindByNumberResponse(_message.Message):
    __slots__ = ("results", "truncated")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[FindByNumberResult]
    truncated: bool
    def __init__(self, results: _Optional[_Iterable[_Union[FindByNumberResult, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...
