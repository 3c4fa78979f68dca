"""Write docs/reference/feed-formats.md from the codecs' tables; `--check` fails if it is stale."""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from cards.outcomes import Outcome
from updater.domain.mapping import SHEETS, Level, Network, Sheet
from updater.files import cybersource_csv, gp_bigbatch, mes_aus
from updater.files import cybersource_records as cs
from updater.files import gp_records as gp
from updater.files import mes_records as mes
from updater.files.codec import CODECS, Codec
from updater.files.fixed import Alphabet, Column, FixedRecord, Justify
from updater.files.layout import Field, Record

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "feed-formats.md"
HEAD = """\
# Feed formats

Made by `python tools/formats_page.py` from the tables in `updater/files` and
`updater/domain/mapping`, which files are read and written by. Section numbers are those of the
specification of account updater channels that they were made from.

A file is taken in whole or not at all. What doesn't fit its tables is refused with a reason, a
byte offset and a column's name, never with what stands there: other bytes than printable ASCII and
line ends (a byte order mark, EBCDIC, a no-break space, a final SUB), a record that is too short or
too long, a blank line, line ends of two kinds, a record out of place, a count that is off by one.
A file that ends too early is `TRUNCATED`. A final line end may be absent. A code that isn't
published is kept as it is, and is for an operator.

Years are 2000 + YY; month 00 is no expiry. Positions count from 1, the last one included.
"""
CODES = """
## What codes say

A code is looked up by format, network, what it is about (a record, or the file or request as a
whole), code and reason; never by itself. Formats beside the ones above have no codec yet.
Afterwards the data has its say: a new number of another brand is `BRAND_CHANGED`, a "new" one that
equals the old one isn't new; a new number that fails its check digit, is of no known brand, or is
a published test number in production changes nothing.
"""
_FIXED: Final = {
    gp.CHANNEL: (
        gp.FILE_HEADER,
        gp.TERMINAL_HEADER,
        gp.REQUEST_DETAIL,
        gp.RESPONSE_DETAIL,
        gp.REQUEST_TERMINAL_TRAILER,
        gp.RESPONSE_TERMINAL_TRAILER,
        gp.REQUEST_FILE_TRAILER,
        gp.RESPONSE_FILE_TRAILER,
    ),
    mes.CHANNEL: (mes.HEADER, mes.REQUEST_DETAIL, mes.RESPONSE_DETAIL, mes.TRAILER),
}
_COMMAS: Final = {
    cs.CHANNEL: (
        ("H request", cs.REQUEST_HEADER),
        ("D request", cs.REQUEST_DETAIL),
        ("F request", cs.REQUEST_TRAILER),
        ("H response", cs.RESPONSE_HEADER),
        ("D response", cs.RESPONSE_DETAIL),
        ("F response", cs.RESPONSE_TRAILER),
    )
}
_MODULES: Final[dict[str, ModuleType]] = {
    cs.CHANNEL: cybersource_csv,
    gp.CHANNEL: gp_bigbatch,
    mes.CHANNEL: mes_aus,
}
_ABOUT: Final = {Level.RECORD: "a record", Level.FILE: "the file"}
_BESIDE_ANY: Final = 4  # a reason that stands beside so many codes stands beside all of them


def main() -> None:
    """Write or check the page."""
    if "--check" in sys.argv:
        if PAGE.read_text("utf-8") != page():
            sys.exit(f"{PAGE} is stale: run python tools/formats_page.py")
        return
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """Return the whole page."""
    formats = (line for codec in CODECS.values() for line in of_format(codec))
    return HEAD + "\n".join(formats) + CODES + "\n".join(of_codes()) + "\n"


