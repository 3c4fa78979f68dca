"""Open the security codes that the settings ask for, and check that they are what they promise."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from chassis.clock import Clock
from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.breaker import Breaker
from vault.crypto.mac import MacKey
from vault.domain.card import CardKey
from vault.domain.reasons import VaultError
from vault.usecases.ports import SealedViews, SecurityCodes

if TYPE_CHECKING:
    from vault.adapters.redis.link import RedisLink


NO_DRIVER: Final = "the driver is not installed: cardvault-server[production]"


class RedisInvalid(Exception):
    """Redis can't be used as it is. The text is a rule."""


@asynccontextmanager
async def open_codes(
    settings: RedisSettings, breaker: Breaker, names: MacKey
) -> AsyncIterator[SecurityCodes]:
    """Yield the port; opens no connection, so that a vault starts without Redis.

    `names` is the key under which codes are filed. Raises RedisInvalid where the driver isn't
    installed.
    """
    try:
        # A production extra: an embedded vault needs no driver.
        from vault.adapters.redis.codes import RedisSecurityCodes  # noqa: PLC0415
    except ImportError:
        raise RedisInvalid(NO_DRIVER) from None
    async with linked(settings, breaker) as link:
        # What is left of the timeout is for the answer itself.
        confirm_s = settings.timeout_s / 2
        yield RedisSecurityCodes(link, names, replicas=settings.confirming, confirm_s=confirm_s)


@asynccontextmanager
async def open_views(
    settings: RedisSettings, breaker: Breaker, names: MacKey, *, form: bytes, ttl_s: float
) -> AsyncIterator[SealedViews]:
    """Yield the cache of masked views; see `open_codes`.

    A breaker and a timeout of its own are wanted: what a read waits for at most is no measure for
    a security code.
    """
    try:
        from vault.adapters.redis.views import RedisViews  # noqa: PLC0415
    except ImportError:
        raise RedisInvalid(NO_DRIVER) from None
    async with linked(settings, breaker) as link:
        yield RedisViews(link, names, form=form, ttl_s=ttl_s)


@asynccontextmanager
async def linked(settings: RedisSettings, breaker: Breaker) -> AsyncIterator[RedisLink]:
    """Yield a link of the kind that the address asks for; needs the driver."""
    from vault.adapters.redis.cluster import ClusterLink  # noqa: PLC0415
    from vault.adapters.redis.link import ServerLink  # noqa: PLC0415

    link: RedisLink
    link = (ClusterLink if settings.address.cluster else ServerLink)(settings, breaker)
    try:
        yield link
    finally:
        await link.close()


async def probe(settings: RedisSettings, clock: Clock) -> str:
    """Put a code, take it once and see it gone; return a sentence about what was found.

    Raises RedisInvalid: unreachable, forbidden, too few replicas, or codes that reach a disk.
    """
    key, names = CardKey("", f"probe-{uuid.uuid4()}"), MacKey(bytes(8), os.urandom(32))
    async with open_codes(settings, Breaker(clock), names) as codes:
        from vault.adapters.redis.link import RedisAway  # noqa: PLC0415

        try:
            async with linked(settings, Breaker(clock)) as link:
                await link.ask(lambda redis: redis.ping())
                await codes.put(key, b"probe", 5.0)
                taken = [await codes.take(key, repeat) for repeat in ("one", "two", "one")]
                disk = await _disk(link, RedisAway)
        except RedisAway as error:
            raise RedisInvalid(str(error)) from None
        except VaultError:
            raise RedisInvalid(
                "it answers, but a code can't be kept: commands not allowed, or too few replicas"
            ) from None
    if taken != [b"probe", None, b"probe"]:
        raise RedisInvalid("a code was not taken exactly once")
    return disk


async def _disk(link: RedisLink, refused: type[Exception]) -> str:
    """Say whether the server writes what it holds to a disk, as far as it tells."""
    try:
        found = await link.ask(lambda redis: redis.config_get("save", "appendonly"))
    except refused:
        return "whether it writes to a disk it does not tell: make sure that it does not"
    if found.get("save") or found.get("appendonly") != "no":
        raise RedisInvalid('codes would reach a disk: set save "" and appendonly no')
    return "writes nothing to a disk"
