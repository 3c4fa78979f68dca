"""Hypothesis strategies for the records of `cybersource-au-csv`. Numbers stay opaque."""

from hypothesis import strategies as st

from updater.files.cybersource_records import (
    Code,
    KnownCode,
    RequestFile,
    RequestHeader,
    RequestRecord,
    ResponseFile,
    ResponseHeader,
    ResponseRecord,
    YearMonth,
)
from updater.files.digits import Digits

TEXT = [chr(code) for code in range(0x20, 0x7F) if chr(code) != '"']


def text(width: int, *, least: int = 0) -> st.SearchStrategy[str]:
    return st.text(alphabet=TEXT, min_size=least, max_size=width)


def digits(width: int, *, least: int = 1) -> st.SearchStrategy[str]:
    return st.text(alphabet="0123456789", min_size=least, max_size=width)


NUMBERS = digits(19).map(Digits)
EXPIRIES = st.builds(YearMonth, st.integers(2000, 2099), st.integers(1, 12))
CODES = st.one_of(st.sampled_from(KnownCode).map(str), text(3, least=1)).map(Code)

REQUEST_RECORDS = st.builds(
    RequestRecord,
    number=NUMBERS,
    expiry=st.none() | EXPIRIES,
    reference=text(50),
    sub_merchant=text(10),
)
REQUESTS = st.builds(
    RequestFile,
    header=st.builds(
        RequestHeader,
        merchant_id=text(30, least=1),
        batch_id=digits(30),
        status_email=text(100, least=1),
        creation_date=st.none() | st.dates(),
        batch_info=text(50),
    ),
    records=st.lists(REQUEST_RECORDS, max_size=4).map(tuple),
)
RESPONSE_RECORDS = st.builds(
    ResponseRecord,
    code=CODES,
    reason=digits(3, least=0),
    reference=text(50),
    old_number=st.none() | NUMBERS,
    old_expiry=st.none() | EXPIRIES,
    new_number=st.none() | NUMBERS,
    new_expiry=st.none() | EXPIRIES,
    request_id=digits(30, least=0),
    sub_merchant=text(10),
)


@st.composite
def responses(draw: st.DrawFn) -> ResponseFile:
    records = tuple(draw(st.lists(RESPONSE_RECORDS, max_size=4)))
    header = ResponseHeader(draw(text(30, least=1)), draw(digits(30)))
    count = draw(st.sampled_from([None, len(records)]))
    return ResponseFile(header, records, count)
