"""Flushes that the server hinders: what the ledger makes of it, past a pooler or through it."""

from __future__ import annotations

import asyncpg

from tests.doubles.vault_ledger import add, kinds, records, running
from tests.parts.servers.postgres import as_superuser
from vault.adapters.engine import Engine


async def check_held_lock(engine: Engine, dsn: str) -> None:
    """Check that a lock that is held for longer than the store waits is no effect and no doubt."""
    async with running(engine) as ledger:
        admin = await asyncpg.connect(as_superuser(dsn))
        async with admin.transaction():
            await admin.execute("LOCK TABLE outbox IN SHARE MODE")
            heard = kinds(await ledger.apply([add(2, request_id="r")]))
            assert heard == ["NotApplied"], heard
        await admin.close()
        heard = kinds(await ledger.apply([add(2, request_id="r")]))
        assert heard == ["Applied"], heard
    written = len(await records(engine))
    assert written == 1, written


async def check_warning(engine: Engine, dsn: str) -> None:
    """Check that a warning during a flush leaves it in doubt.

    The server warns, and reports success, when a wait for the standby was given up.
    """
    admin = await asyncpg.connect(as_superuser(dsn))
    await admin.execute(
        "CREATE FUNCTION warns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE WARNING 'canceling wait for synchronous replication due to user request';"
        " RETURN NULL; END $$; GRANT EXECUTE ON FUNCTION warns() TO PUBLIC;"
        " CREATE TRIGGER warns AFTER INSERT ON outbox EXECUTE FUNCTION warns()"
    )
    async with running(engine) as ledger:
        heard = kinds(await ledger.apply([add(1, request_id="r")]))
        assert heard == ["InDoubt"], heard
        await admin.execute("DROP TRIGGER warns ON outbox")
        heard = kinds(await ledger.apply([add(1, request_id="r")]))
        assert heard == ["Replayed"], heard
    await admin.close()
    written = len(await records(engine))
    assert written == 1, written
