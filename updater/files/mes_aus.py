"""`mes-aus-124`: Merchant e-Solutions' account updater, a reference and both brands per record.

Lines end in LF or in CRLF, all alike. The trailer's count is of details. A request has no batch
id, and its cards may be of several networks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO, Final

from cards.brands import Brand
from updater.files import mes_records as form
from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead
from updater.files.digits import Digits
from updater.files.frame import Frame, Notes, StreamedResponse, take_headers
from updater.files.lines import Line, read_lines
from updater.files.packing import Packer
from updater.files.refusal import FileFault, FileRefused, RecordInvalid
from updater.files.yymm import from_yymm, to_yymm

_FRAME: Final = Frame(("H",), "D", ("T",), tag_of=lambda line: line.text[:1])
# Discover takes part, too, but what its cards are called is not published.
_TYPES: Final[Mapping[Brand, str]] = {
    Brand.VISA: "VISA",
    Brand.MASTERCARD: "MC",
    Brand.MAESTRO: "MC",
}


class MesAus:
    """The codec: `codec.Codec`."""

    name: Final = form.CHANNEL
    max_bytes: Final = form.MAX_BYTES
    most_questions: Final = form.MOST_QUESTIONS
    request_suffix: Final = "aus.request.txt"
    carries_reference: Final = True
    one_network_per_file: Final = False
    batch_digits: Final = 0

    def carried_merchant(self, merchant_id: str, network: str) -> str:
        """Return the id as it is: the header has it, and a space-filled column."""
        del network
        return merchant_id

    def write_request(
        self, head: RequestHead, asks: Iterable[AskRecord], count: int, out: BinaryIO
    ) -> None:
        """Write an inquiry file. Raises RecordInvalid, for a brand that has no type here too."""
        packer = Packer(out, form.MAX_BYTES, count)
        packer.add(form.HEADER, {"version": form.VERSION, "merchant_id": head.merchant_id})
        for ask in packer.counted(asks):
            packer.add(form.REQUEST_DETAIL, _detail(ask))
        packer.add(form.TRAILER, {"record_count": str(count)})
        packer.close()

    def open_response(self, plain: BinaryIO) -> StreamedResponse:
        """Read an answer file's header. Raises FileRefused."""
        lines = read_lines(plain, max_bytes=form.MAX_BYTES)
        (first,) = take_headers(lines, _FRAME)
        merchant_id = form.HEADER.unpack(first)["merchant_id"]
        head = ResponseHead(merchant_id=merchant_id, batch="", part="", file_time=None)
        return StreamedResponse(head, _FRAME, lines, first.after, _answer, _close, Notes())


def _answer(ordinal: int, line: Line) -> AnswerRecord:
    form_of = form.RESPONSE_DETAIL
    if len(line.text) == form.REQUEST_DETAIL.length:
        raise FileRefused(FileFault.WRONG_DIRECTION, line.offset)
    values = form_of.unpack(line)
    return AnswerRecord(
        ordinal=ordinal,
        offset=line.offset,
        network="",
        code=values["code"],
        reason="",
        known=values["code"] in form.PUBLISHED,
        reference=values["reference"],
        merchant_id="",
        old_number=_number(values, "old_number", line),
        old_expiry=from_yymm(values, "old_expiry", line, form_of),
        new_number=_number(values, "new_number", line),
        new_expiry=from_yymm(values, "new_expiry", line, form_of),
        new_type=values["new_type"],
        previously_sent=None,
        extra=f"{values['old_type']:4}{values['source']}",
    )


def _number(values: Mapping[str, str], name: str, line: Line) -> Digits | None:
    digits = values[name]
    if len(digits) > form.NUMBER_DIGITS:
        raise form.RESPONSE_DETAIL.refuse(line, name, FileFault.FIELD_TOO_LONG)
    return Digits(digits) if digits else None


def _close(trailers: Sequence[Line], details: int) -> None:
    (trailer,) = trailers
    if int(form.TRAILER.unpack(trailer)["record_count"]) != details:
        raise form.TRAILER.refuse(trailer, "record_count", FileFault.COUNT_MISMATCH)


def _detail(ask: AskRecord) -> Mapping[str, str]:
    if ask.brand not in _TYPES:
        raise RecordInvalid("a card of a brand that this format has no account type for")
    return {
        "type": _TYPES[ask.brand],
        "number": ask.number.reveal(),
        "expiry": to_yymm(ask.expiry),
        "reference": ask.reference,
    }
