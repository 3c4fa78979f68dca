"""What is done to a Redis, and which refusals that explains."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Any, Final

from redis import Redis
from redis.exceptions import RedisError

from tests.neighbours.codes import AGAIN, PUT, TAKE

_AWAY: Final = frozenset({"SECURITY_CODE_UNAVAILABLE"})
_LOST: Final = _AWAY | {"SECURITY_CODE_GONE"}


class RedisFault(StrEnum):
    """What is done to the server."""

    KILLED = "killed, started again empty"
    PAUSED = "stopped, continued"
    WIPED = "FLUSHALL, again and again"
    FORGED = "entries edited, exchanged, of other types"
    OLDER = "older entries put back"
    FULL = "no memory for writes"
    RESET = "connections cut, again and again"

    @property
    def explains(self) -> Mapping[str, frozenset[str]]:
        """Return which refusals are documented; all other calls must succeed."""
        loses = self in (RedisFault.KILLED, RedisFault.WIPED, RedisFault.FORGED)
        return {PUT: _AWAY, TAKE: _LOST if loses else _AWAY, AGAIN: _AWAY}


def trouble(admin: Redis, kind: RedisFault, chance: random.Random, until: float) -> None:
    """Trouble a server that runs, until then."""
    if kind is RedisFault.FULL:
        admin.config_set("maxmemory", "1")
        time.sleep(until - time.monotonic())
        admin.config_set("maxmemory", "0")
        return
    names = _names(admin, "view")
    values = admin.mget(names) if names else []  # None for what is of another type
    old = {
        name: value for name, value in zip(names, values, strict=True) if isinstance(value, bytes)
    }
    acts: dict[RedisFault, Callable[[], Any]] = {
        RedisFault.WIPED: admin.flushall,
        RedisFault.FORGED: partial(_forge, admin, chance),
        RedisFault.OLDER: partial(_set_back, admin, old),
        RedisFault.RESET: partial(admin.client_kill_filter, _type="normal", skipme=True),
    }
    while time.monotonic() < until:
        acts[kind]()
        time.sleep(0.05)
    if kind is RedisFault.FORGED:
        for name in _names(admin, "code"):
            if admin.type(name) != b"hash":
                admin.delete(name)


def _names(admin: Redis, kind: str) -> list[bytes]:
    return sorted(admin.scan_iter(f"cv:{kind}:*", count=1_000))


def _set_back(admin: Redis, old: Mapping[bytes, bytes]) -> None:
    """Put back what was there when the fault began: authentic, of an older state."""
    with admin.pipeline(transaction=False) as line:
        for name, entry in old.items():
            line.set(name, entry, px=60_000)
        line.execute()


def _forge(admin: Redis, chance: random.Random) -> None:
    """Write what no vault wrote, in the place of what is there."""
    views, codes = _names(admin, "view"), _names(admin, "code")
    for name in chance.sample(views, min(len(views), 20)):
        # What a vault writes meanwhile may be of another type: then it is left as it is.
        with suppress(RedisError):
            _forge_view(admin, name, chance.choice(views), chance)
    for name in chance.sample(codes, min(len(codes), 4)):
        with suppress(RedisError):
            _forge_code(admin, name, chance.choice(codes), chance)


def _entry(found: object) -> bytes:
    return found if isinstance(found, bytes) and found else b"x" * 200


def _forge_view(admin: Redis, name: bytes, other: bytes, chance: random.Random) -> None:
    now, another = _entry(admin.get(name)), _entry(admin.get(other))
    how = chance.randrange(4)
    if how == 0:
        admin.set(name, now[:-1] + bytes([now[-1] ^ 1]), px=60_000)
    elif how == 1:
        admin.set(name, another, px=60_000)
    elif how == 2:  # the right revision and key, another's contents
        admin.set(name, now[:16] + another[16:], px=60_000)
    else:
        admin.delete(name)
        admin.rpush(name, b"a list")
        admin.pexpire(name, 60_000)


def _forge_code(admin: Redis, name: bytes, other: bytes, chance: random.Random) -> None:
    sealed, another = _entry(admin.hget(name, "s")), _entry(admin.hget(other, "s"))
    how = chance.randrange(3)
    if how == 0:
        admin.hset(name, "s", sealed[:-1] + bytes([sealed[-1] ^ 1]))
    elif how == 1:
        admin.hset(name, "s", another)
    else:
        admin.delete(name)
        admin.rpush(name, b"a list")
