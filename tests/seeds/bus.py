"""A bus that goes down, loses acknowledgements, takes half of a batch, and refuses poison.

It hears whatever is delivered, and holds it against what was committed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Final

from chassis.events.ports import (
    Event,
    PoisonEvent,
    Publisher,
    SinkFenced,
    SinkUnavailable,
)
from tests.seeds.loop import SeededLoop

Subject = tuple[str, str]


@dataclass
class BusWeather:
    """What the bus does to whoever publishes now; times are the loop's."""

    down_until: float = 0.0
    slow_until: float = 0.0
    forgetful: float = 0.0  # chance of an acknowledgement that is lost
    partial: float = 0.0  # chance that only the first of a batch arrive
    poison: set[str] = field(default_factory=set)  # tokens whose next event is refused

    def clear(self) -> None:
        self.down_until = self.slow_until = self.forgetful = self.partial = 0.0
        self.poison.clear()


class Bus:
    """`EventSink` for all processes. `deliver` hears each event as it arrives."""

    def __init__(self, loop: SeededLoop, chance: Random, deliver: Callable[[Event], None]) -> None:
        self.weather: Final = BusWeather()
        self._loop: Final = loop
        self._chance: Final = chance
        self._deliver: Final = deliver
        self._holder: dict[int, int] = {}
        self.refused = 0
        self.fenced = 0
        self.over = False

    @asynccontextmanager
    async def publisher(self, partition: int) -> AsyncIterator[Publisher]:
        """Open a partition: whoever had it open publishes there no more."""
        holder = await self._carried(lambda: self._opened(partition))
        yield _Way(self, partition, holder)

    async def publish(self, partition: int, holder: int, rows: Sequence[Event]) -> None:
        await self._carried(lambda: self._taken(partition, holder, rows))

    async def _carried(self, work: Callable[[], int]) -> int:
        if self.over:
            raise SinkUnavailable("the simulation is over")
        answer: asyncio.Future[int] = self._loop.create_future()
        way = self._chance.random() * 0.01
        if self._loop.time() < self.weather.slow_until:
            way += self._chance.random() * 3
        self._loop.later(way, self._arrived, work, answer)
        return await answer

    def _arrived(self, work: Callable[[], int], answer: asyncio.Future[int]) -> None:
        # A batch that has been sent arrives, whether or not its sender still listens.
        try:
            value = work()
        except (SinkUnavailable, SinkFenced, PoisonEvent) as error:
            if not answer.done():
                answer.set_exception(error)
                answer.exception()
            return
        if not answer.done():
            answer.set_result(value)

    def _opened(self, partition: int) -> int:
        if self._loop.time() < self.weather.down_until:
            raise SinkUnavailable("down")
        self._holder[partition] = self._holder.get(partition, 0) + 1
        return self._holder[partition]

    def _taken(self, partition: int, holder: int, rows: Sequence[Event]) -> int:
        if self._holder[partition] != holder:
            self.fenced += 1
            raise SinkFenced
        weather = self.weather
        if self._loop.time() < weather.down_until:
            raise SinkUnavailable("down")
        if any(row.subject in weather.poison for row in rows):
            self.refused += 1
            raise PoisonEvent
        half = weather.partial and self._chance.random() < weather.partial
        for row in rows[: int(self._chance.random() * len(rows))] if half else rows:
            self._deliver(row)
        if half or (weather.forgetful and self._chance.random() < weather.forgetful):
            raise SinkUnavailable("no acknowledgement")
        return 0


class _Way:
    def __init__(self, bus: Bus, partition: int, holder: int) -> None:
        self._bus: Final = bus
        self._partition: Final = partition
        self._holder: Final = holder

    async def publish(self, rows: Sequence[Event]) -> None:
        await self._bus.publish(self._partition, self._holder, rows)
