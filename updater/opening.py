"""Everything of an updater but its server: what `run-once` needs, and what the service begins with.

Every piece of work has a lease of its own: enrolment, and each channel. So several processes on one
database share the work, channel by channel.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from chassis.channel import open_channel
from chassis.clock import Clock, SystemClock, UnhurriedClock
from chassis.tracing.open import Tracing
from updater.adapters.engine import Bench, Engine
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.exchange_on_duty import ExchangeOnDuty
from updater.adapters.marks import load_marks
from updater.adapters.openpgp import load_cipher
from updater.adapters.vault_client import VaultClient
from updater.channel_settings import ChannelSettings
from updater.config import UpdaterConfig
from updater.doctor.promises import check_promises
from updater.domain.errors import StoreBroken
from updater.stores import open_engine
from updater.usecases.assembly import ChannelPorts, Ports, Settings, Stores, Updater, assemble
from updater.usecases.channel import Channel
from updater.usecases.ports_exchange import Cipher

ENROLMENT: Final = "enrol"


def work_of(channel: str) -> str:
    """Return the name of a channel's work, which its lease has."""
    return f"channel:{channel}"


@asynccontextmanager
async def open_updater(
    config: UpdaterConfig,
    clock: Clock | None = None,
    broken: Callable[[StoreBroken], None] = lambda _fault: None,
    tracing: Tracing | None = None,
    *,
    sharing: bool = True,
) -> AsyncIterator[Updater]:
    """Open everything but the server; not `sharing`: for all work at once. Raises UpdaterError."""
    # A host's clock that is set forward must not make us delete files, give up on answers, or ask
    # again: that is billed, and what was asked in the future would not be asked for as long.
    unhurried = UnhurriedClock(clock or SystemClock())
    async with AsyncExitStack() as stack:
        marks = load_marks(config.exchange_keys)
        ciphers = [load_cipher(each.exchange_keys) for each in config.channel_settings]
        await check_promises(config)
        engine = await stack.enter_async_context(open_engine(config, broken, sharing=sharing))
        traced = () if tracing is None else tracing.client_interceptors()
        vault = open_channel(config.vault_address, config.client_tls, traced)
        await stack.enter_async_context(vault)
        ports = Ports(
            vault=VaultClient(vault),
            stores=for_calls(engine),
            requests=engine.requests,
            marks=marks,
            clock=unhurried,
            outbox=engine.outbox,
        )
        several = zip(config.made_channels, config.channel_settings, ciphers, strict=True)
        channels = [_ports(engine, unhurried, *each) for each in several]
        settings = Settings(
            tenants=config.tenants,
            answer_timeout=config.answer_timeout,
            keep_files=config.keep_files,
            patience=config.patience,
            by_consent=config.enrol_by_consent,
        )
        yield assemble(ports, for_work(engine.bench(ENROLMENT)), channels, settings)


def for_calls(engine: Engine) -> Stores:
    """Return the stores that calls use: any process serves those."""
    return Stores(
        enrolments=engine.enrolments,
        inquiries=engine.inquiries,
        feeds=engine.feeds,
        incidents=engine.incidents,
        pauses=engine.pauses,
    )


def for_work(bench: Bench) -> Stores:
    """Return the stores for a piece of work, and whose it is."""
    return Stores(
        enrolments=bench.enrolments,
        inquiries=bench.inquiries,
        feeds=bench.feeds,
        incidents=bench.incidents,
        pauses=bench.pauses,
        duty=bench.duty,
    )


def _ports(
    engine: Engine,
    clock: UnhurriedClock,
    channel: Channel,
    settings: ChannelSettings,
    cipher: Cipher,
) -> ChannelPorts:
    stores = for_work(engine.bench(work_of(channel.name)))
    directory = ExchangeDirectory(settings.exchange_directory, clock)
    return ChannelPorts(channel, stores, cipher, ExchangeOnDuty(directory, stores.duty))
