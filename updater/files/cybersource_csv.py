"""`cybersource-au-csv`: CyberSource's account updater file, a batch id unique for ever.

Lines end in LF or in CRLF, all alike. A request's header and an answer's trailer count details;
the trailer may leave its count out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from updater.files import cybersource_records as form
from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead, YearMonth
from updater.files.digits import digits_or_none
from updater.files.frame import Frame, Notes, StreamedResponse, take_headers
from updater.files.layout import Row, row
from updater.files.lines import Line, read_lines
from updater.files.packing import Packer
from updater.files.refusal import FileFault, FileRefused, Oddity
from updater.files.yymm import checked

_CLASSES: Final = frozenset({form.REQUEST_CLASS, form.RESPONSE_CLASS})
_FRAME: Final = Frame(
    (form.HEADER_TAG,), form.DETAIL_TAG, (form.TRAILER_TAG,), tag_of=lambda line: row(line).tag
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CybersourceCsv:
    """The codec: `codec.Codec`."""

    name: Final = form.CHANNEL
    max_bytes: Final = form.MAX_BYTES
    most_questions: Final = form.MOST_QUESTIONS
    request_suffix: Final = "au.request.pan.csv"
    carries_reference: Final = True
    one_network_per_file: Final = False
    batch_digits: Final = form.BATCH_DIGITS

    def carried_merchant(self, merchant_id: str, network: str) -> str:
        """Return the id as it is."""
        del network
        return merchant_id

    def write_request(
        self, head: RequestHead, asks: Iterable[AskRecord], count: int, out: BinaryIO
    ) -> None:
        """Write an inquiry file; without a date if `created` is 0. Raises RecordInvalid."""
        packer = Packer(out, form.MAX_BYTES, count)
        packer.add(form.REQUEST_HEADER, _header(head, count))
        for ask in packer.counted(asks):
            packer.add(form.REQUEST_DETAIL, _detail(ask))
        packer.add(form.REQUEST_TRAILER, {})
        packer.close()

    def open_response(self, plain: BinaryIO) -> StreamedResponse:
        """Read an answer file's header. Raises FileRefused."""
        lines = read_lines(plain, max_bytes=form.MAX_BYTES)
        (first,) = take_headers(lines, _FRAME)
        header = row(first)
        check_class(header, form.RESPONSE_CLASS)
        values = form.RESPONSE_HEADER.unpack(header)
        head = ResponseHead(values["merchant_id"], values["batch_id"], part="", file_time=None)
        notes = Notes()
        return StreamedResponse(head, _FRAME, lines, first.after, _answer, _closer(notes), notes)


def check_class(header: Row, expected: str) -> None:
    """Refuse a header of another classification, the other direction's by that name."""
    found = header.values[1] if len(header.values) > 1 else ""
    if found == expected:
        return
    other_way = found in _CLASSES
    reason = FileFault.WRONG_DIRECTION if other_way else FileFault.WRONG_CLASSIFICATION
    raise FileRefused(reason, header.offset_of(1), field="classification")


def _answer(ordinal: int, line: Line) -> AnswerRecord:
    detail = row(line)
    values = form.RESPONSE_DETAIL.unpack(detail)
    return AnswerRecord(
        ordinal=ordinal,
        offset=line.offset,
        network="",
        code=values["code"],
        reason=values["reason"],
        known=(values["code"], values["reason"]) in form.PUBLISHED,
        reference=values["reference"],
        merchant_id="",
        old_number=digits_or_none(values["old_number"]),
        old_expiry=read_expiry(values, "old_", detail),
        new_number=digits_or_none(values["new_number"]),
        new_expiry=read_expiry(values, "new_", detail),
        new_type="",
        previously_sent=None,
        extra=f"{values['request_id']},{values['sub_merchant']}",
    )


def _closer(notes: Notes) -> Callable[[Sequence[Line], int], None]:
    def close(trailers: Sequence[Line], details: int) -> None:
        trailer = row(trailers[0])
        values = form.RESPONSE_TRAILER.unpack(trailer)
        if not values["record_count"]:
            notes.add(Oddity.TRAILER_WITHOUT_COUNT, trailer.offset)
        elif int(values["record_count"]) != details:
            raise FileRefused(FileFault.COUNT_MISMATCH, trailer.offset, field="record_count")
        if len(trailer.values) > 2:
            notes.add(Oddity.TRAILER_WITH_MORE_FIELDS, trailer.offset)

    return close


def read_expiry(values: Mapping[str, str], prefix: str, detail: Row) -> YearMonth | None:
    """Return a record's expiry; None for an empty month or 00. Raises FileRefused."""
    month, year = values[f"{prefix}month"], values[f"{prefix}year"]
    if month in {"", "0", "00"}:
        return None
    if len(month) != 2 or int(month) > 12 or len(year) != 2:
        raise FileRefused(FileFault.FIELD_VALUE, detail.offset, field=f"{prefix}month")
    return YearMonth(2000 + int(year), int(month))


def month_year(prefix: str, expiry: YearMonth | None) -> Mapping[str, str]:
    """Return the two columns of an expiry, empty for none. Raises RecordInvalid."""
    if expiry is None:
        return {f"{prefix}month": "", f"{prefix}year": ""}
    return {
        f"{prefix}month": f"{checked(expiry).month:02}",
        f"{prefix}year": f"{expiry.year % 100:02}",
    }


def _header(head: RequestHead, count: int) -> Mapping[str, str]:
    created = _EPOCH + timedelta(microseconds=head.created)
    return {
        "classification": form.REQUEST_CLASS,
        "merchant_id": head.merchant_id,
        "batch_id": head.batch,
        "record_count": str(count),
        "status_email": head.status_email,
        "creation_date": f"{created:%Y-%m-%d}" if head.created else "",
        "batch_info": head.info,
    }


def _detail(ask: AskRecord) -> Mapping[str, str]:
    return {
        "number": ask.number.reveal(),
        **month_year("", ask.expiry),
        "reference": ask.reference,
        "sub_merchant": ask.sub_merchant,
    }
