"""The vault's columns and their types, named once by the domain's tuples."""

from __future__ import annotations

from typing import Final

from chassis.postgres.sql import columns_of
from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow
from vault.domain.card import Card, ExistingKey, Version
from vault.domain.events import OutboxRow
from vault.domain.imprint import Imprint, ImprintKey
from vault.domain.parked import ParkedRow
from vault.usecases.ledger.state import RequestRecord

CARD: Final = columns_of(Card)
VERSION: Final = columns_of(Version)
AUDIT: Final = columns_of(AuditRow)
REQUEST: Final = columns_of(RequestRecord)
OUTBOX: Final = columns_of(OutboxRow)
IMPRINT: Final = columns_of(Imprint)
IMPRINT_KEY: Final = columns_of(ImprintKey)
PARKED: Final = columns_of(ParkedRow)
DATA_KEY: Final = columns_of(DataKey)
POINTER: Final = {**columns_of(ExistingKey), "token": "text"}
NUMBER: Final = {"tenant": "text", "mac": "bytea", "fingerprint": "text"}
APPLIED: Final = {
    "tenant": "text",
    "update_id": "text",
    "token": "text",
    "disposition": "text",
    "time": "bigint",
}
LEASE_US: Final = 15_000_000
