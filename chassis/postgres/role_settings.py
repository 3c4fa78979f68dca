"""What sessions need, kept on the role: a pooler's sessions begin with nothing of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg
import structlog

from chassis.postgres.migrating import locked
from chassis.postgres.schema import Schema

_MEMBERS: Final = (
    "SELECT quote_ident(r.rolname), quote_ident(current_database()) FROM pg_auth_members AS m"
    " JOIN pg_roles AS g ON g.oid = m.roleid JOIN pg_roles AS r ON r.oid = m.member"
    " WHERE g.rolname = $1 AND r.rolcanlogin AND NOT r.rolsuper ORDER BY r.rolname"
)
_log = structlog.get_logger("migrate")


async def set_on_roles(
    db: asyncpg.Connection, schema: Schema, group: str, settings: Mapping[str, str]
) -> None:
    """Set a session's settings on each login role of a group, in this database only.

    A role that the migrating one may not alter stays as it is, and is named in the log: behind a
    pooler the service then says at its start what is missing (`leader.check_session`).
    """
    for role, database in await db.fetch(_MEMBERS, group):
        try:
            async with locked(db, schema):
                for name, value in settings.items():
                    await db.execute(
                        f"ALTER ROLE {role} IN DATABASE {database} SET {name} = '{value}'"
                    )
        except asyncpg.InsufficientPrivilegeError:
            _log.warning("role not altered: set its session's settings yourself", role=role)
