"""`gp-bigbatch-80`: Global Payments' Big Batch account inquiry, one network a file.

Records end in LF or CRLF, all alike, or have no line ends at all. The trailer's count is of all
records. A Mastercard answer's code is its reason identifier, any other's its service id.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from cards.brands import Brand
from updater.files import gp_records as form
from updater.files.answers import (
    DISCOVER,
    MASTERCARD,
    VISA,
    AnswerRecord,
    AskRecord,
    RequestHead,
    ResponseHead,
)
from updater.files.digits import digits_or_none
from updater.files.fixed import FixedRecord
from updater.files.frame import Frame, Notes, StreamedResponse, take_headers
from updater.files.lines import Line, read_blocks
from updater.files.packing import Packer
from updater.files.refusal import FileFault, FileRefused, RecordInvalid
from updater.files.yymm import from_yymm, to_yymm

_FRAME: Final = Frame(("FH", "TH"), "DI", ("TT", "FT"), tag_of=lambda line: line.text[:2])
_NETWORKS: Final[Mapping[Brand, str]] = {
    Brand.VISA: VISA,
    Brand.MASTERCARD: MASTERCARD,
    Brand.MAESTRO: MASTERCARD,
    Brand.DISCOVER: DISCOVER,
    Brand.DINERS: DISCOVER,
}
_FRAME_RECORDS: Final = len(_FRAME.headers) + len(_FRAME.trailers)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SENT: Final[Mapping[str, bool | None]] = {"Y": True, "N": False, "": None}


class GpBigBatch:
    """The codec: `codec.Codec`."""

    name: Final = form.CHANNEL
    max_bytes: Final = form.MAX_BYTES
    most_questions: Final = form.MOST_QUESTIONS
    request_suffix: Final = "gp.request.txt"
    carries_reference: Final = False
    one_network_per_file: Final = True
    batch_digits: Final = form.BATCH_DIGITS

    def carried_merchant(self, merchant_id: str, network: str) -> str:
        """Return the id as records carry it: Mastercard's and Discover's filled with zeros."""
        return merchant_id if network == VISA else merchant_id.rjust(form.MERCHANT, "0")

    def write_request(
        self, head: RequestHead, asks: Iterable[AskRecord], count: int, out: BinaryIO
    ) -> None:
        """Write an inquiry file. Raises RecordInvalid, for a card of another network too."""
        if head.network not in form.ROUTING:
            raise RecordInvalid("a file is about one network: V, M or D")
        if len(head.batch) != form.BATCH_DIGITS:
            raise RecordInvalid("a batch id has four digits")
        packer = Packer(out, form.MAX_BYTES, count)
        packer.add(form.FILE_HEADER, _file_header(head))
        packer.add(form.TERMINAL_HEADER, _terminal_header(head))
        merchant = self.carried_merchant(head.merchant_id, head.network)
        for ask in packer.counted(asks):
            if _NETWORKS.get(ask.brand) != head.network:
                raise RecordInvalid("a card of another network than the file's")
            packer.add(form.REQUEST_DETAIL, _detail(ask, merchant, form.ROUTING[head.network]))
        packer.add(form.REQUEST_TERMINAL_TRAILER, _terminal_trailer(head))
        total = {"batch_id": head.batch, "record_count": str(count + _FRAME_RECORDS)}
        packer.add(form.REQUEST_FILE_TRAILER, total)
        packer.close()

    def open_response(self, plain: BinaryIO) -> StreamedResponse:
        """Read an answer file's two headers. Raises FileRefused."""
        lines = read_blocks(plain, size=form.LENGTH, max_bytes=form.MAX_BYTES)
        first, second = take_headers(lines, _FRAME)
        values = form.FILE_HEADER.unpack(first)
        form.TERMINAL_HEADER.unpack(second)
        network = values["network"]
        if not network:
            raise form.FILE_HEADER.refuse(first, "network", FileFault.WRONG_CLASSIFICATION)
        head = ResponseHead(
            merchant_id="",
            batch=values["batch_id"],
            part=values["created"] + values["sequence"],
            file_time=_time(values["created"], first),
            network=network,
            segment=values["segment"],
        )
        answers = _Answers(network, form.ROUTING[network], form.PUBLISHED[network])
        return StreamedResponse(
            head, _FRAME, lines, second.after, answers.answer, _closer(head.batch), Notes()
        )