def of_format(codec: Codec) -> Iterator[str]:
    """Yield one format's lines: what it is, and a table for each record."""
    title, _, about = (inspect.getdoc(_MODULES[codec.name]) or "").partition(": ")
    batch = f"{codec.batch_digits} digits" if codec.batch_digits else "none"
    echoed = "comes back with the answer" if codec.carries_reference else "none"
    yield f"\n## {title}\n\n{about}\n"
    yield from _table(
        ("", ""),
        (
            ("inquiry files are named", f"`*.{codec.request_suffix}.pgp`"),
            ("at most", f"{codec.max_bytes:,} bytes"),
            ("batch id", batch),
            ("reference of a question", echoed),
            ("networks in one file", "one" if codec.one_network_per_file else "all"),
        ),
    )
    for record in _FIXED.get(codec.name, ()):
        yield f"\n### {record.name}: {record.length} characters\n"
        yield from _fixed(record)
    for name, comma in _COMMAS.get(codec.name, ()):
        yield f"\n### {name}\n"
        yield from _comma(comma)


def _fixed(record: FixedRecord) -> Iterator[str]:
    heads = ("position", "length", "column", "holds", "stands", "")
    return _table(heads, [_column(column) for column in record.columns])


def _column(column: Column) -> Sequence[str]:
    span = f"{column.first}-{column.last}" if column.length > 1 else f"{column.first}"
    name = f"`{column.name}`" if column.name else ""
    if column.constant:
        held = f"`{column.constant}`" if column.constant.strip(" ") else "spaces"
        return span, str(column.length), name, held, "", column.meaning
    if column.choices:
        shown = ", ".join("a space" if each == " " else f"`{each}`" for each in column.choices)
        return span, str(column.length), name, shown, "", column.meaning
    held = "digits" if column.alphabet is Alphabet.DIGITS else "printable ASCII"
    maybe = "" if column.required else ", or spaces"
    zeros = column.justify is Justify.RIGHT_ZEROS
    stands = "right, filled with zeros" if zeros else "left, filled with spaces"
    return span, str(column.length), name, held + maybe, stands, column.meaning


def _comma(record: Record) -> Iterator[str]:
    least = len(record.fields) - record.optional_columns
    rows = [("1", "", "1", f"`{record.tag}`", "yes")]
    rows += [
        (str(at), f"`{field.name}`", str(field.width), _held(field), _needed(field, at - 1, least))
        for at, field in enumerate(record.fields, start=2)
    ]
    if record.extra_columns:
        rows.append((f"{len(rows) + 1}…", "", "", "anything, not looked at", "may be left out"))
    return _table(("column", "name", "at most", "holds", "required"), rows)


def _held(field: Field) -> str:
    return {"DIGITS": "digits", "DATE": "YYYY-MM-DD"}.get(
        field.alphabet.name, "printable ASCII without quotes"
    )


def _needed(field: Field, at: int, least: int) -> str:
    if field.required:
        return "yes"
    return "may be left out" if at > least else "may be empty"


def of_codes() -> Iterator[str]:
    """Yield the outcome table, a part for each format."""
    heads = ("network", "about", "code, reason", "outcome", "section")
    for channel in dict.fromkeys((*CODECS, *(sheet.channel for sheet in SHEETS))):
        yield f"\n### `{channel}`\n"
        sheets = (sheet for sheet in SHEETS if sheet.channel == channel)
        yield from _table(heads, [row for sheet in sheets for row in _said(sheet)])


def _said(sheet: Sheet) -> Iterator[Sequence[str]]:
    network = "any" if sheet.network is Network.ANY else sheet.network.value
    for outcome in Outcome:
        if outcome in sheet.codes:
            codes = _codes(sheet, outcome)
            yield network, _ABOUT[sheet.level], codes, f"`{outcome}`", sheet.source


def _codes(sheet: Sheet, outcome: Outcome) -> str:
    beside: dict[str, list[str]] = defaultdict(list)
    for key, told in sheet.rows():
        if told is outcome:
            beside[key.reason].append(key.code)
    shown: list[str] = []
    for reason, codes in beside.items():
        if reason and len(codes) >= _BESIDE_ANY:
            shown.append(f"any or none, `{reason}`")
        else:
            shown += [f"`{code}`, `{reason}`" if reason else f"`{code}`" for code in codes]
    return "; ".join(shown)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    main()
