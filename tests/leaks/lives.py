"""One life of a vault in which a port's method raises; and all that came of it.

The port is the product's own, patched at its class, so that whoever calls it does so as always.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import card_pb2
from prometheus_client import generate_latest

from chassis.channel import open_channel
from chassis.endings import run_inside
from chassis.metrics import ChassisMetrics
from chassis.tls import TlsFiles
from tests.doubles.rpc_requests import good_request
from tests.doubles.rpc_wire import send, short, vault_routes
from tests.doubles.vault_site import site_config
from tests.leaks.port_methods import broken, preceded
from vault.adapters import local_kms
from vault.adapters.redis.views import RedisViews
from vault.adapters.sqlite import housekeeping, store, trail
from vault.cli.serve import STARTING, exit_status
from vault.config import VaultConfig
from vault.usecases.keyring import CachedKeyring
from vault.wiring import core, running_vault

PLACES: Final[Mapping[str, Any]] = {
    "Store": store.SqliteStore,
    "CardReader": store.SqliteCardReader,
    "Keyring": CachedKeyring,
    "KeyStore": trail.SqliteKeyStore,
    "Kms": local_kms.LocalKms,
    "Housekeeping": housekeeping.SqliteHousekeeping,
    "AuditStore": trail.SqliteAuditStore,
    "SealedViews": RedisViews,
    "EventEncoder": core,
}
"""Where each port's methods are."""
_ROUTES: Final = {short(route): route for route in vault_routes()}
_CALLS: Final = ("Tokenize", "GetCard", "FindByNumber", "Detokenize")
_TURNS_S: Final = 1.2
"""As long as a checkpoint may take to become due, and a little."""


@dataclass
class Trap:
    """Raises at each call of a method: from the first one on, or once a number is in flight."""

    number: str
    armed: bool
    spare: int = 0
    """Calls that are let through first."""
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    def on(self, original: Any) -> Any:
        """Return the method, or property, with the trap in it."""
        return preceded(original, self._count)

    def _count(self) -> None:
        self.spare -= self.armed
        if self.armed and self.spare < 0:
            self.sprung.set()
            raise broken(self.number)


@dataclass
class Life:
    """What one life showed to others. `ended`: the failure ended it."""

    codes: set[str] = field(default_factory=set)
    answers: bytearray = field(default_factory=bytearray)
    metrics: bytes = b""
    ended: bool = False


def set_trap(patch: pytest.MonkeyPatch, port: str, method: str, trap: Trap) -> None:
    """Put a trap into a port's method, for as long as the patch lasts."""
    place = PLACES[port]
    name = "encode_event" if port == "EventEncoder" else method
    patch.setattr(place, name, trap.on(vars(place)[name]))


def without_redis(patch: pytest.MonkeyPatch) -> None:
    """Have the cache of masked views answer, though there is none."""

    async def nothing(_self: RedisViews, _keys: object) -> Mapping[Any, bytes]:
        return {}

    async def kept(_self: RedisViews, _views: object) -> bool:
        return True

    patch.setattr(RedisViews, "away", property(lambda _self: False))
    patch.setattr(RedisViews, "get", nothing)
    patch.setattr(RedisViews, "put", kept)


def config_in(site: Path, directory: Path, endpoint: str) -> VaultConfig:
    """Return settings with all that can be on: events, traces, the cache, hasty sweeping.

    Certificates and keys are the site's; what is written goes into the directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return site_config(
        site,
        database_url=f"sqlite:///{directory}/vault.db",
        events_url=f"file://{directory}/events.jsonl",
        otlp_endpoint=endpoint,
        trace_ratio=1.0,
        card_cache="redis",
        card_cache_url="redis://127.0.0.1:1/0",
        sweep_interval=timedelta(milliseconds=10),
        drain_timeout=timedelta(seconds=1),
    )


async def live(config: VaultConfig, number: str, trap: Trap) -> Life:
    """Serve as `cardvault serve` does, have the number in flight until the trap springs, stop."""
    life, metrics = Life(), ChassisMetrics()
    try:
        failures = await run_inside(_serve(config, metrics, number, trap, life), STARTING)
        exit_status(failures)
        life.ended = bool(failures)
    except SystemExit:
        life.ended = True
    life.metrics = generate_latest(metrics.registry)
    return life


async def _serve(
    config: VaultConfig, metrics: ChassisMetrics, number: str, trap: Trap, life: Life
) -> None:
    async with running_vault(config, metrics=metrics) as running, AsyncExitStack() as stack:
        address = f"127.0.0.1:{running.server.port}"
        for name in ("root", "other"):
            channel = open_channel(address, _tls(config, name))
            await stack.enter_async_context(channel)
            await _calls(channel, number, life, trap)
        # What works beside the calls has its turns; what is only called at the end, there.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TURNS_S):
                await trap.sprung.wait()


async def _calls(channel: Any, number: str, life: Life, trap: Trap) -> None:
    card = card_pb2.Card(token="tok_00000000000000000000000000", credential_version=1)
    for method in _CALLS:
        request = good_request(method, card)
        if method == "Tokenize":
            request.card.number = number
        elif method == "FindByNumber":
            request.numbers[:] = [number]
        answer = await send(channel, _ROUTES[method], request, timeout=5.0)
        life.codes.add(answer.code)
        trap.armed = True  # from here on the number has been in hand
        if answer.refusal is not None:
            life.answers += answer.refusal.raw
        elif method == "Tokenize":
            card = answer.replies[0].card  # type: ignore[attr-defined]


def _tls(config: VaultConfig, name: str) -> TlsFiles:
    pki = config.tls_ca.parent
    return TlsFiles(pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key")
