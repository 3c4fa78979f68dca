"""Files that come from outside: acquirers' answers, whatever is sealed, imports."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Final

from pysequoia import Cert, Tsk, encrypt

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.feed_files import answer_file
from tests.fuzz.judge import CANARY, attempted, must_not_echo
from tests.fuzz.target import Broken, Opened, Target, plain_target
from updater.adapters.openpgp import load_cipher, make_exchange_keys
from updater.files.answers import AnswerRecord, ResponseHead, YearMonth
from updater.files.codec import CODECS
from updater.files.digits import Digits
from updater.files.refusal import FileRefused
from updater.usecases.ports_exchange import NotOpened
from vault.cli.import_rows import COLUMNS, FileInvalid, read_rows

_MOST_PLAIN: Final = 1 << 20
_IMPORT: Final = uuid.UUID(int=7)
_NUMBERS: Final = [number_for_test(brand, 815) for brand in (Brand.VISA, Brand.MASTERCARD)]
_RECORD: Final = AnswerRecord(
    ordinal=1,
    offset=0,
    network="",
    code="NAN",
    reason="800",
    known=True,
    reference="R" * 24,
    merchant_id="",
    old_number=Digits(_NUMBERS[0]),
    old_expiry=YearMonth(2027, 11),
    new_number=Digits(_NUMBERS[1]),
    new_expiry=YearMonth(2031, 5),
    new_type="",
    previously_sent=None,
    extra="77,sub",
)


def answers(name: str, data: bytes) -> str:
    """Read an answer file to its end, and once more: nothing but FileRefused, and no number."""
    codec = CODECS[name]

    def read() -> list[AnswerRecord]:
        response = codec.open_response(BytesIO(data))
        records = list(response.records())
        must_not_echo(data, f"{response.diagnostics} {records}".encode(), "what a file says")
        return records

    records, said = attempted(data, read, FileRefused)
    if records is None:
        return said
    if [each.ordinal for each in records] != list(range(1, len(records) + 1)):
        raise Broken("a file's records are not counted in order")
    if any(not 0 <= each.offset < len(data) for each in records):
        raise Broken("a record begins outside its file")
    return said if records else "taken without a record"


def _answer_files(name: str) -> Sequence[bytes]:
    csv_head = ResponseHead("merchant_1", "1234567890", "", None)
    if name == "gp-bigbatch-80":
        head = ResponseHead("", "1234", "2701151200000001", None, "V", "000088")
        visa = replace(_RECORD, network="V", code="A", reason="", merchant_id="m1", reference="")
        rows = [visa, replace(visa, code="C", new_number=None, new_expiry=None)]
        return [answer_file(name, head, rows), answer_file(name, head, rows, ending="")]
    if name == "mes-aus-124":
        row = replace(_RECORD, code="NEWACCT", reason="", extra="VISA01", new_type="VISA")
        rows = [row, replace(row, code="CALL", new_number=None, new_expiry=None, new_type="")]
        return [answer_file(name, replace(csv_head, batch=""), rows)]
    rows = [_RECORD, replace(_RECORD, code="ACL", new_number=None, new_expiry=None)]
    return [answer_file(name, csv_head, rows, ending=ending) for ending in ("\n", "\r\n")]


def _codec(name: str) -> Target:
    def run(data: bytes) -> str:
        return answers(name, data)

    return plain_target(name, f"answer files, {name}", run, lambda: _answer_files(name))


@contextmanager
def _sealed(scratch: Path) -> Iterator[tuple[Path, bytes]]:
    keys, others = scratch / "keys", scratch / "others"
    make_exchange_keys(keys, others)
    acquirer = Tsk.from_bytes((others / "acquirer.tsk").read_bytes())
    ours = Cert.from_bytes((others / "updater.cert").read_bytes())
    plain = f"a file with {CANARY}".encode()
    yield keys, encrypt(plain, recipients=[ours], signer=acquirer.signer(), armor=False)


@contextmanager
def _opened_seals(scratch: Path) -> Iterator[Opened]:
    with _sealed(scratch) as (keys, message):
        cipher = load_cipher(keys)

        def opened(data: bytes) -> str:
            work = cipher.open(data, limit=_MOST_PLAIN)
            plain, said = attempted(data, lambda: asyncio.run(work), NotOpened)
            if plain is not None and CANARY.encode() not in plain:
                raise Broken("a message opened that the acquirer never signed")
            return said

        yield Opened(opened, [message])


@contextmanager
def _seal_heads(scratch: Path) -> Iterator[Opened]:
    with _sealed(scratch) as (keys, message):
        cipher = load_cipher(keys)

        def begins(data: bytes) -> str:
            return "taken" if cipher.is_sealed(data) else "refused"

        armoured = b"-----BEGIN PGP MESSAGE-----\n\nhF4DkXlh\n-----END PGP MESSAGE-----\n"
        yield Opened(begins, [message[:512], armoured])


def imports(data: bytes) -> str:
    """Read an import file: what is wrong is told by column and line."""

    def read() -> int:
        good = 0
        for row in read_rows(TextIOWrapper(BytesIO(data), "utf-8-sig", newline=""), _IMPORT):
            must_not_echo(data, row.problem.encode(), "a row's problem")
            good += row.request is not None
        return good

    good, said = attempted(data, read, FileInvalid)
    return said if good is None else ("taken" if good else "taken without a row")


def _imports() -> Sequence[bytes]:
    row = (_NUMBERS[0], "12", "2030", "Zoë", "customer-1", "shop", "RECURRING", "2026-01-31T12:00Z")
    lines = (",".join(COLUMNS), ",".join(row), f'{_NUMBERS[1]},,,"a, b",,,,')
    return ["\n".join(lines).encode(), b"\xef\xbb\xbf" + "\r\n".join(lines).encode()]


TARGETS: Final[Sequence[Target]] = (
    *(_codec(name) for name in CODECS),
    Target("openpgp", "OpenPGP messages", _opened_seals),
    Target("openpgp-head", "beginnings of OpenPGP messages", _seal_heads, longest=512),
    plain_target("import", "import files", imports, _imports),
)
