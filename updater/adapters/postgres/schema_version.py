"""The updater's tables on PostgreSQL: where their revisions lie."""

from __future__ import annotations

from typing import Final

from chassis.postgres.schema import Schema

SCHEMA: Final = Schema(
    package="updater.adapters.postgres",
    table="updater_schema_version",
    groups=("cardvault_updater_serving",),
    lock=0x6376_2075_7064_6174,  # "cv updat"
    command="cardvault-updater migrate",
)
