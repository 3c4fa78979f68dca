import datetime

from buf.validate import validate_pb2 as _validate_pb2
from cardvault.vault.v1 import card_pb2 as _card_pb2
from cardvault.vault.v1 import update_pb2 as _update_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StreamCredentialsRequest(_message.Message):
    __slots__ = ("statuses", "brands", "expires_before", "changed_since", "cursor")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_SINCE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedScalarFieldContainer[_card_pb2.CardStatus]
    brands: _containers.RepeatedScalarFieldContainer[_card_pb2.Brand]
    expires_before: _card_pb2.Expiry
    changed_since: _timestamp_pb2.Timestamp
    cursor: str
    def __init__(self, statuses: _Optional[_Iterable[_Union[_card_pb2.CardStatus, str]]] = ..., brands: _Optional[_Iterable[_Union[_card_pb2.Brand, str]]] = ..., expires_before: _Optional[_Union[_card_pb2.Expiry, _Mapping]] = ..., changed_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class Decline(_message.Message):
    __slots__ = ("response_code", "decline_time")
    RESPONSE_CODE_FIELD_NUMBER: _ClassVar[int]
    DECLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    response_code: str
    decline_time: _timestamp_pb2.Timestamp
    def __init__(self, response_code: _Optional[str] = ..., decline_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Credential(_message.Message):
    __slots__ = ("token", "revision", "credential_version", "kind", "status", "brand", "issuer_country", "fingerprint", "expiry", "stored_credentials", "holds", "last_decline", "cursor")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    ISSUER_COUNTRY_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    STORED_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    LAST_DECLINE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    token: str
    revision: int
    credential_version: int
    kind: _card_pb2.CardKind
    status: _card_pb2.CardStatus
    brand: _card_pb2.Brand
    issuer_country: str
    fingerprint: str
    expiry: _card_pb2.Expiry
    stored_credentials: _containers.RepeatedCompositeFieldContainer[_card_pb2.StoredCredential]
    holds: _containers.RepeatedCompositeFieldContainer[_card_pb2.Hold]
    last_decline: Decline
    cursor: str
    def __init__(self, token: _Optional[str] = ..., revision: _Optional[int] = ..., credential_version: _Optional[int] = ..., kind: _Optional[_Union[_card_pb2.CardKind, str]] = ..., status: _Optional[_Union[_card_pb2.CardStatus, str]] = ..., brand: _Optional[_Union[_card_pb2.Brand, str]] = ..., issuer_country: _Optional[str] = ..., fingerprint: _Optional[str] = ..., expiry: _Optional[_Union[_card_pb2.Expiry, _Mapping]] = ..., stored_credentials: _Optional[_Iterable[_Union[_card_pb2.StoredCredential, _Mapping]]] = ..., holds: _Optional[_Iterable[_Union[_card_pb2.Hold, _Mapping]]] = ..., last_decline: _Optional[_Union[Decline, _Mapping]] = ..., cursor: _Optional[str] = ...) -> None: ...

class StreamCredentialsResponse(_message.Message):
    __slots__ = ("credentials", "cursor")
    CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    credentials: _containers.RepeatedCompositeFieldContainer[Credential]
    cursor: str
    def __init__(self, credentials: _Optional[_Iterable[_Union[Credential, _Mapping]]] = ..., cursor: _Optional[str] = ...) -> None: ...

class AskedVersion(_message.Message):
    __slots__ = ("token", "credential_version")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    token: str
    credential_version: int
    def __init__(self, token: _Optional[str] = ..., credential_version: _Optional[int] = ...) -> None: ...

class CredentialUpdate(_message.Message):
    __slots__ = ("update_id", "merchant_account", "version", "number", "outcome", "new_number", "new_expiry", "event_time", "file_time", "asked_time", "source", "dry_run")
    UPDATE_ID_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    NEW_NUMBER_FIELD_NUMBER: _ClassVar[int]
    NEW_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    FILE_TIME_FIELD_NUMBER: _ClassVar[int]
    ASKED_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    update_id: str
    merchant_account: str
    version: AskedVersion
    number: str
    outcome: _update_pb2.UpdateOutcome
    new_number: str
    new_expiry: _card_pb2.Expiry
    event_time: _timestamp_pb2.Timestamp
    file_time: _timestamp_pb2.Timestamp
    asked_time: _timestamp_pb2.Timestamp
    source: _update_pb2.UpdateSource
    dry_run: bool
    def __init__(self, update_id: _Optional[str] = ..., merchant_account: _Optional[str] = ..., version: _Optional[_Union[AskedVersion, _Mapping]] = ..., number: _Optional[str] = ..., outcome: _Optional[_Union[_update_pb2.UpdateOutcome, str]] = ..., new_number: _Optional[str] = ..., new_expiry: _Optional[_Union[_card_pb2.Expiry, _Mapping]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., file_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., asked_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[_Union[_update_pb2.UpdateSource, _Mapping]] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class ApplyUpdatesRequest(_message.Message):
    __slots__ = ("updates",)
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    updates: _containers.RepeatedCompositeFieldContainer[CredentialUpdate]
    def __init__(self, updates: _Optional[_Iterable[_Union[CredentialUpdate, _Mapping]]] = ...) -> None: ...

class UpdatedCard(_message.Message):
    __slots__ = ("card", "disposition", "previous_credential_version", "first_disposition")
    CARD_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    FIRST_DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    card: _card_pb2.Card
    disposition: _update_pb2.Disposition
    previous_credential_version: int
    first_disposition: _update_pb2.Disposition
    def __init__(self, card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ..., disposition: _Optional[_Union[_update_pb2.Disposition, str]] = ..., previous_credential_version: _Optional[int] = ..., first_disposition: _Optional[_Union[_update_pb2.Disposition, str]] = ...) -> None: ...

class UpdateResult(_message.Message):
    __slots__ = ("update_id", "disposition", "cards", "error")
    UPDATE_ID_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    CARDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    update_id: str
    disposition: _update_pb2.Disposition
    cards: _containers.RepeatedCompositeFieldContainer[UpdatedCard]
    error: _status_pb2.Status
    def __init__(self, update_id: _Optional[str] = ..., disposition: _Optional[_Union[_update_pb2.Disposition, str]] = ..., cards: _Optional[_Iterable[_Union[UpdatedCard, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ApplyUpdatesResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[UpdateResult]
    def __init__(self, results: _Optional[_Iterable[_Union[UpdateResult, _Mapping]]] = ...) -> None: ...

class UpdateFile(_message.Message):
    __slots__ = ("channel", "file")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    file: str
    def __init__(self, channel: _Optional[str] = ..., file: _Optional[str] = ...) -> None: ...

class UpdatedVersion(_message.Message):
    __slots__ = ("token", "credential_version")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    token: str
    credential_version: int
    def __init__(self, token: _Optional[str] = ..., credential_version: _Optional[int] = ...) -> None: ...

class RevertUpdatesRequest(_message.Message):
    __slots__ = ("request_id", "source", "version", "dry_run", "page_size", "page_token")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    source: UpdateFile
    version: UpdatedVersion
    dry_run: bool
    page_size: int
    page_token: str
    def __init__(self, request_id: _Optional[str] = ..., source: _Optional[_Union[UpdateFile, _Mapping]] = ..., version: _Optional[_Union[UpdatedVersion, _Mapping]] = ..., dry_run: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class RevertedCard(_message.Message):
    __slots__ = ("token", "disposition", "previous_credential_version", "credential_version", "card", "error")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    token: str
    disposition: _update_pb2.RevertDisposition
    previous_credential_version: int
    credential_version: int
    card: _card_pb2.Card
    error: _status_pb2.Status
    def __init__(self, token: _Optional[str] = ..., disposition: _Optional[_Union[_update_pb2.RevertDisposition, str]] = ..., previous_credential_version: _Optional[int] = ..., credential_version: _Optional[int] = ..., card: _Optional[_Union[_card_pb2.Card, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class RevertUpdatesResponse(_message.Message):
    __slots__ = ("cards", "next_page_token", "dropped_parked")
    CARDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DROPPED_PARKED_FIELD_NUMBER: _ClassVar[int]
    cards: _containers.RepeatedCompositeFieldContainer[RevertedCard]
    next_page_token: str
    dropped_parked: int
    def __init__(self, cards: _Optional[_Iterable[_Union[RevertedCard, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., dropped_parked: _Optional[int] = ...) -> None: ...
