"""The whole updater over a real database, real files and real OpenPGP, with a vault double."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pysequoia import Cert, Tsk, decrypt, encrypt

from cards.brands import Brand, brand_of
from tests.doubles.updater_faults import Faults, Faulty
from tests.doubles.updater_vault import DoubleVault
from updater.adapters.engine import Engine
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.marks import load_marks, make_marks_key
from updater.adapters.openpgp import OpenPgp, load_cipher, make_exchange_keys
from updater.adapters.sqlite.open import open_sqlite
from updater.domain.enrolment import AskingPolicy
from updater.files.cybersource import read_request, write_response
from updater.files.cybersource_records import (
    CHANNEL,
    Code,
    RequestFile,
    RequestRecord,
    ResponseFile,
    ResponseHeader,
    ResponseRecord,
)
from updater.usecases.assembly import Ports, Updater, assemble
from updater.usecases.choose import Channel

DAY = 86_400_000_000
POLICY = AskingPolicy(brands=frozenset({Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER}))


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000

    def now_us(self) -> int:
        self.now += 1
        return self.now


@dataclass
class Acquirer:
    """The other side of the exchange: reads inquiries, answers by a script, with its own keys."""

    secret: Tsk
    updater: Cert
    root: Path
    script: Callable[[RequestRecord], ResponseRecord | None]
    asked: list[RequestFile] = field(default_factory=list)
    answered: dict[str, bytes] = field(default_factory=dict)

    def collect(self) -> list[RequestFile]:
        """Take every inquiry out of the outbox, as a channel's poller does."""
        found = []
        for path in sorted((self.root / "outbox").iterdir()):
            sealed = path.read_bytes()
            opened = decrypt(
                sealed, decryptor=self.secret.decryptor(), store=lambda _ids: [self.updater]
            )
            assert opened.bytes is not None
            assert opened.valid_sigs
            found.append(read_request(opened.bytes))
            path.unlink()
        self.asked += found
        return found

    def respond(self, inquiry: RequestFile) -> ResponseFile:
        answers = [answer for each in inquiry.records if (answer := self.script(each)) is not None]
        header = ResponseHeader(inquiry.header.merchant_id, inquiry.header.batch_id)
        return ResponseFile(header, answers, len(answers))

    def seal(self, plain: bytes) -> bytes:
        return encrypt(plain, recipients=[self.updater], signer=self.secret.signer(), armor=False)

    def deliver(self, name: str, content: bytes) -> Path:
        path = self.root / "inbox" / name
        path.write_bytes(content)
        return path

    def answer_all(self) -> None:
        """Answer what is in the outbox, and deliver it under the agreed name."""
        for inquiry in self.collect():
            self.answer(inquiry)

    def answer(self, inquiry: RequestFile) -> Path:
        header = inquiry.header
        sealed = self.seal(write_response(self.respond(inquiry)))
        self.answered[header.batch_id] = sealed
        name = f"{header.merchant_id}.{header.batch_id}.au.response.pan.csv.pgp"
        return self.deliver(name, sealed)


def answer(record: RequestRecord, code: str, reason: str = "800", **new: Any) -> ResponseRecord:
    """Return an answer to a question: the old data echoed, as a channel does."""
    return ResponseRecord(
        code=Code(code),
        reason=reason,
        reference=record.reference,
        old_number=record.number,
        old_expiry=record.expiry,
        request_id="77",
        **new,
    )


def brand_asked(record: RequestRecord) -> Brand:
    """Return the brand of the number asked about."""
    return brand_of(record.number.reveal())


def sqlite_in(root: Path) -> AbstractAsyncContextManager[Engine]:
    """Open the embedded database of a world."""
    return open_sqlite(root / "updater.db")


@dataclass
class World:
    """Everything a test needs; `restart` is what a new process does after a crash."""

    root: Path
    vault: DoubleVault
    faults: Faults
    clock: HandClock
    acquirer: Acquirer
    cipher: OpenPgp
    channel: Channel
    merchant_ids: Mapping[tuple[str, str], str] = field(default_factory=dict)
    batch: int = 1000
    opens: Callable[[Path], AbstractAsyncContextManager[Engine]] = sqlite_in

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Updater]:
        """Run the updater as one process would, until the block is left."""
        async with self.opens(self.root) as engine:

            def faulty(port: Any) -> Any:
                return Faulty(port, self.faults)

            ports = Ports(
                vault=faulty(self.vault),
                cipher=faulty(self.cipher),
                exchange=faulty(ExchangeDirectory(self.root / "exchange")),
                enrolments=faulty(engine.enrolments),
                inquiries=faulty(engine.inquiries),
                feeds=faulty(engine.feeds),
                incidents=faulty(engine.incidents),
                marks=load_marks(self.root / "keys"),
                clock=self.clock,
            )
            updater = assemble(ports, self.channel, tenants=("demo",), apply_batch=self.batch)
            yield updater


def make_world(
    root: Path, script: Callable[[RequestRecord], ResponseRecord | None], **changes: Any
) -> World:
    """Build a world with fresh keys under `root`."""
    make_exchange_keys(root / "keys", root / "simulator-keys")
    make_marks_key(root / "keys")
    acquirer = Acquirer(
        Tsk.from_bytes((root / "simulator-keys" / "acquirer.tsk").read_bytes()),
        Cert.from_bytes((root / "simulator-keys" / "updater.cert").read_bytes()),
        root / "exchange",
        script,
    )
    clock = HandClock()
    world = World(
        root=root,
        vault=DoubleVault(now_us=lambda: clock.now),
        faults=Faults(),
        clock=clock,
        acquirer=acquirer,
        cipher=load_cipher(root / "keys"),
        channel=Channel(CHANNEL, POLICY, {}, "notify@example.org"),
    )
    return replace(world, **changes)
