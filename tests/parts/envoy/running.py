"""`cardvault serve --transport envoy` as a process, on SQLite, with a room of its own for /tmp."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import grpc
from cardvault.vault.v1 import audit_service_pb2 as audit_pb
from cardvault.vault.v1 import reveal_service_pb2 as reveal_pb
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.audit_service_pb2_grpc import AuditServiceStub
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.brands import Brand
from cards.testcards import test_pan
from tests.e2e.processes import limits
from tools.running.process import Process
from tools.running.site import Site, free_addresses

OPS: Final = "CARDVAULT_OPS_LISTEN"
DEADLINE_S: Final = 20.0
_NUMBERS: Final = count(1)
Metadata = tuple[tuple[str, str], ...]


@cache
def _bytecode() -> TemporaryDirectory[str]:
    """Return one directory for all sites of this run; it goes with the process."""
    return TemporaryDirectory(prefix="cv-bytecode-")


def room(site: Site) -> Path:
    """Return where this site's processes make their temporary files."""
    return Path(site.env["TMPDIR"])


def left_behind(site: Site) -> list[str]:
    """Return what an Envoy's process left in its room; the names only."""
    return [path.name for path in room(site).iterdir()]


@contextmanager
def envoy_site(**settings: str) -> Iterator[Site]:
    """Make an installation that serves through Envoy; nothing is started, nothing is left."""
    with TemporaryDirectory(prefix="cv-") as home:
        root = Path(home)
        tmp = root / "tmp"
        tmp.mkdir()
        chosen = {
            "CARDVAULT_TRANSPORT": "envoy",
            "CARDVAULT_ENDPOINT_DELAY": "PT0S",
            "CARDVAULT_CONNECTION_AGE": "PT5M",
            "CARDVAULT_DRAIN_TIMEOUT": "PT10S",
            "TMPDIR": str(tmp),
            # As an installation has it: else each start compiles everything anew.
            "PYTHONPYCACHEPREFIX": _bytecode().name,
            "PYTHONDONTWRITEBYTECODE": "",
            **settings,
        }
        site = Site(root / "data", root / "logs", free_addresses(), chosen)
        try:
            site.init()
            yield site
        finally:
            site.close()


def killable_envoy(site: Site, die: Mapping[str, int]) -> Process:
    """Name a vault in Envoy that kills itself at a phase's n-th time; it isn't started."""
    name = f"killable-envoy-{next(_NUMBERS)}"
    return site.process(name, "-m", "tests.parts.envoy.killable", *limits(die))


async def until_envoy(pid: int) -> None:
    """Wait until a process has become Envoy."""
    async with asyncio.timeout(DEADLINE_S):
        while not is_envoy(pid):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)


def is_envoy(pid: int) -> bool:
    """Tell whether a process is Envoy."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"envoy\0")


def memory_mib(pid: int) -> float:
    """Return the most memory that a process has held."""
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def new_id() -> str:
    """Return a request id."""
    return str(uuid.uuid4())


def tokenize(number: int) -> pb.TokenizeRequest:
    """Return a request for the n-th test card."""
    request = pb.TokenizeRequest(request_id=new_id(), customer="c")
    card = request.card
    card.number, card.expiry_month, card.expiry_year = test_pan(Brand.VISA, number), 12, 2031
    return request


async def stored(channel: grpc.aio.Channel, number: int, metadata: Metadata = ()) -> str:
    """Store the n-th test card; return its token."""
    stub: Any = VaultServiceStub(channel)
    answer = await stub.Tokenize(tokenize(number), timeout=DEADLINE_S, metadata=metadata)
    return str(answer.card.token)


async def shown(channel: grpc.aio.Channel, token: str, metadata: Metadata = ()) -> str:
    """Reveal a card's number."""
    stub: Any = RevealServiceStub(channel)
    asked = reveal_pb.DetokenizeRequest(request_id=new_id(), token=token, purpose="payment")
    answer = await stub.Detokenize(asked, timeout=DEADLINE_S, metadata=metadata)
    return str(answer.card.number)


async def refusal_of(call: Any) -> grpc.StatusCode:
    """Return how a call fails."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def recorded(site: Site, **query: Any) -> list[Any]:
    """Return the audit records that fit."""
    async with site.channel("operator") as channel:
        stub: Any = AuditServiceStub(channel)
        answer = await stub.ListAuditRecords(
            audit_pb.ListAuditRecordsRequest(**query), timeout=DEADLINE_S
        )
    return list(answer.records)


class Others:
    """Callers who go on calling while somebody misbehaves."""

    def __init__(self, site: Site, token: str) -> None:
        self._site = site
        self._token = token
        self.calls = 0
        self.failures: list[str] = []
        self.longest = 0.0

    async def run(self) -> None:
        """Call, for ever: on one connection, and on a new one for each fourth call."""
        stub_of: Any = VaultServiceStub
        async with self._site.channel("app") as kept:
            while True:
                async with self._site.channel("app") as new:
                    for channel in (kept, kept, kept, new):
                        await self._call(stub_of(channel))
                await asyncio.sleep(0.02)

    async def _call(self, stub: Any) -> None:
        began = time.monotonic()
        try:
            await stub.GetCard(pb.GetCardRequest(token=self._token), timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            self.failures.append(f"{error.code().name} {error.details()}")
        self.calls += 1
        self.longest = max(self.longest, time.monotonic() - began)
