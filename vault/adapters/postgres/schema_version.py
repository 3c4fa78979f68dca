"""The vault's tables on PostgreSQL: where their revisions lie."""

from __future__ import annotations

from typing import Final

from chassis.postgres.schema import Schema

SCHEMA: Final = Schema(
    package="vault.adapters.postgres",
    table="vault_schema_version",
    groups=("cardvault_serving", "cardvault_reporting", "cardvault_auditing"),
    lock=0x6361_7264_7661_756C,  # "cardvaul"
    command="cardvault migrate",
)
