"""Set up an exchange with keys made here, and read what the simulator put there independently."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pysequoia import Cert, Tsk, decrypt, encrypt

from tests.unit.simulator.requests import NAMES
from updater.simulator.acquirer import Acquirer, Answer
from updater.simulator.exchange import Exchange
from updater.simulator.faults import Faults
from updater.simulator.formats import DEFAULT_FORMAT, FORMATS
from updater.simulator.journal import Journal
from updater.simulator.ledger import Expiry
from updater.simulator.numbers import CardNumber, check_digit
from updater.simulator.pgp import load_keys
from updater.simulator.rules import Rules
from updater.simulator.script import Script

NO_FAULTS = Faults()


def number(counter: int, prefix: str = "41111111", length: int = 16) -> CardNumber:
    """Return a Luhn-valid test number."""
    body = prefix + str(counter).rjust(length - 9, "0")
    return CardNumber(body + check_digit(body))


def request_text(
    cards: Sequence[CardNumber], *, batch: str = "001", expiry: Expiry | None = None
) -> bytes:
    """Return a request file's text; references are ref-1, ref-2, …"""
    month, year = expiry or (11, 2027)
    rows = [
        f"D,{card.reveal()},{month:02},{year % 100:02},ref-{index}"
        for index, card in enumerate(cards, start=1)
    ]
    header = f"H,cybs.au.request.pan,merchant1,{batch},{len(cards)},ops@example.test"
    return "\n".join([header, *rows, "F", ""]).encode()


class Row:
    """Read one D record of a response by position; prints nothing of it."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[str]) -> None:
        if len(fields) != 12 or fields[0] != "D":
            raise ValueError("not a response record")
        self.fields = fields

    @property
    def code(self) -> tuple[str, str]:
        """Return response and reason code."""
        return self.fields[10], self.fields[11]

    @property
    def reference(self) -> str:
        """Return the echoed reference."""
        return self.fields[8]

    @property
    def new(self) -> tuple[str, str, str]:
        """Return new number, month, year."""
        return self.fields[5], self.fields[6], self.fields[7]

    @property
    def old(self) -> tuple[str, str, str]:
        """Return old number, month, year."""
        return self.fields[2], self.fields[3], self.fields[4]


def read_response(text: bytes) -> list[Row]:
    """Read a whole response. Raises ValueError if its frame is wrong."""
    records = list(csv.reader(io.StringIO(text.decode("ascii"))))
    head, *details, foot = records
    if head[:2] != ["H", "cybs.au.response.pan"] or len(head) != 4:
        raise ValueError("not a response header")
    if foot[0] != "F" or int(foot[1]) != len(details):
        raise ValueError("not the trailer of this many records")
    return [Row(fields) for fields in details]


class Delivered(NamedTuple):
    """One file that arrived: its name, when, and its text, which is never printed."""

    name: str
    at: datetime
    text: bytes

    def __repr__(self) -> str:
        return f"<Delivered {self.name} {self.at:%d %H:%M}>"


class Site:
    """Hold an exchange directory and both sides' keys."""

    def __init__(self, root: Path, form: str = DEFAULT_FORMAT) -> None:
        self.form = FORMATS[form]
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)  # the simulator's clock
        self.exchange = root / "exchange"
        self.outbox = self.exchange / "outbox"
        self.inbox = self.exchange / "inbox"
        self.keys = root / "exchange-keys"
        self.simulator_keys = root / "simulator-keys"
        for directory in (self.outbox, self.inbox, self.keys, self.simulator_keys):
            directory.mkdir(parents=True)
        self.updater = Tsk.generate("updater <updater@example.test>")
        self.acquirer = Tsk.generate("acquirer <acquirer@example.test>")
        self.acquirer_cert: Cert = self.acquirer.extract_certificate()
        (self.keys / "updater.cert").write_bytes(bytes(self.updater.extract_certificate()))
        (self.keys / "acquirer.cert").write_bytes(bytes(self.acquirer_cert))
        (self.simulator_keys / "acquirer.tsk").write_bytes(bytes(self.acquirer))

    def send(self, text: bytes, *, batch: str = "001", signer: Tsk | None = None) -> Path:
        """Put a request into the outbox, as the updater would."""
        sealed = encrypt(
            text, [self.acquirer_cert], signer=(signer or self.updater).signer(), armor=False
        )
        return self.drop(sealed, batch=batch)

    def drop(self, content: bytes, *, batch: str = "001") -> Path:
        """Put any bytes into the outbox under a request's name."""
        path = self.outbox / f"merchant1.{batch}.{NAMES[self.form.name]}.pgp"
        path.write_bytes(content)
        return path

    def open(self, name: str) -> bytes:
        """Decrypt an inbox file as the updater; only the acquirer's signature will do."""
        opened = decrypt(
            (self.inbox / name).read_bytes(),
            self.updater.decryptor(),
            store=lambda _: [self.acquirer_cert],
        )
        if opened.bytes is None or len(opened.valid_sigs) != 1:
            raise ValueError("not signed")
        return opened.bytes

    def response(self, batch: str = "001") -> list[Row]:
        """Read a batch's response."""
        return read_response(self.open(self.response_name(batch)))

    def response_name(self, batch: str = "001", mark: str = "") -> str:
        """Return the name of a batch's response."""
        return f"merchant1.{batch}.au.response.pan{mark}.csv.pgp"

    def rejection(self, batch: str = "001") -> str:
        """Read a batch's rejection."""
        return self.open(f"merchant1.{batch}.au.reject.txt.pgp").decode()

    def deliver_all(self, *, seed: int = 7, script: Script | None = None) -> list[Delivered]:
        """Let time pass until nothing is to come; return what arrived, in that order."""
        before: set[str] = set(self.arrived())
        found: list[Delivered] = []
        with self.simulator(seed=seed, script=script) as acquirer:
            while True:
                for _ in acquirer.answer_pending():
                    fresh = [name for name in self.arrived() if name not in before]
                    before.update(fresh)
                    found += [Delivered(name, self.now, self.open(name)) for name in fresh]
                due = acquirer.next_due()
                if due is None:
                    return found
                self.now = due

    def arrived(self) -> list[str]:
        """List the inbox, hidden names too."""
        return sorted(path.name for path in self.inbox.iterdir())

    @contextmanager
    def simulator(
        self, *, seed: int = 7, script: Script | None = None, faults: Faults = NO_FAULTS
    ) -> Iterator[Acquirer]:
        """Start an acquirer in process; leaving the block closes its journal."""
        rules = Rules(self.form, seed, script or Script())
        with Journal(self.exchange / ".simulator" / "journal.jsonl") as journal:
            yield Acquirer(
                exchange=Exchange(self.exchange, self.form),
                journal=journal,
                keys=load_keys(self.keys, self.simulator_keys),
                rules=rules,
                faults=faults,
                wait=lambda _: None,
                clock=lambda: self.now,
            )

    def run(
        self, *, seed: int = 7, script: Script | None = None, faults: Faults = NO_FAULTS
    ) -> list[Answer]:
        """Start, recover, answer once, stop."""
        with self.simulator(seed=seed, script=script, faults=faults) as acquirer:
            acquirer.recover()
            return list(acquirer.answer_pending())
