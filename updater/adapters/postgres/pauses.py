"""Pauses in PostgreSQL (`PauseStore`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

from updater.adapters.postgres.database import Database
from updater.adapters.postgres.requests import remember
from updater.adapters.stored_feeds import PAUSE_COLUMNS, pause
from updater.usecases.ports_store import Pause, RequestMark

_LASTING: Final = f"SELECT {PAUSE_COLUMNS} FROM pauses WHERE resumed_at IS NULL"  # noqa: S608
_LASTS: Final = f"{_LASTING} AND channel = $1 AND tenant = $2"
_BEGIN: Final = (
    f"INSERT INTO pauses ({PAUSE_COLUMNS}) VALUES ($1, $2, $3, $4, $5)"  # noqa: S608
    " ON CONFLICT (channel, tenant) WHERE resumed_at IS NULL DO NOTHING"
)
_END: Final = (
    "UPDATE pauses SET resumed_at = $1, resumed_by = $2"
    " WHERE channel = $3 AND tenant = $4 AND resumed_at IS NULL"
)


class PostgresPauses:
    """The table `pauses`: those that last, and those that are over."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def paused(self) -> Mapping[tuple[str, str], Pause]:
        """Return the pauses by (channel, tenant)."""
        found = [pause(row) for row in await self._database.rows(_LASTING)]
        return {(each.channel, each.tenant): each for each in found}

    async def pause(self, pause: Pause, mark: RequestMark) -> Pause | None:
        """Begin a pause, or return the one that lasts. Raises RequestIdReused."""
        key = (pause.channel, pause.tenant)

        async def work(db: asyncpg.Connection) -> Pause | None:
            if await remember(db, mark, "/".join(key), pause.paused_at) is None:
                await db.execute(_BEGIN, *key, pause.reason, pause.paused_by, pause.paused_at)
            row = await db.fetchrow(_LASTS, *key)
            return None if row is None else Pause(*row)  # a late retry begins none

        return await self._database.run(work)

    async def resume(self, channel: str, tenant: str, *, at: int, mark: RequestMark) -> None:
        """End a pause, if there is one. Raises RequestIdReused."""

        async def work(db: asyncpg.Connection) -> None:
            if await remember(db, mark, f"{channel}/{tenant}", at) is None:
                await db.execute(_END, at, mark.principal, channel, tenant)

        await self._database.run(work)
