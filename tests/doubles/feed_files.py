"""The other side's half of each format: answer files written, and inquiry files read.

Of the same record tables as the product's half; what the tables say is checked against section
4's positions, and against golden files, elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from updater.files import cybersource_records as cs
from updater.files import gp_records as gp
from updater.files import mes_records as mes
from updater.files.answers import MASTERCARD, AnswerRecord, ResponseHead, YearMonth
from updater.files.digits import Digits
from updater.files.fixed import FixedRecord
from updater.files.layout import Record, row
from updater.files.lines import Line, read_blocks, read_lines

Packed = Iterator[str]


def answer_file(
    name: str, head: ResponseHead, records: Sequence[AnswerRecord], *, ending: str = "\n"
) -> bytes:
    """Return an answer file of a format, by its name, each line with an ending."""
    return "".join(line + ending for line in _WRITERS[name](head, records)).encode("ascii")


def _shown(digits: Digits | None) -> str:
    return "" if digits is None else digits.reveal()


def _yymm(expiry: YearMonth | None) -> str:
    return "" if expiry is None else f"{expiry.year % 100:02}{expiry.month:02}"


def _cybersource(head: ResponseHead, records: Sequence[AnswerRecord]) -> Packed:
    header = {"merchant_id": head.merchant_id, "batch_id": head.batch}
    yield cs.RESPONSE_HEADER.pack({"classification": cs.RESPONSE_CLASS, **header})
    for record in records:
        request_id, _, sub_merchant = record.extra.partition(",")
        old, new = _yymm(record.old_expiry), _yymm(record.new_expiry)
        yield cs.RESPONSE_DETAIL.pack(
            {
                "request_id": request_id,
                "old_number": _shown(record.old_number),
                "old_month": old[2:],
                "old_year": old[:2],
                "new_number": _shown(record.new_number),
                "new_month": new[2:],
                "new_year": new[:2],
                "reference": record.reference,
                "sub_merchant": sub_merchant,
                "code": record.code,
                "reason": record.reason,
            }
        )
    yield cs.RESPONSE_TRAILER.pack({"record_count": str(len(records))})


def _bigbatch(head: ResponseHead, records: Sequence[AnswerRecord]) -> Packed:
    yield gp.FILE_HEADER.pack(
        {
            "created": head.part[:12],
            "sequence": head.part[12:],
            "network": head.network,
            "segment": head.segment,
            "batch_id": head.batch,
            "customer": "",
            "reserved": "",
        }
    )
    terminal = {"terminal_id": "T1", "vendor_id": "", "application_id": "", "customer": ""}
    yield gp.TERMINAL_HEADER.pack(terminal)
    for record in records:
        service, reason = record.code, record.reason
        if head.network == MASTERCARD:
            service, reason = reason, service
        yield gp.RESPONSE_DETAIL.pack(
            {
                "merchant_id": record.merchant_id,
                "routing": gp.ROUTING[head.network],
                "old_number": _shown(record.old_number),
                "old_expiry": _yymm(record.old_expiry),
                "new_number": _shown(record.new_number),
                "new_expiry": _yymm(record.new_expiry),
                "service_id": service,
                "previously_sent": {None: "", True: "Y", False: "N"}[record.previously_sent],
                "reason_id": reason,
            }
        )
    yield gp.RESPONSE_TERMINAL_TRAILER.pack({"terminal_id": "T1", "rest": ""})
    kinds = ("approved", "declined", "referred")
    amounts = {f"{kind}_{what}": "0" for kind in kinds for what in ("count", "amount")}
    yield gp.RESPONSE_FILE_TRAILER.pack(
        {"batch_id": head.batch, "record_count": str(len(records) + 4), **amounts}
    )


def _aus(head: ResponseHead, records: Sequence[AnswerRecord]) -> Packed:
    yield mes.HEADER.pack({"version": mes.VERSION, "merchant_id": head.merchant_id})
    for record in records:
        yield mes.RESPONSE_DETAIL.pack(
            {
                "old_type": record.extra[:4].rstrip(" "),
                "old_number": _shown(record.old_number),
                "old_expiry": _yymm(record.old_expiry),
                "new_type": record.new_type,
                "new_number": _shown(record.new_number),
                "new_expiry": _yymm(record.new_expiry),
                "code": record.code,
                "source": record.extra[4:],
                "reference": record.reference,
            }
        )
    yield mes.TRAILER.pack({"record_count": str(len(records))})


_WRITERS: Mapping[str, Callable[[ResponseHead, Sequence[AnswerRecord]], Packed]] = {
    cs.CHANNEL: _cybersource,
    gp.CHANNEL: _bigbatch,
    mes.CHANNEL: _aus,
}


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """One record of an inquiry file. `network` is the file's or the record's word for it."""

    number: Digits
    expiry: str
    reference: str
    merchant_id: str
    network: str


@dataclass(frozen=True, slots=True, repr=False)
class Inquiry:
    """An inquiry file as whoever answers it reads it. `expiry` of a question is YYMM or ""."""

    merchant_id: str
    batch: str
    status_email: str
    questions: Sequence[Question]
    count: int


def read_inquiry(name: str, data: bytes) -> Inquiry:
    """Read an inquiry file of a format, by its name. Raises FileRefused, AssertionError."""
    return _READERS[name](data)


def _read_cybersource(data: bytes) -> Inquiry:
    first, *details, last = (row(line) for line in read_lines(BytesIO(data), max_bytes=len(data)))
    header = cs.REQUEST_HEADER.unpack(first)
    assert header["classification"] == cs.REQUEST_CLASS
    cs.REQUEST_TRAILER.unpack(last)
    questions = []
    for detail in details:
        assert detail.tag == cs.DETAIL_TAG
        values = cs.REQUEST_DETAIL.unpack(detail)
        expiry = values["year"] + values["month"]
        questions.append(Question(Digits(values["number"]), expiry, values["reference"], "", ""))
    return Inquiry(
        header["merchant_id"],
        header["batch_id"],
        header["status_email"],
        questions,
        int(header["record_count"]),
    )


def _read_bigbatch(data: bytes) -> Inquiry:
    lines = list(read_blocks(BytesIO(data), size=gp.LENGTH, max_bytes=len(data)))
    first, second, *details, terminal, last = lines
    header = gp.FILE_HEADER.unpack(first)
    gp.TERMINAL_HEADER.unpack(second)
    gp.REQUEST_TERMINAL_TRAILER.unpack(terminal)
    trailer = gp.REQUEST_FILE_TRAILER.unpack(last)
    assert trailer["batch_id"] == header["batch_id"]
    questions = []
    for detail in details:
        values = gp.REQUEST_DETAIL.unpack(detail)
        assert values["routing"] == gp.ROUTING[header["network"]]
        number = Digits(values["number"])
        questions.append(
            Question(number, values["expiry"], "", values["merchant_id"], header["network"])
        )
    return Inquiry("", header["batch_id"], "", questions, int(trailer["record_count"]) - 4)


def _read_aus(data: bytes) -> Inquiry:
    first, *details, last = read_lines(BytesIO(data), max_bytes=len(data))
    questions = []
    for detail in details:
        values = mes.REQUEST_DETAIL.unpack(detail)
        number = Digits(values["number"])
        questions.append(
            Question(number, values["expiry"], values["reference"], "", values["type"])
        )
    count = int(mes.TRAILER.unpack(last)["record_count"])
    return Inquiry(mes.HEADER.unpack(first)["merchant_id"], "", "", questions, count)


_READERS: Mapping[str, Callable[[bytes], Inquiry]] = {
    cs.CHANNEL: _read_cybersource,
    gp.CHANNEL: _read_bigbatch,
    mes.CHANNEL: _read_aus,
}

Shown = Sequence[tuple[FixedRecord | Record, Mapping[str, str]]]


def decoded(data: bytes, tables: Mapping[str, FixedRecord], *, size: int = 0) -> Shown:
    """Return a fixed-width file's records and their values, of whatever direction."""
    stream, most = BytesIO(data), len(data)
    found: Iterator[Line] = (
        read_blocks(stream, size=size, max_bytes=most)
        if size
        else read_lines(stream, max_bytes=most)
    )
    return [(tables[line.text[:2]], tables[line.text[:2]].unpack(line)) for line in found]


def encoded(shown: Shown, ending: str) -> bytes:
    """Return the file of some records, each with an ending."""
    return "".join(record.pack(values) + ending for record, values in shown).encode("ascii")
