"""What a site has stored, counted in its database file from outside."""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from tests.doubles.vault_site import VaultSite

TABLES = (
    *("cards", "card_versions", "fingerprints", "existing_cards", "requests", "applied_updates"),
    *("imprints", "parked_updates"),
)


def stored_rows(site: VaultSite) -> Mapping[str, int]:
    """Return the rows of every table that a refused request must leave alone.

    Events are counted by the revisions of cards: each event makes one, and the outbox itself is
    emptied by its relay.
    """
    database = apsw.Connection(str(site.directory / "vault.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        counts = {
            table: int(database.execute(f"SELECT count(*) FROM {table}").get)  # noqa: S608
            for table in TABLES
        }
        counts["revisions"] = int(
            database.execute("SELECT ifnull(sum(revision), 0) FROM cards").get
        )
    finally:
        database.close()
    return counts
