"""The whole updater over a real database, real files and real OpenPGP, with a vault double."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cards.brands import Brand
from tests.doubles.updater_acquirer import Acquirer, Script
from tests.doubles.updater_faults import Faults, Faulty
from tests.doubles.updater_vault import DoubleVault
from updater.adapters.engine import Engine
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.marks import load_marks, make_marks_key
from updater.adapters.openpgp import OpenPgp, load_cipher, make_exchange_keys
from updater.adapters.sqlite.open import open_sqlite
from updater.domain.enrolment import AskingPolicy
from updater.domain.feed import FeedFile, Incident, IncidentState
from updater.domain.mapping import CYBERSOURCE
from updater.files.codec import CODECS
from updater.usecases.assembly import ChannelPorts, Ports, Settings, Stores, Updater, assemble
from updater.usecases.channel import Channel

DAY = 86_400_000_000
POLICY = AskingPolicy(brands=frozenset({Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER}))
SEGMENTS = {"V": "000088", "M": "012345", "D": "077777"}


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000_000

    def now_us(self) -> int:
        self.now += 1
        return self.now


def channel_of(format_name: str, name: str = "", **changes: Any) -> Channel:
    """Return a channel of a format, as tests mostly want it: test numbers may be a card's."""
    channel = Channel(
        name=name or format_name,
        codec=CODECS[format_name],
        policy=POLICY,
        merchant_ids={},
        status_email="notify@example.org",
        segments=SEGMENTS,
        terminal_id="T1",
        takes_test_numbers=True,
    )
    return replace(channel, **changes)


def sqlite_in(root: Path) -> AbstractAsyncContextManager[Engine]:
    """Open the embedded database of a world."""
    return open_sqlite(root / "updater.db")


@dataclass
class World:
    """Everything a test needs; `running` again is what a new process does after a crash."""

    root: Path
    vault: DoubleVault
    faults: Faults
    clock: HandClock
    acquirers: Mapping[str, Acquirer]
    cipher: OpenPgp
    channels: Sequence[Channel]
    batch: int = 1000
    opens: Callable[[Path], AbstractAsyncContextManager[Engine]] = sqlite_in
    tenants: Sequence[str] = ("demo",)

    @property
    def channel(self) -> Channel:
        """The first channel."""
        return self.channels[0]

    @property
    def acquirer(self) -> Acquirer:
        """The other side of the first channel."""
        return self.acquirers[self.channel.name]

    def with_channel(self, **changes: Any) -> World:
        """Return this world with its first channel configured otherwise."""
        first, *others = self.channels
        return replace(self, channels=(replace(first, **changes), *others))

    def with_script(self, script: Script) -> World:
        """Return this world with another script at the first channel's other side."""
        changed = {**self.acquirers, self.channel.name: replace(self.acquirer, script=script)}
        return replace(self, acquirers=changed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Updater]:
        """Run the updater as one process would, until the block is left."""
        async with self.opens(self.root) as engine:
            yield self.assembled(engine)

    def assembled(self, engine: Engine) -> Updater:
        """Put the updater together over an opened database."""
        stores = Stores(
            enrolments=self.faulty(engine.enrolments),
            inquiries=self.faulty(engine.inquiries),
            feeds=self.faulty(engine.feeds),
            incidents=self.faulty(engine.incidents),
            pauses=self.faulty(engine.pauses),
        )
        ports = Ports(
            vault=self.faulty(self.vault),
            stores=stores,
            requests=engine.requests,
            marks=load_marks(self.root / "keys"),
            clock=self.clock,
        )
        channels = [
            ChannelPorts(
                channel=each,
                stores=stores,
                cipher=self.faulty(self.cipher),
                exchange=self.faulty(ExchangeDirectory(self.acquirers[each.name].root)),
            )
            for each in self.channels
        ]
        return assemble(ports, stores, channels, Settings(self.tenants, apply_batch=self.batch))

    def faulty(self, port: Any) -> Any:
        """Return a port that dies as `faults` says."""
        return Faulty(port, self.faults)


def make_world(root: Path, script: Script, *channels: Channel, **changes: Any) -> World:
    """Build a world with fresh keys under `root`; of one channel, unless it is told which."""
    make_exchange_keys(root / "keys", root / "simulator-keys")
    make_marks_key(root / "keys")
    several = channels or (channel_of(CYBERSOURCE),)
    exchange = {each.name: root / f"exchange-{each.name}" for each in several[1:]}
    exchange[several[0].name] = root / "exchange"
    acquirers = {
        each.name: Acquirer(root / "simulator-keys", exchange[each.name], each.codec.name, script)
        for each in several
    }
    clock = HandClock()
    world = World(
        root=root,
        vault=DoubleVault(now_us=lambda: clock.now),
        faults=Faults(),
        clock=clock,
        acquirers=acquirers,
        cipher=load_cipher(root / "keys"),
        channels=several,
    )
    return replace(world, **changes)


async def files_of(updater: Updater) -> list[FeedFile]:
    """Return every file, the first received first."""
    feeds = updater.ports.stores.feeds
    found = await feeds.page(tenant="", channel="", states=(), before=(0, ""), limit=999)
    return list(reversed(found))


async def open_incidents(updater: Updater, *kinds: Any) -> Sequence[Incident]:
    """Return every exception that waits."""
    return await updater.ports.stores.incidents.page(
        tenant="", channel="", states=(IncidentState.OPEN,), kinds=kinds, after=0, limit=999
    )
