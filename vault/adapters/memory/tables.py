"""The tables, as dictionaries, and the one check that a database makes on every value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vault.crypto.keys import DataKey
from vault.domain.audit import AuditRow, ChainHead
from vault.domain.card import Card, CardKey, ExistingKey, Version
from vault.domain.events import OutboxRow
from vault.domain.imprint import Imprint, ImprintKey
from vault.domain.parked import ParkedKey, ParkedRow
from vault.domain.queries import Checkpoint
from vault.usecases.ledger.state import (
    AppliedKey,
    Control,
    NumberKey,
    RequestKey,
    RequestRecord,
)
from vault.usecases.ports import DataFault

VersionKey = tuple[str, str, int]
OutboxKey = tuple[str, int, str]
_INTEGERS = range(-(1 << 63), 1 << 63)


@dataclass(slots=True)
class Tables:
    """All rows, by the same keys as in a database."""

    control: Control = field(default_factory=Control)
    cards: dict[CardKey, Card] = field(default_factory=dict)
    versions: dict[VersionKey, Version] = field(default_factory=dict)
    numbers: dict[NumberKey, str] = field(default_factory=dict)
    existing: dict[ExistingKey, str] = field(default_factory=dict)
    requests: dict[RequestKey, RequestRecord] = field(default_factory=dict)
    applied: dict[AppliedKey, tuple[str, int]] = field(default_factory=dict)
    imprints: dict[ImprintKey, Imprint] = field(default_factory=dict)
    parked: dict[ParkedKey, ParkedRow] = field(default_factory=dict)
    audit: dict[tuple[str, int], AuditRow] = field(default_factory=dict)
    heads: dict[str, ChainHead] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    checkpoints: dict[int, Checkpoint] = field(default_factory=dict)
    outbox: dict[OutboxKey, OutboxRow] = field(default_factory=dict)
    data_keys: dict[bytes, DataKey] = field(default_factory=dict)

    def bearers(self, tenant: str, fingerprint: str) -> tuple[list[Card], list[Version]]:
        """Return the tenant's cards that have a fingerprint, and the versions that had it."""
        wanted = (tenant, fingerprint)
        cards = [row for row in self.cards.values() if (row.tenant, row.fingerprint) == wanted]
        old = [row for row in self.versions.values() if (row.tenant, row.fingerprint) == wanted]
        return cards, old


def check_storable(values: Iterable[object]) -> None:
    """Raise DataFault for what a database could not store: a lone surrogate, a huge integer."""
    for value in values:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise DataFault("UnicodeEncodeError") from None
        elif isinstance(value, int):
            if value not in _INTEGERS:
                raise DataFault("OverflowError")
        elif value is not None and not isinstance(value, bytes):
            raise DataFault("TypeError")
