"""One opened store: a port each, over one database."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.events.ports import Outbox
from vault.usecases.ports import (
    AuditStore,
    CardReader,
    FileReader,
    Housekeeping,
    KeyStore,
    Store,
)


@dataclass(frozen=True, slots=True)
class Engine:
    """What `open_sqlite` and `open_memory` yield; valid until their context ends."""

    store: Store
    reader: CardReader
    files: FileReader
    housekeeping: Housekeeping
    audit: AuditStore
    outbox: Outbox
    keys: KeyStore
