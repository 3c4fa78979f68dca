"""Answer files of any length that nobody has to keep: made while they are read."""

from dataclasses import replace
from typing import Final

from tests.doubles.feed_files import answer_file
from tests.doubles.streams import Generated
from updater.files import cybersource_records as cs
from updater.files import gp_records as gp
from updater.files import mes_records as mes
from updater.files.answers import AnswerRecord, ResponseHead, YearMonth
from updater.files.digits import Digits

HEADS: Final = {
    gp.CHANNEL: ResponseHead("", "0042", "2611231200000007", None, "V", "000088"),
    mes.CHANNEL: ResponseHead("merchant1", "", "", None),
    cs.CHANNEL: ResponseHead("merchant1", "77", "", None),
}
_UPDATE: Final = AnswerRecord(
    ordinal=1,
    offset=0,
    network="",
    code="NAN",
    reason="800",
    known=True,
    reference="ref1aaaaaaaaaaaaaaaaaaaa",
    merchant_id="",
    old_number=Digits("4111111111111111"),
    old_expiry=YearMonth(2027, 11),
    new_number=Digits("4242424242424242"),
    new_expiry=YearMonth(2030, 1),
    new_type="",
    previously_sent=None,
    extra="77,",
)
UPDATES: Final = {
    gp.CHANNEL: replace(
        _UPDATE, network="V", code="A", reason="", merchant_id="m1", reference="", extra=""
    ),
    mes.CHANNEL: replace(_UPDATE, code="NEWACCT", reason="", new_type="VISA", extra="VISAVI"),
    cs.CHANNEL: _UPDATE,
}
"""A new number with its expiry: what there is most to read in."""

_COUNTS: Final = {gp.CHANNEL: "{:010}", mes.CHANNEL: "T1{:06}", cs.CHANNEL: "F,{}"}
_FRAME_RECORDS: Final = {gp.CHANNEL: 4}


def long_answer_file(name: str, times: int, record: AnswerRecord | None = None) -> Generated:
    """Return a good answer file of one record, an update if none is given, so many times."""
    lines = answer_file(name, HEADS[name], [record or UPDATES[name]]).splitlines(keepends=True)
    headers = 2 if name == gp.CHANNEL else 1
    tail = b"".join(lines[headers + 1 :])
    frame = _FRAME_RECORDS.get(name, 0)
    one, all_of_them = (_COUNTS[name].format(count + frame).encode() for count in (1, times))
    tail = tail.replace(one, all_of_them)
    return Generated(b"".join(lines[:headers]), lines[headers], times, tail)


def records_in(name: str, size: int) -> int:
    """Return how many updates a file of at most so many bytes holds."""
    few, more = (len(answer_file(name, HEADS[name], [UPDATES[name]] * n)) for n in (1, 2))
    return (size - few) // (more - few)
