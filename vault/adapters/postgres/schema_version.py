"""Which revision a database is at, and whether this release can serve it."""

from __future__ import annotations

from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory

from vault.usecases.ports import StoreError

TABLE: Final = "vault_schema_version"
IS_THERE: Final = "SELECT to_regclass($1) IS NOT NULL"
CURRENT: Final = f"SELECT version_num FROM {TABLE}"  # noqa: S608 - a constant


class UnsuitableDatabase(StoreError):
    """This database is not at a schema that this release can serve or migrate."""


def alembic_config() -> Config:
    """Return Alembic's configuration: the revisions lie in this package."""
    config = Config()
    config.set_main_option("script_location", "vault.adapters.postgres:migrations")
    config.set_main_option("path_separator", "os")
    return config


def known_revisions() -> list[str]:
    """Return this release's revisions, newest first."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return [script.revision for script in scripts.walk_revisions()]


def check_served(current: str | None) -> None:
    """Refuse a database that waits for its migration. Raises UnsuitableDatabase.

    A revision that this release does not know is a newer release's: it was expanded, and what is
    taken away comes one release later, so that old code serves on during a rollout.
    """
    known = known_revisions()
    if current is None:
        raise UnsuitableDatabase("this database has no tables yet: run `cardvault migrate`")
    if current in known[1:]:
        raise UnsuitableDatabase(
            "this database is older than this release: run `cardvault migrate`"
        )
