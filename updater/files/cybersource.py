"""`cybersource-au-csv`, both ways: request and response files as records, and records as files.

Reading is strict about form (header first, trailer last, counts, columns, alphabets) and knows
nothing about cards. Every refusal is a FileRefused of the whole file.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from updater.files import cybersource_records as form
from updater.files.cybersource_records import (
    Code,
    RequestFile,
    RequestHeader,
    RequestRecord,
    ResponseFile,
    ResponseHeader,
    ResponseRecord,
    YearMonth,
)
from updater.files.digits import Digits
from updater.files.layout import Record, Row, row
from updater.files.lines import lines
from updater.files.refusal import Diagnostic, FileFault, FileRefused, Oddity, RecordInvalid

_CLASSES: Final = frozenset({form.REQUEST_CLASS, form.RESPONSE_CLASS})


def read_request(data: bytes) -> RequestFile:
    """Parse an inquiry file. Raises FileRefused with reason and offset, for the whole file."""
    body = _body(data, form.REQUEST_CLASS, form.REQUEST_HEADER, form.REQUEST_TRAILER)
    values = body.header
    if int(values["record_count"]) != len(body.details):
        raise FileRefused(FileFault.COUNT_MISMATCH, 0, field="record_count")
    header = RequestHeader(
        merchant_id=values["merchant_id"],
        batch_id=values["batch_id"],
        status_email=values["status_email"],
        creation_date=_date(values["creation_date"], body.header_row),
        batch_info=values["batch_info"],
    )
    return RequestFile(header, tuple(_request_record(detail) for detail in body.details))


def read_response(data: bytes) -> ResponseFile:
    """Parse an answer file. Raises FileRefused with reason and offset, for the whole file."""
    body = _body(data, form.RESPONSE_CLASS, form.RESPONSE_HEADER, form.RESPONSE_TRAILER)
    records = tuple(_response_record(detail) for detail in body.details)
    diagnostics = [
        Diagnostic(Oddity.UNKNOWN_CODE, detail.offset)
        for detail, record in zip(body.details, records, strict=True)
        if not record.code.known
    ]
    count = int(body.trailer["record_count"]) if body.trailer["record_count"] else None
    at = body.trailer_row.offset
    if count is None:
        diagnostics.append(Diagnostic(Oddity.TRAILER_WITHOUT_COUNT, at))
    elif count != len(records):
        raise FileRefused(FileFault.COUNT_MISMATCH, at, field="record_count")
    if len(body.trailer_row.values) > 2:
        diagnostics.append(Diagnostic(Oddity.TRAILER_WITH_MORE_FIELDS, at))
    return ResponseFile(
        header=ResponseHeader(body.header["merchant_id"], body.header["batch_id"]),
        records=records,
        count=count,
        offsets=tuple(detail.offset for detail in body.details),
        diagnostics=tuple(diagnostics),
    )


def write_request(file: RequestFile) -> bytes:
    """Return an inquiry file's bytes. Raises RecordInvalid where a value has no place in it."""
    header = {
        "classification": form.REQUEST_CLASS,
        "merchant_id": file.header.merchant_id,
        "batch_id": file.header.batch_id,
        "record_count": str(len(file.records)),
        "status_email": file.header.status_email,
        "creation_date": file.header.creation_date.isoformat() if file.header.creation_date else "",
        "batch_info": file.header.batch_info,
    }
    details = (
        form.REQUEST_DETAIL.pack(
            {
                "number": record.number.reveal(),
                **_month_year("", record.expiry),
                "reference": record.reference,
                "sub_merchant": record.sub_merchant,
            }
        )
        for record in file.records
    )
    trailer = form.REQUEST_TRAILER.pack({})
    return _join([form.REQUEST_HEADER.pack(header), *details, trailer])


def write_response(file: ResponseFile) -> bytes:
    """Return an answer file's bytes, without a trailer count if the file has none."""
    header = {
        "classification": form.RESPONSE_CLASS,
        "merchant_id": file.header.merchant_id,
        "batch_id": file.header.batch_id,
    }
    details = (
        form.RESPONSE_DETAIL.pack(
            {
                "request_id": record.request_id,
                "old_number": record.old_number.reveal() if record.old_number else "",
                **_month_year("old_", record.old_expiry),
                "new_number": record.new_number.reveal() if record.new_number else "",
                **_month_year("new_", record.new_expiry),
                "reference": record.reference,
                "sub_merchant": record.sub_merchant,
                "code": record.code.raw,
                "reason": record.reason,
            }
        )
        for record in file.records
    )
    count = "" if file.count is None else str(file.count)
    trailer = form.RESPONSE_TRAILER.pack({"record_count": count})
    return _join([form.RESPONSE_HEADER.pack(header), *details, trailer])


