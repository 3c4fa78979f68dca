"""Hypothesis strategies for what answer files hold. Numbers stay opaque."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from hypothesis import strategies as st

from updater.files import cybersource_records as cs
from updater.files import gp_records as gp
from updater.files import mes_records as mes
from updater.files.answers import DISCOVER, MASTERCARD, VISA, AnswerRecord, ResponseHead, YearMonth
from updater.files.digits import Digits
from updater.files.fixed import Alphabet, Column, FixedRecord, Justify

FORMATS = (cs.CHANNEL, gp.CHANNEL, mes.CHANNEL)
PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
YEAR_2000, YEAR_2099 = datetime(2000, 1, 1), datetime(2099, 12, 31)  # noqa: DTZ001
UNQUOTED = [char for char in PRINTABLE if char != '"']


def text(width: int, *, least: int = 0) -> st.SearchStrategy[str]:
    """Return texts that a CSV column takes."""
    return st.text(alphabet=UNQUOTED, min_size=least, max_size=width)


def filled(width: int, *, least: int = 0) -> st.SearchStrategy[str]:
    """Return texts that a column filled with spaces gives back."""
    blank = st.text(alphabet=PRINTABLE, min_size=least, max_size=width)
    return blank.filter(lambda value: not value.endswith(" "))


def digits(width: int, *, least: int = 1) -> st.SearchStrategy[str]:
    """Return up to so many digits."""
    return st.text(alphabet="0123456789", min_size=least, max_size=width)


NUMBERS = digits(19).map(Digits)
EXPIRIES = st.builds(YearMonth, st.integers(2000, 2099), st.integers(1, 12))


def _record(**given: st.SearchStrategy[object]) -> st.SearchStrategy[AnswerRecord]:
    fixed: dict[str, st.SearchStrategy[object]] = {
        "ordinal": st.just(0),
        "offset": st.just(0),
        "network": st.just(""),
        "known": st.just(False),
        "reason": st.just(""),
        "reference": st.just(""),
        "merchant_id": st.just(""),
        "old_number": NUMBERS,
        "old_expiry": st.none() | EXPIRIES,
        "new_number": st.none() | NUMBERS,
        "new_expiry": st.none() | EXPIRIES,
        "new_type": st.just(""),
        "previously_sent": st.none(),
        "extra": st.just(","),
    }
    return st.builds(AnswerRecord, **{**fixed, **given})


@st.composite
def extras(draw: st.DrawFn, first: st.SearchStrategy[str], second: st.SearchStrategy[str]) -> str:
    """Return what `cybersource-au-csv` has left: a request id and a sub-merchant."""
    return f"{draw(first)},{draw(second)}"


@st.composite
def _types_and_sources(draw: st.DrawFn) -> str:
    return f"{draw(filled(4)):4}{draw(filled(2))}"


def _codes(name: str, network: str) -> st.SearchStrategy[tuple[str, str]]:
    if name == cs.CHANNEL:
        published = st.sampled_from(sorted(cs.PUBLISHED))
        return published | st.tuples(text(3, least=1), digits(3, least=0))
    if name == mes.CHANNEL:
        code = st.sampled_from(sorted(mes.PUBLISHED)) | filled(8, least=1)
        return st.tuples(code, st.just(""))
    letter, reason = filled(1), filled(6)
    other = st.tuples(reason, letter) if network == MASTERCARD else st.tuples(letter, reason)
    return st.sampled_from(sorted(gp.PUBLISHED[network])) | other.filter(any)


@st.composite
def answers(draw: st.DrawFn, name: str, network: str) -> AnswerRecord:
    """Return a record as a format's codec yields it, but for ordinal, offset and `known`."""
    code, reason = draw(_codes(name, network))
    if name == cs.CHANNEL:
        record = draw(
            _record(
                old_number=st.none() | NUMBERS,
                reference=text(50),
                extra=extras(digits(30, least=0), text(10)),
            )
        )
    elif name == mes.CHANNEL:
        record = draw(_record(reference=filled(32), new_type=filled(4), extra=_types_and_sources()))
    else:
        merchant = filled(15, least=1)
        sent = st.sampled_from([None, True, False])
        record = draw(_record(merchant_id=merchant, previously_sent=sent, extra=st.just("")))
    return replace(record, network=network, code=code, reason=reason)


@st.composite
def heads(draw: st.DrawFn, name: str) -> ResponseHead:
    """Return a head as a format's codec yields it, but for its time."""
    if name == cs.CHANNEL:
        return ResponseHead(draw(text(30, least=1)), draw(digits(30)), "", None)
    if name == mes.CHANNEL:
        return ResponseHead(draw(filled(32, least=1)), "", "", None)
    made = draw(st.datetimes(min_value=YEAR_2000, max_value=YEAR_2099))
    return ResponseHead(
        merchant_id="",
        batch=draw(digits(4, least=4)),
        part=f"{made:%y%m%d%H%M%S}{draw(st.integers(0, 9999)):04}",
        file_time=None,
        network=draw(st.sampled_from([VISA, MASTERCARD, DISCOVER])),
        segment=draw(digits(6, least=6)),
    )


@st.composite
def files(draw: st.DrawFn, name: str, *, least: int = 0) -> tuple[ResponseHead, list[AnswerRecord]]:
    """Return a head and up to four records for `feed_files.answer_file`."""
    head = draw(heads(name))
    return head, draw(st.lists(answers(name, head.network), min_size=least, max_size=4))


def values(record: FixedRecord) -> st.SearchStrategy[Mapping[str, str]]:
    """Return values for all of a record's columns."""
    return st.fixed_dictionaries(
        {column.name: _value(column) for column in record.columns if column.name}
    )


def _value(column: Column) -> st.SearchStrategy[str]:
    size = column.length
    if column.choices:
        return st.sampled_from([each.strip(" ") for each in column.choices])
    if column.justify is Justify.RIGHT_ZEROS:
        whole = digits(size, least=size)
        return whole if column.required else whole | st.just("")
    if column.alphabet is Alphabet.DIGITS:
        return digits(size, least=int(column.required))
    return filled(size, least=int(column.required))
