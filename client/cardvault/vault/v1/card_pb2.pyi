import datetime

from buf.validate import validate_pb2 as _validate_pb2
from cardvault.vault.v1 import update_pb2 as _update_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import postal_address_pb2 as _postal_address_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CardKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CARD_KIND_UNSPECIFIED: _ClassVar[CardKind]
    CARD_KIND_FPAN: _ClassVar[CardKind]
    CARD_KIND_DPAN: _ClassVar[CardKind]
    CARD_KIND_MPAN: _ClassVar[CardKind]
    CARD_KIND_NETWORK_TOKEN: _ClassVar[CardKind]

class CardStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CARD_STATUS_UNSPECIFIED: _ClassVar[CardStatus]
    CARD_STATUS_ACTIVE: _ClassVar[CardStatus]
    CARD_STATUS_NEEDS_CARDHOLDER: _ClassVar[CardStatus]
    CARD_STATUS_CLOSED: _ClassVar[CardStatus]
    CARD_STATUS_DELETED: _ClassVar[CardStatus]

class HoldType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOLD_TYPE_UNSPECIFIED: _ClassVar[HoldType]
    HOLD_TYPE_RECURRING_STOPPED: _ClassVar[HoldType]
    HOLD_TYPE_UPDATER_OPTED_OUT: _ClassVar[HoldType]
    HOLD_TYPE_LEGAL_HOLD: _ClassVar[HoldType]

