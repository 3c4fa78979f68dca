"""Redis Cluster: a link to each node, a map of who has which keys, and no retry but one.

The driver's own cluster client repeats and re-reads the map in loops of its own; here everything a
caller waits for is within its one timeout, and each node has a breaker of its own: one that is away
holds up its own keys only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.breaker import Breaker
from vault.adapters.redis.link import RedisAway, RedisMoved, ServerLink, Work

REFRESH_S: Final = 0.2
"""How often the map is asked for at most, while it is known to be wrong."""
LASTS_S: Final = 60.0
"""How old it may get when nothing seems to be wrong."""
T = TypeVar("T")
_Address = tuple[str, int]


class ClusterLink:
    """`RedisLink` to a cluster that some of its nodes name; connects when asked."""

    def __init__(self, settings: RedisSettings, breaker: Breaker) -> None:
        self.breaker: Final = breaker
        self._settings: Final = settings
        self._nodes: Final[dict[_Address, ServerLink]] = {}
        self._masters: list[_Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._doubted = True
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    @property
    def away(self) -> bool:
        """Tell whether no master is worth a try, so far as is known."""
        known = [self._nodes[each] for each in self._known_masters()]
        return bool(known) and not self._due() and all(each.away for each in known)

    async def ask(self, work: Work[T], at: str = "") -> T:
        """Do some work at the master that has the key `at`; see `RedisLink`."""
        slot = key_slot(at.encode())
        try:
            await self._up_to_date()
            try:
                return await self._master_of(slot).ask(work)
            except RedisMoved:
                # Refused before anything was done: the one thing that is safe to repeat.
                await self._up_to_date(at_once=True)
                return await self._master_of(slot).ask(work)
        except RedisAway:
            self._doubted = True
            raise

    async def split(self, names: Sequence[str]) -> list[list[list[str]]]:
        """Split keys by master, and within that by slot: a command may name those of one slot."""
        try:
            await self._up_to_date()
        except RedisAway:
            self._doubted = True
        parts: dict[_Address | None, dict[int, list[str]]] = {}
        for name in names:
            slot = key_slot(name.encode())
            parts.setdefault(self._masters[slot], {}).setdefault(slot, []).append(name)
        return [list(slots.values()) for slots in parts.values()]

    async def close(self) -> None:
        """Close all connections."""
        for node in list(self._nodes.values()):
            await node.close()

    def _master_of(self, slot: int) -> ServerLink:
        address = self._masters[slot]
        if address is None:
            raise RedisAway("no node has this key")
        return self._nodes[address]

    def _known_masters(self) -> set[_Address]:
        return {each for each in self._masters if each is not None}

    def _due(self) -> bool:
        age = time.monotonic() - self._read_at
        return age >= (REFRESH_S if self._doubted else LASTS_S)

    async def _up_to_date(self, *, at_once: bool = False) -> None:
        """Read the map where it is due; whoever comes while it is being read waits for it."""
        before = self._read_at
        if not at_once and not self._due():
            return
        try:
            async with asyncio.timeout(self._settings.timeout_s), self._reading:
                if self._read_at == before:
                    await self._read_map()
        except TimeoutError:
            raise RedisAway("no node of the cluster answers in time") from None

    async def _read_map(self) -> None:
        """Ask nodes, known ones first, until one tells who has what. Raises RedisAway for none."""
        self._read_at = time.monotonic()
        asked = dict.fromkeys((*self._known_masters(), *self._nodes, *self._settings.address.hosts))
        links = [(each, self._link(each)) for each in asked]
        for address, link in sorted(links, key=lambda each: each[1].breaker.open):
            try:
                rows = await link.ask(_slots, within_s=self._settings.timeout_s / 3)
            except RedisAway:
                continue
            self._doubted = False
            await self._take(rows, address)
            return
        raise RedisAway("no node of the cluster answers")

    async def _take(self, rows: Sequence[Any], told_by: _Address) -> None:
        masters: list[_Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for start, end, master, *_replicas in rows:
            address = (_text(master[0]) or told_by[0], int(master[1]))
            self._link(address)
            masters[start : end + 1] = [address] * (end + 1 - start)
        self._masters = masters
        # Others are asked for the map at most: kept, a dead one's breaker would stay open for ever.
        for address in self._nodes.keys() - self._known_masters():
            link = self._nodes.pop(address)
            self.breaker.without(link.breaker)
            await link.close()

    def _link(self, address: _Address) -> ServerLink:
        link = self._nodes.get(address)
        if link is None:
            of_node = replace(
                self._settings,
                address=replace(self._settings.address, hosts=(address,), cluster=False),
            )
            link = self._nodes[address] = ServerLink(of_node, self.breaker.part())
        return link


async def _slots(redis: Redis) -> Sequence[Any]:
    # Asked as it is: the driver's own reading of the answer drops what it does not know.
    found: Sequence[Any] | Mapping[str, Any] = await redis.execute_command(  # type: ignore[no-untyped-call]
        "CLUSTER SLOTS"
    )
    return _rows(found)


def _rows(found: Sequence[Any] | Mapping[Any, Any]) -> Sequence[Any]:
    """Return [first, last, (host, port), …] rows of either of the driver's forms."""
    if isinstance(found, Mapping):
        return [(*span, each["primary"]) for span, each in found.items()]
    return found


def _text(host: str | bytes | None) -> str:
    return host.decode() if isinstance(host, bytes) else host or ""
