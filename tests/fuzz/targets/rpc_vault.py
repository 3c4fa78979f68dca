"""Every RPC of the vault: its real wiring on the memory store, behind its real guard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.card_pb2 import Card

from chassis.guard import Guarded
from chassis.metrics import ChassisMetrics
from tests.doubles.chassis_wires import FakeRawCall
from tests.doubles.rpc_requests import GOOD, SHOP, agreement, tokenize
from tests.doubles.rpc_wire import short, vault_routes
from tests.doubles.vault_site import site_config
from tests.fuzz.calling import calling, inputs, keeping_form, routes_of
from tests.fuzz.door import Live, judge_metrics
from tests.fuzz.target import Opened, Target
from vault.config import VaultConfig
from vault.wiring import running_vault

SERVICES: Final = ("VaultService", "RevealService", "CredentialService", "AuditService")
_CARDS: Final = 4
_ROOT: Final = FakeRawCall(("spiffe://demo/root",))
_TOKENS: Final = tuple(f"tok_0fuzz{at}".ljust(30, "z") for at in range(_CARDS))
"""Tokens of the inputs; each vault has others, as long."""


class _NoServer:
    """What a transport gives a wiring, without a port."""

    port = 0
    ports = (0,)

    async def set_serving(self, serving: bool) -> None:
        """Tell nobody."""

    async def stop(self, _grace: Any) -> None:
        """Have nothing to stop."""


async def _keep_running(
    config: VaultConfig, metrics: ChassisMetrics, ready: asyncio.Future[Any], over: asyncio.Event
) -> None:
    """Run a vault until it is over; hand out its guarded routes in place of serving them."""
    caught: list[Guarded] = []

    @asynccontextmanager
    async def catching(routes: Iterable[Guarded], *_more: Any, **_rest: Any) -> AsyncIterator[Any]:
        caught.extend(routes)
        yield _NoServer()

    async with running_vault(config, metrics=metrics, transport=catching):
        ready.set_result(caught)
        await over.wait()


class Vaults:
    """Opens one vault after the other in a loop, each with the same cards."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scratch: Path, service: str) -> None:
        self._loop: Final = loop
        self._config: Final = site_config(scratch, database_url="memory:", events_url="none")
        self._service: Final = service
        self._over = asyncio.Event()
        self._metrics = ChassisMetrics()
        self._running: asyncio.Task[None] | None = None

    def opened(self) -> Live:
        """Close the vault there is, and return a fresh one's door."""
        self.close()
        self._over = asyncio.Event()
        self._metrics = ChassisMetrics()
        return self._loop.run_until_complete(self._open())

    async def _open(self) -> Live:
        ready: asyncio.Future[list[Guarded]] = self._loop.create_future()
        self._running = self._loop.create_task(
            _keep_running(self._config, self._metrics, ready, self._over)
        )
        await asyncio.wait((ready, self._running), return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            await self._running  # raises why it didn't start
        by_name = {short(item.route): item for item in ready.result()}
        live = Live(
            [each for each in ready.result() if each.route.service.endswith(f".{self._service}")]
        )
        for at, word in enumerate(_TOKENS):
            covered: Mapping[str, Any] = {
                "stored_credentials": [agreement(SHOP)],
                "metadata": {"at": str(at)},
            }
            request = tokenize(customer=f"customer-{at}", **covered)
            unary = by_name["Tokenize"].unary
            assert unary is not None
            reply = pb.TokenizeResponse.FromString(await unary(request.SerializeToString(), _ROOT))
            live.names[word.encode()] = reply.card.token.encode()
        return live

    def close(self) -> None:
        """Look at what the vault's metrics show, and end it."""
        if self._running is not None:
            judge_metrics(self._metrics.registry)
            self._over.set()
            self._loop.run_until_complete(self._running)
            self._running = None


def paths(service: str) -> Sequence[Any]:
    """Return a service's routes, in the order in which inputs choose them."""
    return routes_of(service, vault_routes())


def good_requests(service: str) -> list[bytes]:
    """Return a good request for each RPC, about a card of the inputs, and one that is refused."""
    return inputs(
        paths(service),
        lambda at, name: GOOD[name](_card(_TOKENS[at % _CARDS])).SerializeToString(),
    )


def _card(token: str) -> Card:
    return Card(token=token, revision=1, credential_version=1)


@contextmanager
def _opened(service: str, scratch: Path) -> Iterator[Opened]:
    mutate = partial(keeping_form, [each.request for each in paths(service)], _TOKENS)
    with calling("vault", lambda loop: Vaults(loop, scratch, service)) as (_live, call):
        yield Opened(call, good_requests(service), mutate)


_ACCEPTS: Final[Mapping[str, str]] = {
    "VaultService": "Tokenize OK",
    "RevealService": "Detokenize OK",
    "CredentialService": "StreamCredentials OK",
    "AuditService": "ListAuditRecords OK",
}
TARGETS: Final[Sequence[Target]] = [
    Target(
        service, f"RPCs of {service}", partial(_opened, service), _ACCEPTS[service], longest=4_096
    )
    for service in SERVICES
]