@dataclass(frozen=True, slots=True)
class _Answers:
    """Details to records, for a file of one network."""

    network: str
    routing: str
    published: frozenset[tuple[str, str]]

    def answer(self, ordinal: int, line: Line) -> AnswerRecord:
        """Return the record of a detail. Raises FileRefused."""
        form_of = form.RESPONSE_DETAIL
        values = form_of.unpack(line)
        if values["routing"] != self.routing:
            raise form_of.refuse(line, "routing", FileFault.FIELD_VALUE)
        code, reason = values["service_id"], values["reason_id"]
        if not code and not reason:
            # Nothing says what became of the card. A question's detail looks like that.
            blank = not line.text[form.REQUEST_DETAIL.columns[-1].first - 1 :].strip(" ")
            fault = FileFault.WRONG_DIRECTION if blank else FileFault.FIELD_MISSING
            raise form_of.refuse(line, "service_id", fault)
        if self.network == MASTERCARD:
            code, reason = reason, code
        return AnswerRecord(
            ordinal=ordinal,
            offset=line.offset,
            network=self.network,
            code=code,
            reason=reason,
            known=(code, reason) in self.published,
            reference="",
            merchant_id=values["merchant_id"],
            old_number=digits_or_none(values["old_number"]),
            old_expiry=from_yymm(values, "old_expiry", line, form_of),
            new_number=digits_or_none(values["new_number"]),
            new_expiry=from_yymm(values, "new_expiry", line, form_of),
            new_type="",
            previously_sent=_SENT[values["previously_sent"]],
            extra="",
        )


def _closer(batch: str) -> Callable[[Sequence[Line], int], None]:
    def close(trailers: Sequence[Line], details: int) -> None:
        terminal, last = trailers
        form.RESPONSE_TERMINAL_TRAILER.unpack(terminal)
        if _of_a_request(form.REQUEST_FILE_TRAILER, last):
            raise FileRefused(FileFault.WRONG_DIRECTION, last.offset)
        values = form.RESPONSE_FILE_TRAILER.unpack(last)
        if values["batch_id"] != batch:
            raise form.RESPONSE_FILE_TRAILER.refuse(last, "batch_id", FileFault.FIELD_VALUE)
        if int(values["record_count"]) != details + _FRAME_RECORDS:
            fault = FileFault.COUNT_MISMATCH
            raise form.RESPONSE_FILE_TRAILER.refuse(last, "record_count", fault)

    return close


def _of_a_request(trailer: FixedRecord, line: Line) -> bool:
    try:
        trailer.unpack(line)
    except FileRefused:
        return False
    return True


def _time(created: str, line: Line) -> int:
    try:
        made = datetime.strptime(f"20{created}", "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise form.FILE_HEADER.refuse(line, "created", FileFault.FIELD_VALUE) from None
    return (made - _EPOCH) // timedelta(microseconds=1)


def _file_header(head: RequestHead) -> Mapping[str, str]:
    created = _EPOCH + timedelta(microseconds=head.created)
    if not 2000 <= created.year <= 2099:
        raise RecordInvalid("a file is made in the years 2000 to 2099")
    return {
        "created": f"{created:%y%m%d%H%M%S}",
        "sequence": str(head.sequence),
        "network": head.network,
        "segment": head.segment,
        "batch_id": head.batch,
        "customer": "",
        "reserved": "",
    }


def _terminal_header(head: RequestHead) -> Mapping[str, str]:
    return {
        "terminal_id": head.terminal_id,
        "vendor_id": head.vendor_id,
        "application_id": head.application_id,
        "customer": "",
    }


def _detail(ask: AskRecord, merchant: str, routing: str) -> Mapping[str, str]:
    return {
        "merchant_id": merchant,
        "routing": routing,
        "number": ask.number.reveal(),
        "expiry": to_yymm(ask.expiry),
        "sub_merchant": ask.sub_merchant,
    }


def _terminal_trailer(head: RequestHead) -> Mapping[str, str]:
    zeros = ("purchase_count", "purchase_amount", "return_count", "return_amount")
    return {"terminal_id": head.terminal_id, **dict.fromkeys(zeros, "0")}
