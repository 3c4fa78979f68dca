"""Every RPC of the updater: real handlers, stores and files, in front of a vault double."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from chassis.clock import SystemClock
from chassis.door import open_guard
from chassis.metrics import ChassisMetrics
from chassis.policy_file import PolicyFile
from chassis.validation import Validation
from tests.doubles.updater_case import Case, asked
from tests.doubles.updater_requests import GOOD, Kept, keep, updater_routes
from tests.doubles.updater_site import Site
from tests.doubles.vault_site import POLICY
from tests.fuzz.calling import calling, inputs, keeping_form, routes_of
from tests.fuzz.door import Live, judge_metrics
from tests.fuzz.target import Opened, Target
from updater.config import UpdaterConfig
from updater.handling import handlers
from updater.rpc.errors import translate
from updater.rpc.routes import VOCABULARY, routes

SERVICES: Final = ("UpdaterService", "FeedService")
_WORDS: Final = Kept("tok_0", "inq_fuzz", "feed_fuzza", "feed_fuzzb", "feed_fuzzc", 1)


class _Stores:
    """As much of a site as keeping needs."""

    def __init__(self, case: Case) -> None:
        self.stores = case.updater.ports.stores


class Updaters:
    """Opens one updater after the other in a loop, each with the same card, files and exception."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scratch: Path, service: str) -> None:
        self._loop: Final = loop
        self._scratch: Final = scratch
        self._service: Final = service
        self._policy: Final = scratch / "policy.yaml"
        self._policy.write_text(POLICY)
        self._metrics = ChassisMetrics()
        self._stack: AsyncExitStack | None = None
        self._opened = 0

    def opened(self) -> Live:
        """Close the updater there is, and return a fresh one's door."""
        self.close()
        self._metrics = ChassisMetrics()
        return self._loop.run_until_complete(self._open())

    async def _open(self) -> Live:
        self._opened += 1
        root = self._scratch / f"updater-{self._opened}"
        root.mkdir()
        self._stack = AsyncExitStack()
        self._stack.callback(shutil.rmtree, root)
        case = await self._stack.enter_async_context(asked(root))
        await case.taken(case.row("closed"))
        kept = await _kept(case)
        guard = open_guard(
            UpdaterConfig.load(),
            SystemClock(),
            self._metrics,
            PolicyFile(self._policy, VOCABULARY),
            Validation(),
            translate=translate,
            on_refused=_nobody_hears,
        )
        table = routes(handlers(case.updater, lambda: None))
        live = Live([guard.wrap(each) for each in routes_of(self._service, table)])
        for word, own in zip(_words(kept), _own(kept), strict=True):
            live.names[word] = own
        return live

    def close(self) -> None:
        """Look at what the metrics show, and end the updater."""
        if self._stack is not None:
            judge_metrics(self._metrics.registry)
            self._loop.run_until_complete(self._stack.aclose())
            self._stack = None


async def _kept(case: Case) -> Kept:
    stores = case.updater.ports.stores
    (inquiry,) = await stores.inquiries.page(tenant="demo", states=(), before="", limit=1)
    (file,) = await case.files()
    cycle = ("tok_0", inquiry.batch_id, file.feed_id)
    return await keep(cast("Site", _Stores(case)), cycle)


async def _nobody_hears(*_told: Any) -> None:
    """Hear of a refusal at the door."""


def _own(kept: Kept) -> list[bytes]:
    return [each.encode() for each in (kept.inquiry, kept.feed, kept.held, kept.reversible)]


def _words(kept: Kept) -> list[bytes]:
    """Return the inputs' words for what is kept, each as long."""
    names = (_WORDS.inquiry, _WORDS.feed, _WORDS.held, _WORDS.reversible)
    return [
        name.encode().ljust(len(own), b"z") for name, own in zip(names, _own(kept), strict=True)
    ]


def paths(service: str) -> Sequence[Any]:
    """Return a service's routes, in the order in which inputs choose them."""
    return routes_of(service, updater_routes())


def good_requests(service: str, words: Sequence[bytes]) -> list[bytes]:
    """Return a good request for each RPC, and one that is no message."""
    inquiry, feed, held, reversible = (each.decode() for each in words)
    kept = Kept("tok_0", inquiry, feed, held, reversible, 1)
    return inputs(paths(service), lambda _at, name: GOOD[name](kept).SerializeToString())


@contextmanager
def _opened(service: str, scratch: Path) -> Iterator[Opened]:
    with calling("updater", lambda loop: Updaters(loop, scratch, service)) as (live, call):
        words = list(live.names)
        texts = ["tok_0", "tok_1", "shop", "cybersource-au-csv", *(each.decode() for each in words)]
        mutate = partial(keeping_form, [each.request for each in paths(service)], texts)
        yield Opened(call, good_requests(service, words), mutate)


_ACCEPTS: Final[Mapping[str, str]] = {
    "UpdaterService": "ListEnrollments OK",
    "FeedService": "ListFeedFiles OK",
}
TARGETS: Final[Sequence[Target]] = [
    Target(
        service, f"RPCs of {service}", partial(_opened, service), _ACCEPTS[service], longest=2_048
    )
    for service in SERVICES
]