class Agreement(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGREEMENT_UNSPECIFIED: _ClassVar[Agreement]
    AGREEMENT_ONE_TIME: _ClassVar[Agreement]
    AGREEMENT_RECURRING: _ClassVar[Agreement]
    AGREEMENT_INSTALLMENT: _ClassVar[Agreement]
    AGREEMENT_UNSCHEDULED: _ClassVar[Agreement]

class Initiator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INITIATOR_UNSPECIFIED: _ClassVar[Initiator]
    INITIATOR_CARDHOLDER: _ClassVar[Initiator]
    INITIATOR_MERCHANT: _ClassVar[Initiator]

class Brand(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BRAND_UNSPECIFIED: _ClassVar[Brand]
    BRAND_UNKNOWN: _ClassVar[Brand]
    BRAND_VISA: _ClassVar[Brand]
    BRAND_MASTERCARD: _ClassVar[Brand]
    BRAND_AMEX: _ClassVar[Brand]
    BRAND_DISCOVER: _ClassVar[Brand]
    BRAND_DINERS: _ClassVar[Brand]
    BRAND_JCB: _ClassVar[Brand]
    BRAND_UNIONPAY: _ClassVar[Brand]
    BRAND_MAESTRO: _ClassVar[Brand]
    BRAND_MIR: _ClassVar[Brand]
    BRAND_RUPAY: _ClassVar[Brand]
    BRAND_ELO: _ClassVar[Brand]
    BRAND_TROY: _ClassVar[Brand]
    BRAND_HIPERCARD: _ClassVar[Brand]
    BRAND_HIPER: _ClassVar[Brand]
    BRAND_VERVE: _ClassVar[Brand]
    BRAND_NARANJA: _ClassVar[Brand]

class Funding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FUNDING_UNSPECIFIED: _ClassVar[Funding]
    FUNDING_CREDIT: _ClassVar[Funding]
    FUNDING_DEBIT: _ClassVar[Funding]
    FUNDING_PREPAID: _ClassVar[Funding]
    FUNDING_CHARGE: _ClassVar[Funding]

class TokenFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKEN_FORMAT_UNSPECIFIED: _ClassVar[TokenFormat]
    TOKEN_FORMAT_OPAQUE: _ClassVar[TokenFormat]
    TOKEN_FORMAT_CARD_SHAPED: _ClassVar[TokenFormat]

class ChangeCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_CAUSE_UNSPECIFIED: _ClassVar[ChangeCause]
    CHANGE_CAUSE_CARDHOLDER: _ClassVar[ChangeCause]
    CHANGE_CAUSE_NETWORK: _ClassVar[ChangeCause]
    CHANGE_CAUSE_OPERATOR: _ClassVar[ChangeCause]
    CHANGE_CAUSE_IMPORT: _ClassVar[ChangeCause]
    CHANGE_CAUSE_REVERTED: _ClassVar[ChangeCause]
CARD_KIND_UNSPECIFIED: CardKind
CARD_KIND_FPAN: CardKind
CARD_KIND_DPAN: CardKind
CARD_KIND_MPAN: CardKind
CARD_KIND_NETWORK_TOKEN: CardKind
CARD_STATUS_UNSPECIFIED: CardStatus
CARD_STATUS_ACTIVE: CardStatus
CARD_STATUS_NEEDS_CARDHOLDER: CardStatus
CARD_STATUS_CLOSED: CardStatus
CARD_STATUS_DELETED: CardStatus
HOLD_TYPE_UNSPECIFIED: HoldType
HOLD_TYPE_RECURRING_STOPPED: HoldType
HOLD_TYPE_UPDATER_OPTED_OUT: HoldType
HOLD_TYPE_LEGAL_HOLD: HoldType
AGREEMENT_UNSPECIFIED: Agreement
AGREEMENT_ONE_TIME: Agreement
AGREEMENT_RECURRING: Agreement
AGREEMENT_INSTALLMENT: Agreement
AGREEMENT_UNSCHEDULED: Agreement
INITIATOR_UNSPECIFIED: Initiator
INITIATOR_CARDHOLDER: Initiator
INITIATOR_MERCHANT: Initiator
BRAND_UNSPECIFIED: Brand
BRAND_UNKNOWN: Brand
BRAND_VISA: Brand
BRAND_MASTERCARD: Brand
BRAND_AMEX: Brand
BRAND_DISCOVER: Brand
BRAND_DINERS: Brand
BRAND_JCB: Brand
BRAND_UNIONPAY: Brand
BRAND_MAESTRO: Brand
BRAND_MIR: Brand
BRAND_RUPAY: Brand
BRAND_ELO: Brand
BRAND_TROY: Brand
BRAND_HIPERCARD: Brand
BRAND_HIPER: Brand
BRAND_VERVE: Brand
BRAND_NARANJA: Brand
FUNDING_UNSPECIFIED: Funding
FUNDING_CREDIT: Funding
FUNDING_DEBIT: Funding
FUNDING_PREPAID: Funding
FUNDING_CHARGE: Funding
TOKEN_FORMAT_UNSPECIFIED: TokenFormat
TOKEN_FORMAT_OPAQUE: TokenFormat
TOKEN_FORMAT_CARD_SHAPED: TokenFormat
CHANGE_CAUSE_UNSPECIFIED: ChangeCause
CHANGE_CAUSE_CARDHOLDER: ChangeCause
CHANGE_CAUSE_NETWORK: ChangeCause
CHANGE_CAUSE_OPERATOR: ChangeCause
CHANGE_CAUSE_IMPORT: ChangeCause
CHANGE_CAUSE_REVERTED: ChangeCause

class ChangeSource(_message.Message):
    __slots__ = ("principal", "update")
    PRINCIPAL_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    principal: str
    update: _update_pb2.UpdateSource
    def __init__(self, principal: _Optional[str] = ..., update: _Optional[_Union[_update_pb2.UpdateSource, _Mapping]] = ...) -> None: ...

class Expiry(_message.Message):
    __slots__ = ("month", "year")
    MONTH_FIELD_NUMBER: _ClassVar[int]
    YEAR_FIELD_NUMBER: _ClassVar[int]
    month: int
    year: int
    def __init__(self, month: _Optional[int] = ..., year: _Optional[int] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("type", "merchant_account")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    type: HoldType
    merchant_account: str
    def __init__(self, type: _Optional[_Union[HoldType, str]] = ..., merchant_account: _Optional[str] = ...) -> None: ...

class StoredCredential(_message.Message):
    __slots__ = ("merchant_account", "network_transaction_ids", "agreement", "initiator", "consent_time", "consent_reference", "withdraw_time")
    class NetworkTransactionIdsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    NETWORK_TRANSACTION_IDS_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    INITIATOR_FIELD_NUMBER: _ClassVar[int]
    CONSENT_TIME_FIELD_NUMBER: _ClassVar[int]
    CONSENT_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_TIME_FIELD_NUMBER: _ClassVar[int]
    merchant_account: str
    network_transaction_ids: _containers.ScalarMap[str, str]
    agreement: Agreement
    initiator: Initiator
    consent_time: _timestamp_pb2.Timestamp
    consent_reference: str
    withdraw_time: _timestamp_pb2.Timestamp
    def __init__(self, merchant_account: _Optional[str] = ..., network_transaction_ids: _Optional[_Mapping[str, str]] = ..., agreement: _Optional[_Union[Agreement, str]] = ..., initiator: _Optional[_Union[Initiator, str]] = ..., consent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., consent_reference: _Optional[str] = ..., withdraw_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CardDetails(_message.Message):
    __slots__ = ("number", "expiry_month", "expiry_year", "cardholder_name", "billing_address")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_YEAR_FIELD_NUMBER: _ClassVar[int]
    CARDHOLDER_NAME_FIELD_NUMBER: _ClassVar[int]
    BILLING_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    number: str
    expiry_month: int
    expiry_year: int
    cardholder_name: str
    billing_address: _postal_address_pb2.PostalAddress
    def __init__(self, number: _Optional[str] = ..., expiry_month: _Optional[int] = ..., expiry_year: _Optional[int] = ..., cardholder_name: _Optional[str] = ..., billing_address: _Optional[_Union[_postal_address_pb2.PostalAddress, _Mapping]] = ...) -> None: ...

class CardChanges(_message.Message):
    __slots__ = ("number", "expiry_month", "expiry_year", "cardholder_name", "billing_address")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_YEAR_FIELD_NUMBER: _ClassVar[int]
    CARDHOLDER_NAME_FIELD_NUMBER: _ClassVar[int]
    BILLING_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    number: str
    expiry_month: int
    expiry_year: int
    cardholder_name: str
    billing_address: _postal_address_pb2.PostalAddress
    def __init__(self, number: _Optional[str] = ..., expiry_month: _Optional[int] = ..., expiry_year: _Optional[int] = ..., cardholder_name: _Optional[str] = ..., billing_address: _Optional[_Union[_postal_address_pb2.PostalAddress, _Mapping]] = ...) -> None: ...

class Card(_message.Message):
    __slots__ = ("token", "revision", "credential_version", "kind", "token_format", "status", "holds", "brand", "bin", "last4", "expiry_month", "expiry_year", "expiry_unconfirmed", "fingerprint", "customer", "funding", "issuer_country", "par", "stored_credentials", "metadata", "create_time", "update_time", "expire_time", "delete_time", "erase_time")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FORMAT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    BRAND_FIELD_NUMBER: _ClassVar[int]
    BIN_FIELD_NUMBER: _ClassVar[int]
    LAST4_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_MONTH_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_YEAR_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_UNCONFIRMED_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    FUNDING_FIELD_NUMBER: _ClassVar[int]
    ISSUER_COUNTRY_FIELD_NUMBER: _ClassVar[int]
    PAR_FIELD_NUMBER: _ClassVar[int]
    STORED_CREDENTIALS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    DELETE_TIME_FIELD_NUMBER: _ClassVar[int]
    ERASE_TIME_FIELD_NUMBER: _ClassVar[int]
    token: str
    revision: int
    credential_version: int
    kind: CardKind
    token_format: TokenFormat
    status: CardStatus
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    brand: Brand
    bin: str
    last4: str
    expiry_month: int
    expiry_year: int
    expiry_unconfirmed: bool
    fingerprint: str
    customer: str
    funding: Funding
    issuer_country: str
    par: str
    stored_credentials: _containers.RepeatedCompositeFieldContainer[StoredCredential]
    metadata: _containers.ScalarMap[str, str]
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    delete_time: _timestamp_pb2.Timestamp
    erase_time: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[str] = ..., revision: _Optional[int] = ..., credential_version: _Optional[int] = ..., kind: _Optional[_Union[CardKind, str]] = ..., token_format: _Optional[_Union[TokenFormat, str]] = ..., status: _Optional[_Union[CardStatus, str]] = ..., holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ..., brand: _Optional[_Union[Brand, str]] = ..., bin: _Optional[str] = ..., last4: _Optional[str] = ..., expiry_month: _Optional[int] = ..., expiry_year: _Optional[int] = ..., expiry_unconfirmed: _Optional[bool] = ..., fingerprint: _Optional[str] = ..., customer: _Optional[str] = ..., funding: _Optional[_Union[Funding, str]] = ..., issuer_country: _Optional[str] = ..., par: _Optional[str] = ..., stored_credentials: _Optional[_Iterable[_Union[StoredCredential, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delete_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., erase_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CardVersion(_message.Message):
    __slots__ = ("credential_version", "card", "cause", "source", "create_time")
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    credential_version: int
    card: Card
    cause: ChangeCause
    source: ChangeSource
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, credential_version: _Optional[int] = ..., card: _Optional[_Union[Card, _Mapping]] = ..., cause: _Optional[_Union[ChangeCause, str]] = ..., source: _Optional[_Union[ChangeSource, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
