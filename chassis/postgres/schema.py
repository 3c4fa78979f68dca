"""Which revision a database is at, and whether this release can serve it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory

from chassis.postgres.connection import Reads
from chassis.store_errors import UnsuitableDatabase

IS_THERE: Final = "SELECT to_regclass($1) IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Schema:
    """One service's tables: where its revisions lie, and how they are kept apart from others'."""

    package: str
    """Holds `migrations/` (Alembic's script directory) and `roles.sql` (the grants)."""
    table: str
    """Keeps the revision."""
    groups: tuple[str, ...]
    """Roles without a login that `roles.sql` grants to."""
    lock: int
    """The advisory lock that migrations of this schema take."""
    command: str
    """What an operator runs to migrate."""

    @property
    def current(self) -> str:
        """Return the statement that reads the revision."""
        return f"SELECT version_num FROM {self.table}"  # noqa: S608 - a constant

    def text(self, name: str) -> str:
        """Return a file of the package."""
        return resources.files(self.package).joinpath(name).read_text("utf-8")

    def config(self) -> Config:
        """Return Alembic's configuration."""
        config = Config()
        config.set_main_option("script_location", f"{self.package}:migrations")
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_table", self.table)
        return config

    def revisions(self) -> list[str]:
        """Return this release's revisions, newest first."""
        scripts = ScriptDirectory.from_config(self.config())
        return [script.revision for script in scripts.walk_revisions()]

    def check_served(self, current: str | None) -> None:
        """Refuse a database that waits for its migration. Raises UnsuitableDatabase.

        A revision that this release does not know is a newer release's: it was expanded, and what
        is taken away comes one release later, so that old code serves on during a rollout.
        """
        if current is None:
            raise UnsuitableDatabase(f"this database has no tables yet: run `{self.command}`")
        if current in self.revisions()[1:]:
            raise UnsuitableDatabase(
                f"this database is older than this release: run `{self.command}`"
            )


async def check_schema(reads: Reads, schema: Schema) -> None:
    """Refuse a database that waits for its migration. Raises StoreError."""
    there = await reads.rows(IS_THERE, (schema.table,))
    current = await reads.rows(schema.current, ()) if there[0][0] else []
    schema.check_served(current[0][0] if current else None)
