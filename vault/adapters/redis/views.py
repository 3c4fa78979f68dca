"""Sealed masked views in Redis: one MGET for all that is asked at once, nothing believed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from vault.adapters.redis.link import RedisAway, RedisLink
from vault.crypto.lengths import framed
from vault.crypto.mac import MacKey
from vault.domain.card import CardKey

_TAGS: Final = 64
# One command for all: packing as many as there are cards costs more than sealing them.
_PUT: Final = """\
for i, name in ipairs(KEYS) do redis.call('SET', name, ARGV[i + 1], 'PX', ARGV[1]) end
return #KEYS
"""


class RedisViews:
    """`SealedViews` for all processes with this Redis; entries go after `ttl_s` by themselves."""

    def __init__(self, link: RedisLink, names: MacKey, *, form: bytes, ttl_s: float) -> None:
        self._link: Final = link
        self._names: Final = names
        self._form: Final = form
        self._ttl_ms: Final = max(1, int(ttl_s * 1000))

    @property
    def away(self) -> bool:
        """Tell whether the breaker would refuse a call now."""
        return self._link.away

    async def get(self, keys: Sequence[CardKey]) -> Mapping[CardKey, bytes]:
        """Return what is there; what can't be asked in time is not there."""
        named = {self._name(key): key for key in keys}
        parts = await self._link.split(list(named))
        if len(parts) == 1:
            found = await self._part(parts[0])
        else:
            answers = await asyncio.gather(*map(self._part, parts))
            found = [each for part in answers for each in part]
        return {named[name]: entry for name, entry in found}

    async def _part(self, groups: list[list[str]]) -> list[tuple[str, bytes]]:
        async def work(redis: Redis) -> list[Any]:
            if len(groups) == 1:
                return [await redis.mget(groups[0])]
            async with redis.pipeline(transaction=False) as line:
                for group in groups:
                    line.mget(group)
                return await line.execute()

        try:
            answers = await self._link.ask(work, groups[0][0])
        except RedisAway:
            return []
        return [
            (name, entry)
            for group, answer in zip(groups, answers, strict=True)
            for name, entry in zip(group, answer, strict=True)
            if isinstance(entry, bytes)
        ]

    async def put(self, views: Mapping[CardKey, bytes]) -> bool:
        """Keep views; tell whether all are kept."""
        entries = {self._name(key): entry for key, entry in views.items()}
        parts = await self._link.split(list(entries))
        kept = True
        for groups in parts:
            kept = await self._store(groups, entries) and kept
        return kept

    async def _store(self, groups: list[list[str]], entries: Mapping[str, bytes]) -> bool:
        async def work(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as line:
                for group in groups:
                    values = [entries[name] for name in group]
                    line.eval(_PUT, len(group), *group, self._ttl_ms, *values)
                for answer in await line.execute(raise_on_error=False):
                    if isinstance(answer, RedisError):
                        raise answer

        try:
            await self._link.ask(work, groups[0][0])
        except RedisAway:
            return False
        return True

    def _name(self, key: CardKey) -> str:
        """Name a card's view: keyed, so that it says nothing; a command may name many of one tag.

        A hash tag each would spread a hundred cards over a hundred slots, and so over as many
        commands. 64 of them still spread evenly over a cluster.
        """
        parts = (b"view", self._form, key.tenant.encode(), key.token.encode())
        mac = self._names.mac(framed(parts))
        return f"cv:view:{{{mac[0] % _TAGS}}}:{mac.hex()}"
