import datetime

from buf.validate import validate_pb2 as _validate_pb2
from cardvault.vault.v1 import update_pb2 as _update_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnrollmentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENROLLMENT_STATE_UNSPECIFIED: _ClassVar[EnrollmentState]
    ENROLLMENT_STATE_ACTIVE: _ClassVar[EnrollmentState]
    ENROLLMENT_STATE_SUSPENDED: _ClassVar[EnrollmentState]
    ENROLLMENT_STATE_ENDED: _ClassVar[EnrollmentState]

class InquiryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INQUIRY_STATE_UNSPECIFIED: _ClassVar[InquiryState]
    INQUIRY_STATE_CREATED: _ClassVar[InquiryState]
    INQUIRY_STATE_WRITTEN: _ClassVar[InquiryState]
    INQUIRY_STATE_SENT: _ClassVar[InquiryState]
    INQUIRY_STATE_ANSWERED: _ClassVar[InquiryState]
    INQUIRY_STATE_EXPIRED: _ClassVar[InquiryState]
    INQUIRY_STATE_EMPTY: _ClassVar[InquiryState]

class NotAskedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOT_ASKED_REASON_UNSPECIFIED: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_NOT_AN_ACTIVE_FPAN: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_NOT_COVERED: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_OPTED_OUT: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_ENDED: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_BRAND_NOT_SERVED: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_ANSWER_AWAITED: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_ASKED_RECENTLY: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_NOT_DUE: _ClassVar[NotAskedReason]
    NOT_ASKED_REASON_PAUSED: _ClassVar[NotAskedReason]
ENROLLMENT_STATE_UNSPECIFIED: EnrollmentState
ENROLLMENT_STATE_ACTIVE: EnrollmentState
ENROLLMENT_STATE_SUSPENDED: EnrollmentState
ENROLLMENT_STATE_ENDED: EnrollmentState
INQUIRY_STATE_UNSPECIFIED: InquiryState
INQUIRY_STATE_CREATED: InquiryState
INQUIRY_STATE_WRITTEN: InquiryState
INQUIRY_STATE_SENT: InquiryState
INQUIRY_STATE_ANSWERED: InquiryState
INQUIRY_STATE_EXPIRED: InquiryState
INQUIRY_STATE_EMPTY: InquiryState
NOT_ASKED_REASON_UNSPECIFIED: NotAskedReason
NOT_ASKED_REASON_NOT_AN_ACTIVE_FPAN: NotAskedReason
NOT_ASKED_REASON_NOT_COVERED: NotAskedReason
NOT_ASKED_REASON_OPTED_OUT: NotAskedReason
NOT_ASKED_REASON_ENDED: NotAskedReason
NOT_ASKED_REASON_BRAND_NOT_SERVED: NotAskedReason
NOT_ASKED_REASON_ANSWER_AWAITED: NotAskedReason
NOT_ASKED_REASON_ASKED_RECENTLY: NotAskedReason
NOT_ASKED_REASON_NOT_DUE: NotAskedReason
NOT_ASKED_REASON_PAUSED: NotAskedReason

class Enrollment(_message.Message):
    __slots__ = ("token", "merchant_account", "state", "credential_version", "last_inquiry_time", "last_checked_time", "open_inquiry_id")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_INQUIRY_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_CHECKED_TIME_FIELD_NUMBER: _ClassVar[int]
    OPEN_INQUIRY_ID_FIELD_NUMBER: _ClassVar[int]
    token: str
    merchant_account: str
    state: EnrollmentState
    credential_version: int
    last_inquiry_time: _timestamp_pb2.Timestamp
    last_checked_time: _timestamp_pb2.Timestamp
    open_inquiry_id: str
    def __init__(self, token: _Optional[str] = ..., merchant_account: _Optional[str] = ..., state: _Optional[_Union[EnrollmentState, str]] = ..., credential_version: _Optional[int] = ..., last_inquiry_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_checked_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., open_inquiry_id: _Optional[str] = ...) -> None: ...

class OutcomeCount(_message.Message):
    __slots__ = ("outcome", "disposition", "count", "shadow")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    outcome: _update_pb2.UpdateOutcome
    disposition: _update_pb2.Disposition
    count: int
    shadow: bool
    def __init__(self, outcome: _Optional[_Union[_update_pb2.UpdateOutcome, str]] = ..., disposition: _Optional[_Union[_update_pb2.Disposition, str]] = ..., count: _Optional[int] = ..., shadow: _Optional[bool] = ...) -> None: ...

class Inquiry(_message.Message):
    __slots__ = ("inquiry_id", "channel", "merchant_account", "state", "file_name", "record_count", "counts", "create_time", "send_time")
    INQUIRY_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    RECORD_COUNT_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    inquiry_id: str
    channel: str
    merchant_account: str
    state: InquiryState
    file_name: str
    record_count: int
    counts: _containers.RepeatedCompositeFieldContainer[OutcomeCount]
    create_time: _timestamp_pb2.Timestamp
    send_time: _timestamp_pb2.Timestamp
    def __init__(self, inquiry_id: _Optional[str] = ..., channel: _Optional[str] = ..., merchant_account: _Optional[str] = ..., state: _Optional[_Union[InquiryState, str]] = ..., file_name: _Optional[str] = ..., record_count: _Optional[int] = ..., counts: _Optional[_Iterable[_Union[OutcomeCount, _Mapping]]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EnrollRequest(_message.Message):
    __slots__ = ("request_id", "token", "merchant_account")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    merchant_account: str
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., merchant_account: _Optional[str] = ...) -> None: ...

class EnrollResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class UnenrollRequest(_message.Message):
    __slots__ = ("request_id", "token", "merchant_account")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    token: str
    merchant_account: str
    def __init__(self, request_id: _Optional[str] = ..., token: _Optional[str] = ..., merchant_account: _Optional[str] = ...) -> None: ...

class UnenrollResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class GetEnrollmentRequest(_message.Message):
    __slots__ = ("token", "merchant_account")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    token: str
    merchant_account: str
    def __init__(self, token: _Optional[str] = ..., merchant_account: _Optional[str] = ...) -> None: ...

class GetEnrollmentResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ...) -> None: ...

