"""Security codes in Redis: sealed, for minutes, taken by one request of all processes."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from vault.adapters.redis.link import RedisAway, RedisLink
from vault.crypto.lengths import framed
from vault.crypto.mac import MacKey
from vault.domain.card import CardKey
from vault.domain.reasons import Reason, VaultError

REPEAT_MS: Final = 30_000

# A hash a card: `s` is the sealed code, `r` the request that took it. Scripts run alone, whole,
# and are sent along every time: a server that was wiped or has just become master knows none.
_PUT: Final = """\
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
-- The first write, as a rule: only that one is refused when memory is full.
redis.call('HSET', KEYS[1], 's', ARGV[1])
redis.call('HDEL', KEYS[1], 'r')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_TAKE: Final = """\
local found = redis.call('HMGET', KEYS[1], 's', 'r')
if not found[1] or (found[2] and found[2] ~= ARGV[1]) then return false end
if ARGV[1] == '' then
  redis.call('DEL', KEYS[1])
else
  -- Written by a repetition, too: WAIT is for this connection's writes.
  redis.call('HSET', KEYS[1], 'r', ARGV[1])
  if not found[2] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
return found[1]
"""


class RedisSecurityCodes:
    """`SecurityCodes` for all processes with this Redis.

    `replicas` must have a change within `confirm_s` before it counts; 0 asks none. Whatever Redis
    can't do is VaultError(SECURITY_CODE_UNAVAILABLE), within the link's timeout.
    """

    def __init__(
        self, link: RedisLink, names: MacKey, *, replicas: int = 0, confirm_s: float = 0.1
    ) -> None:
        self._link: Final = link
        self._names: Final = names
        self._replicas: Final = replicas
        self._confirm_ms: Final = max(1, int(confirm_s * 1000))  # 0 would be for ever

    async def put(self, key: CardKey, sealed: bytes, ttl_s: float) -> None:
        """Keep a sealed code; a second one replaces the first."""
        await self._change(_PUT, key, sealed, max(1, int(ttl_s * 1000)))

    async def exists(self, key: CardKey) -> bool:
        """Tell whether a code waits, or may still be taken again by the request that took it."""
        try:
            name = self._name(key)
            return bool(await self._link.ask(lambda redis: redis.exists(name), name))
        except RedisAway:
            raise VaultError(Reason.SECURITY_CODE_UNAVAILABLE) from None

    async def take(self, key: CardKey, repeat: str) -> bytes | None:
        """Take the code once; the same `repeat`, unless empty, gets it again for 30 s.

        After SECURITY_CODE_UNAVAILABLE the code may have been taken: by `repeat`, which may ask
        again.
        """
        taker = hashlib.sha256(repeat.encode()).digest() if repeat else b""
        found = await self._change(_TAKE, key, taker, REPEAT_MS)
        return found if isinstance(found, bytes) else None

    async def _change(self, script: str, key: CardKey, *values: bytes | int) -> Any:
        name = self._name(key)

        async def work(redis: Redis) -> tuple[Any, int]:
            # One connection and one round trip for both: WAIT is about its connection.
            async with redis.pipeline(transaction=False) as line:
                line.eval(script, 1, name, *values)
                if self._replicas:
                    line.execute_command("WAIT", self._replicas, self._confirm_ms)
                answers = await line.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, RedisError):
                    raise answer
            return answers[0], int(answers[1]) if self._replicas else 0

        try:
            found, confirmed = await self._link.ask(work, name)
        except RedisAway:
            raise VaultError(Reason.SECURITY_CODE_UNAVAILABLE) from None
        if confirmed < self._replicas:
            raise VaultError(Reason.SECURITY_CODE_UNAVAILABLE)
        return found

    def _name(self, key: CardKey) -> str:
        """Name a card's code. Keyed: a card-shaped token ends in its number's last four.

        A script names this one key, so that a cluster needs no hash tag for it.
        """
        return "cv:code:" + self._names.mac(framed((key.tenant.encode(), key.token.encode()))).hex()
