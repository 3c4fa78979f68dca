import datetime

from buf.validate import validate_pb2 as _validate_pb2
from cardvault.vault.v1 import card_pb2 as _card_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OnExisting(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_EXISTING_UNSPECIFIED: _ClassVar[OnExisting]
    ON_EXISTING_RETURN: _ClassVar[OnExisting]
    ON_EXISTING_UPDATE: _ClassVar[OnExisting]
    ON_EXISTING_NEW: _ClassVar[OnExisting]

class HoldAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLD_ACTION_UNSPECIFIED: _ClassVar[HoldAction]
    HOLD_ACTION_PLACE: _ClassVar[HoldAction]
    HOLD_ACTION_RELEASE: _ClassVar[HoldAction]

class DeclineFollowUp(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECLINE_FOLLOW_UP_UNSPECIFIED: _ClassVar[DeclineFollowUp]
    DECLINE_FOLLOW_UP_NONE: _ClassVar[DeclineFollowUp]
    DECLINE_FOLLOW_UP_CARD_CHECK_SCHEDULED: _ClassVar[DeclineFollowUp]
ON_EXISTING_UNSPECIFIED: OnExisting
ON_EXISTING_RETURN: OnExisting
ON_EXISTING_UPDATE: OnExisting
ON_EXISTING_NEW: OnExisting
HOLD_ACTION_UNSPECIFIED: HoldAction
HOLD_ACTION_PLACE: HoldAction
HOLD_ACTION_RELEASE: HoldAction
DECLINE_FOLLOW_UP_UNSPECIFIED: DeclineFollowUp
DECLINE_FOLLOW_UP_NONE: DeclineFollowUp
DECLINE_FOLLOW_UP_CARD_CHECK_SCHEDULED: DeclineFollowUp

class TokenizeRequest(_message.Message):
    __slots__ = ("request_id", "card", "customer", "kind", "token_format", "stored_credentials", "metadata", "ttl", "security_code", "on_existing")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FORMAT_FIELD_NUMBER: _ClassVar[int]
    STORED_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CODE_FIELD_NUMBER: _ClassVar[int]
    ON_EXISTING_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    card: _card_pb2.CardDetails
    customer: str
    kind: _card_pb2.CardKind
    token_format: _card_pb2.TokenFormat
    stored_credentials: _containers.RepeatedCompositeFieldContainer[_card_pb2.StoredCredential]
    metadata: _containers.ScalarMap[str, str]
    ttl: _duration_pb2.Duration
    security_code: str
    on_existing: OnExisting
    def __init__(self, request_id: _Optional[str] = ..., card: _Optional[_Union[_card_pb2.CardDetails, _Mapping]] = ..., customer: _Optional[str] = ..., kind: _Optional[_Union[_card_pb2.CardKind, str]] = ..., token_format: _Optional[_Union[_card_pb2.TokenFormat, str]] = ..., stored_credentials: _Optional[_Iterable[_Union[_card_pb2.StoredCredential, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., security_code: _Optional[str] = ..., on_existing: _Optional[_Union[OnExisting, str]] = ...) -> None: ...

class TokenizeResponse(_message.Message):
    __slots__ = ("card", "created", "differs")
    CARD_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    DIFFERS_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    created: bool
    differs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ..., created: _Optional[bool] = ..., differs: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchTokenizeRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[TokenizeRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[TokenizeRequest, _Mapping]]] = ...) -> None: ...

class BatchTokenizeResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: TokenizeResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[TokenizeResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchTokenizeResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchTokenizeResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchTokenizeResult, _Mapping]]] = ...) -> None: ...

class GetCardRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class GetCardResponse(_message.Message):
    __slots__ = ("card",)
    CARD_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ...) -> None: ...

