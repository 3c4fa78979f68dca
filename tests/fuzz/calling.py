"""What the targets of all services' RPCs share: one instance after another, and inputs for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final, Protocol

from tests.doubles.logged import logged
from tests.doubles.rpc_wire import short
from tests.fuzz.door import Door, Live
from tests.fuzz.judge import CANARY
from tests.fuzz.messages import changed

_CALLS_AN_INSTANCE: Final = 4_000
"""Then a fresh one is opened: what it holds stays in memory, and how much is not measured."""


class Instances(Protocol):
    """Opens one instance of a service after the other, each with the same things in it."""

    def opened(self) -> Live:
        """Close the instance there is, and return a fresh one's door."""

    def close(self) -> None:
        """Look at what the metrics show, and end the instance."""


@contextmanager
def calling(
    name: str, make: Callable[[asyncio.AbstractEventLoop], Instances]
) -> Iterator[tuple[Live, Callable[[bytes], str]]]:
    """Yield the first instance, and what makes one call; `name` is the service's in its log."""
    with asyncio.Runner() as runner, logged(name) as log:
        loop = runner.get_loop()
        asyncio.set_event_loop(loop)
        instances = make(loop)
        door = Door(loop, instances.opened(), log)
        calls = 0

        def call(data: bytes) -> str:
            nonlocal calls
            calls += 1
            if calls % _CALLS_AN_INSTANCE == 0:
                door.live = instances.opened()
            return door(data)

        try:
            yield door.live, call
        finally:
            instances.close()


def routes_of(service: str, routes: Sequence[Any]) -> Sequence[Any]:
    """Return a service's routes, in the order in which inputs choose them."""
    return [each for each in routes if each.service.endswith(f".{service}")]


def inputs(routes: Sequence[Any], good: Callable[[int, str], bytes]) -> list[bytes]:
    """Return a good request for each RPC, one from strangers, and one that is no message.

    `good` makes a request of the n-th route, given its short name.
    """
    found = [bytes((at, 255)) + good(at, short(route)) for at, route in enumerate(routes)]
    strangers = [bytes((0, who)) + found[0][2:] for who in (0, 1, 5)]
    return [*found, *strangers, bytes((0, 255)) + CANARY.encode()]


def keeping_form(
    kinds: Sequence[Any], texts: Sequence[str], data: bytes, dice: Random, longest: int
) -> bytes:
    """Change a request as a message of its RPC."""
    first, second = (data + b"\0\xff")[:2]
    if dice.random() < 0.05:
        first, second = dice.randrange(256), dice.randrange(256)
    made = changed(data[2:], kinds[first % len(kinds)], dice, texts)
    return (bytes((first, second)) + made)[:longest]