class ListEnrollmentsRequest(_message.Message):
    __slots__ = ("token", "merchant_account", "states", "page_size", "page_token")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    merchant_account: str
    states: _containers.RepeatedScalarFieldContainer[EnrollmentState]
    page_size: int
    page_token: str
    def __init__(self, token: _Optional[str] = ..., merchant_account: _Optional[str] = ..., states: _Optional[_Iterable[_Union[EnrollmentState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEnrollmentsResponse(_message.Message):
    __slots__ = ("enrollments", "next_page_token")
    ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    enrollments: _containers.RepeatedCompositeFieldContainer[Enrollment]
    next_page_token: str
    def __init__(self, enrollments: _Optional[_Iterable[_Union[Enrollment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateInquiryRequest(_message.Message):
    __slots__ = ("request_id", "channel", "merchant_account")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    channel: str
    merchant_account: str
    def __init__(self, request_id: _Optional[str] = ..., channel: _Optional[str] = ..., merchant_account: _Optional[str] = ...) -> None: ...

class CreateInquiryResponse(_message.Message):
    __slots__ = ("inquiry",)
    INQUIRY_FIELD_NUMBER: _ClassVar[int]
    inquiry: Inquiry
    def __init__(self, inquiry: _Optional[_Union[Inquiry, _Mapping]] = ...) -> None: ...

class GetInquiryRequest(_message.Message):
    __slots__ = ("inquiry_id",)
    INQUIRY_ID_FIELD_NUMBER: _ClassVar[int]
    inquiry_id: str
    def __init__(self, inquiry_id: _Optional[str] = ...) -> None: ...

class GetInquiryResponse(_message.Message):
    __slots__ = ("inquiry",)
    INQUIRY_FIELD_NUMBER: _ClassVar[int]
    inquiry: Inquiry
    def __init__(self, inquiry: _Optional[_Union[Inquiry, _Mapping]] = ...) -> None: ...

class ListInquiriesRequest(_message.Message):
    __slots__ = ("channel", "states", "page_size", "page_token")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    channel: str
    states: _containers.RepeatedScalarFieldContainer[InquiryState]
    page_size: int
    page_token: str
    def __init__(self, channel: _Optional[str] = ..., states: _Optional[_Iterable[_Union[InquiryState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInquiriesResponse(_message.Message):
    __slots__ = ("inquiries", "next_page_token")
    INQUIRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    inquiries: _containers.RepeatedCompositeFieldContainer[Inquiry]
    next_page_token: str
    def __init__(self, inquiries: _Optional[_Iterable[_Union[Inquiry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExplainCardRequest(_message.Message):
    __slots__ = ("token", "merchant_account")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    MERCHANT_ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    token: str
    merchant_account: str
    def __init__(self, token: _Optional[str] = ..., merchant_account: _Optional[str] = ...) -> None: ...

class ExplainCardResponse(_message.Message):
    __slots__ = ("enrollment", "not_asked", "channel", "next_time", "last_answer")
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    NOT_ASKED_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_ANSWER_FIELD_NUMBER: _ClassVar[int]
    enrollment: Enrollment
    not_asked: NotAskedReason
    channel: str
    next_time: _timestamp_pb2.Timestamp
    last_answer: OutcomeCount
    def __init__(self, enrollment: _Optional[_Union[Enrollment, _Mapping]] = ..., not_asked: _Optional[_Union[NotAskedReason, str]] = ..., channel: _Optional[str] = ..., next_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_answer: _Optional[_Union[OutcomeCount, _Mapping]] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("channel", "format", "brands", "shadow", "pause")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    BRANDS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    channel: str
    format: str
    brands: _containers.RepeatedScalarFieldContainer[str]
    shadow: bool
    pause: ChannelPause
    def __init__(self, channel: _Optional[str] = ..., format: _Optional[str] = ..., brands: _Optional[_Iterable[str]] = ..., shadow: _Optional[bool] = ..., pause: _Optional[_Union[ChannelPause, _Mapping]] = ...) -> None: ...

class ChannelPause(_message.Message):
    __slots__ = ("reason", "paused_by", "pause_time")
    REASON_FIELD_NUMBER: _ClassVar[int]
    PAUSED_BY_FIELD_NUMBER: _ClassVar[int]
    PAUSE_TIME_FIELD_NUMBER: _ClassVar[int]
    reason: str
    paused_by: str
    pause_time: _timestamp_pb2.Timestamp
    def __init__(self, reason: _Optional[str] = ..., paused_by: _Optional[str] = ..., pause_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListChannelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListChannelsResponse(_message.Message):
    __slots__ = ("channels",)
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    channels: _containers.RepeatedCompositeFieldContainer[Channel]
    def __init__(self, channels: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ...) -> None: ...

class PauseChannelRequest(_message.Message):
    __slots__ = ("request_id", "channel", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    channel: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., channel: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PauseChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ...) -> None: ...

class ResumeChannelRequest(_message.Message):
    __slots__ = ("request_id", "channel")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    channel: str
    def __init__(self, request_id: _Optional[str] = ..., channel: _Optional[str] = ...) -> None: ...

class ResumeChannelResponse(_message.Message):
    __slots__ = ("channel",)
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    channel: Channel
    def __init__(self, channel: _Optional[_Union[Channel, _Mapping]] = ...) -> None: ...