class BatchGetCardsRequest(_message.Message):
    __slots__ = ("tokens",)
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tokens: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchGetCardsResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: GetCardResponse
    error: _status_pb2.Status
    def __init__(self, response: _Optional[_Union[GetCardResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class BatchGetCardsResponse(_message.Message):
    __slots__ = ("results", "truncated")
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchGetCardsResult]
    truncated: bool
    def __init__(self, results: _Optional[_Iterable[_Union[BatchGetCardsResult, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ListCardsRequest(_message.Message):
    __slots__ = ("customer", "fingerprint", "statuses", "brands", "expires_before", "page_size", "page_token")
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    customer: str
    fingerprint: str
    statuses: _containers.RepeatedScalarFieldContainer[_card_pb2.CardStatus]
    brands: _containers.RepeatedScalarFieldContainer[_card_pb2.Brand]
    expires_before: _card_pb2.Expiry
    page_size: int
    page_token: str
    def __init__(self, customer: _Optional[str] = ..., fingerprint: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_card_pb2.CardStatus, str]]] = ..., brands: _Optional[_Iterable[_Union[_card_pb2.Brand, str]]] = ..., expires_before: _Optional[_Union[_card_pb2.Expiry, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCardsResponse(_message.Message):
    __slots__ = ("cards", "next_page_token", "damaged_tokens")
    CARDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    cards: _containers.RepeatedCompositeFieldContainer[_card_pb2.Card]
    next_page_token: str
    damaged_tokens: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, cards: _Optional[_Iterable[_Union[_card_pb2.Card, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., damaged_tokens: _Optional[_Iterable[str]] = ...) -> None: ...

class UpdateCardRequest(_message.Message):
    __slots__ = ("request_id", "token", "expected_revision", "card", "stored_credentials", "metadata", "update_mask")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    STORED_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    expected_revision: int
    card: _card_pb2.CardChanges
    stored_credentials: _containers.RepeatedCompositeFieldContainer[_card_pb2.StoredCredential]
    metadata: _containers.ScalarMap[str, str]
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., expected_revision: _Optional[int] = ..., card: _Optional[_Union[_card_pb2.CardChanges, _Mapping]] = ..., stored_credentials: _Optional[_Iterable[_Union[_card_pb2.StoredCredential, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateCardResponse(_message.Message):
    __slots__ = ("card",)
    CARD_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ...) -> None: ...

class HoldChange(_message.Message):
    __slots__ = ("hold", "action")
    HOLD_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    hold: _card_pb2.Hold
    action: HoldAction
    def __init__(self, hold: _Optional[_Union[_card_pb2.Hold, _Mapping]] = ..., action: _Optional[_Union[HoldAction, str]] = ...) -> None: ...

class SetCardStatusRequest(_message.Message):
    __slots__ = ("request_id", "token", "expected_revision", "status", "holds", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    expected_revision: int
    status: _card_pb2.CardStatus
    holds: _containers.RepeatedCompositeFieldContainer[HoldChange]
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., expected_revision: _Optional[int] = ..., status: _Optional[_Union[_card_pb2.CardStatus, str]] = ..., holds: _Optional[_Iterable[_Union[HoldChange, _Mapping]]] = ..., reason: _Optional[str] = ...) -> None: ...

class SetCardStatusResponse(_message.Message):
    __slots__ = ("card",)
    CARD_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ...) -> None: ...

class ReportDeclineRequest(_message.Message):
    __slots__ = ("request_id", "token", "response_code", "decline_time")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_CODE_FIELD_NUMBER: _ClassVar[int]
    DECLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    response_code: str
    decline_time: _timestamp_pb2.Timestamp
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., response_code: _Optional[str] = ..., decline_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReportDeclineResponse(_message.Message):
    __slots__ = ("follow_up",)
    FOLLOW_UP_FIELD_NUMBER: _ClassVar[int]
    follow_up: DeclineFollowUp
    def __init__(self, follow_up: _Optional[_Union[DeclineFollowUp, str]] = ...) -> None: ...

class PutSecurityCodeRequest(_message.Message):
    __slots__ = ("token", "security_code", "ttl")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    SECURITY_CODE_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    token: str
    security_code: str
    ttl: _duration_pb2.Duration
    def __init__(self, token: _Optional[str] = ..., security_code: _Optional[str] = ..., ttl: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PutSecurityCodeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeleteCardRequest(_message.Message):
    __slots__ = ("request_id", "token", "expected_revision", "grace")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    expected_revision: int
    grace: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., expected_revision: _Optional[int] = ..., grace: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class DeleteCardResponse(_message.Message):
    __slots__ = ("card",)
    CARD_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ...) -> None: ...

class UndeleteCardRequest(_message.Message):
    __slots__ = ("request_id", "token", "expected_revision")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    expected_revision: int
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class UndeleteCardResponse(_message.Message):
    __slots__ = ("card",)
    CARD_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ...) -> None: ...

class ListCardVersionsRequest(_message.Message):
    __slots__ = ("token", "page_size", "page_token")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    page_size: int
    page_token: str
    def __init__(self, token: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCardVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[_card_pb2.CardVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[_card_pb2.CardVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
