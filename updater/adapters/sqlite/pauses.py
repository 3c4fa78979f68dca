"""Pauses in SQLite (`PauseStore`)."""

from collections.abc import Mapping
from typing import Final

import apsw

from updater.adapters.sqlite.database import Database
from updater.adapters.sqlite.requests import remember
from updater.adapters.stored_feeds import PAUSE_COLUMNS, pause
from updater.usecases.ports_store import Pause, RequestMark

_LASTING: Final = f"SELECT {PAUSE_COLUMNS} FROM pauses WHERE resumed_at IS NULL"  # noqa: S608
_BEGIN: Final = f"INSERT OR IGNORE INTO pauses ({PAUSE_COLUMNS}) VALUES (?, ?, ?, ?, ?)"  # noqa: S608
_LASTS: Final = f"{_LASTING} AND channel = ? AND tenant = ?"
_END: Final = """
  UPDATE pauses SET resumed_at = ?, resumed_by = ?
  WHERE channel = ? AND tenant = ? AND resumed_at IS NULL
"""


class SqlitePauses:
    """The table `pauses`: those that last, and those that are over."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database

    async def paused(self) -> Mapping[tuple[str, str], Pause]:
        """Return the pauses by (channel, tenant)."""

        def work(db: apsw.Connection) -> Mapping[tuple[str, str], Pause]:
            found = [pause(row) for row in db.execute(_LASTING)]
            return {(each.channel, each.tenant): each for each in found}

        return await self._database.run(work)

    async def pause(self, pause: Pause, mark: RequestMark) -> Pause | None:
        """Begin a pause, or return the one that lasts. Raises RequestIdReused."""

        def work(db: apsw.Connection) -> Pause | None:
            if remember(db, mark, f"{pause.channel}/{pause.tenant}", pause.paused_at) is None:
                db.execute(
                    _BEGIN,
                    (pause.channel, pause.tenant, pause.reason, pause.paused_by, pause.paused_at),
                )
            row = db.execute(_LASTS, (pause.channel, pause.tenant)).fetchone()
            return None if row is None else Pause(*row)  # a late retry begins none

        return await self._database.run(work)

    async def resume(self, channel: str, tenant: str, *, at: int, mark: RequestMark) -> None:
        """End a pause, if there is one. Raises RequestIdReused."""

        def work(db: apsw.Connection) -> None:
            if remember(db, mark, f"{channel}/{tenant}", at) is None:
                db.execute(_END, (at, mark.principal, channel, tenant))

        await self._database.run(work)