def _join(packed: Sequence[str]) -> bytes:
    data = "\n".join([*packed, ""]).encode("ascii")
    if len(data) > form.MAX_BYTES:
        raise RecordInvalid("the file is over 10 MB")
    return data


@dataclass(frozen=True, slots=True, repr=False)
class _Body:
    """A file whose frame is right: header first, trailer last, details between."""

    header: Mapping[str, str]
    header_row: Row
    details: Sequence[Row]
    trailer: Mapping[str, str]
    trailer_row: Row


def _body(data: bytes, classification: str, header: Record, trailer: Record) -> _Body:
    rows = (row(line) for line in lines(data, max_bytes=form.MAX_BYTES))
    first = next(rows)  # an empty file was refused above
    if first.tag != form.HEADER_TAG:
        raise FileRefused(FileFault.HEADER_EXPECTED, 0)
    _check_class(first, classification)
    header_values = header.unpack(first)
    details, last = _details(rows, len(data))
    return _Body(header_values, first, details, trailer.unpack(last), last)


def _details(rows: Iterator[Row], end: int) -> tuple[Sequence[Row], Row]:
    """Return the detail rows and the trailer, which must be the last line."""
    details: list[Row] = []
    for each in rows:
        if each.tag == form.DETAIL_TAG:
            details.append(each)
        elif each.tag == form.TRAILER_TAG:
            if (after := next(rows, None)) is not None:
                raise FileRefused(FileFault.DATA_AFTER_TRAILER, after.offset)
            return details, each
        elif each.tag == form.HEADER_TAG:
            raise FileRefused(FileFault.SECOND_HEADER, each.offset)
        else:
            raise FileRefused(FileFault.UNKNOWN_RECORD, each.offset)
    raise FileRefused(FileFault.TRUNCATED, end)


def _check_class(header: Row, expected: str) -> None:
    found = header.values[1] if len(header.values) > 1 else ""
    if found == expected:
        return
    other_way = found in _CLASSES
    reason = FileFault.WRONG_DIRECTION if other_way else FileFault.WRONG_CLASSIFICATION
    raise FileRefused(reason, header.offset_of(1), field="classification")


def _request_record(detail: Row) -> RequestRecord:
    values = form.REQUEST_DETAIL.unpack(detail)
    return RequestRecord(
        number=Digits(values["number"]),
        expiry=_expiry(values, "", detail),
        reference=values["reference"],
        sub_merchant=values["sub_merchant"],
    )


def _response_record(detail: Row) -> ResponseRecord:
    values = form.RESPONSE_DETAIL.unpack(detail)
    return ResponseRecord(
        code=Code(values["code"]),
        reason=values["reason"],
        reference=values["reference"],
        old_number=_digits(values["old_number"]),
        old_expiry=_expiry(values, "old_", detail),
        new_number=_digits(values["new_number"]),
        new_expiry=_expiry(values, "new_", detail),
        request_id=values["request_id"],
        sub_merchant=values["sub_merchant"],
    )


def _digits(text: str) -> Digits | None:
    return Digits(text) if text else None


def _expiry(values: Mapping[str, str], prefix: str, detail: Row) -> YearMonth | None:
    """Two-digit years are 2000 + YY; an empty month or "00" is an absent expiry."""
    month, year = values[f"{prefix}month"], values[f"{prefix}year"]
    if month in {"", "0", "00"}:
        return None
    if len(month) != 2 or int(month) > 12 or len(year) != 2:
        raise FileRefused(FileFault.FIELD_VALUE, detail.offset, field=f"{prefix}month")
    return YearMonth(2000 + int(year), int(month))


def _month_year(prefix: str, expiry: YearMonth | None) -> dict[str, str]:
    if expiry is None:
        return {f"{prefix}month": "", f"{prefix}year": ""}
    if not (2000 <= expiry.year <= 2099 and 1 <= expiry.month <= 12):
        raise RecordInvalid("an expiry is a month of 2000 to 2099")
    return {f"{prefix}month": f"{expiry.month:02}", f"{prefix}year": f"{expiry.year % 100:02}"}


def _date(text: str, header: Row) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise FileRefused(FileFault.FIELD_VALUE, header.offset, field="creation_date") from None
