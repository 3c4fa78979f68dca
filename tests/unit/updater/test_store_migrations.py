"""A database of the release before is brought to this one's schema, and its work goes on."""

from __future__ import annotations

from pathlib import Path

import apsw

from tests.contract.updater_release_2 import ROWS, read_on
from updater.adapters.sqlite.database import _migrations, latest_version, schema_version
from updater.adapters.sqlite.open import open_sqlite


async def test_what_release_2_left_is_read_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "updater.db"
    connection = apsw.Connection(str(path))
    for script in (*list(_migrations())[:2], "PRAGMA user_version = 2", ROWS):
        connection.execute(script)
    connection.close()
    async with open_sqlite(path) as engine:
        await read_on(engine)
    assert schema_version(path) == latest_version()
