"""The vault's tables on PostgreSQL, and what its serving role may do to them."""

from __future__ import annotations

from typing import Final

from chassis.doctor.tables import Tables
from vault.adapters.postgres.schema_version import SCHEMA

TABLES: Final = Tables(
    SCHEMA,
    names=(
        *("cards", "card_versions", "fingerprints", "existing_cards", "requests", "audit"),
        *("chains", "checkpoints", "outbox", "data_keys", "applied_updates", "control"),
        *("reporting_tenants", "outbox_leases", "relays", "imprints", "parked_updates"),
    ),
    trail=("audit", "checkpoints"),
    by_day="audit",
    secured=("cards", "card_versions"),
)
