"""What became of one entry. `Ledger.apply` answers one of these each, and never raises for some."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vault.domain.reasons import Reason


@dataclass(slots=True, frozen=True, repr=False)
class Applied:
    """Durable: the change, its audit record, its event and its request record."""

    value: Any


@dataclass(slots=True, frozen=True, repr=False)
class Replayed:
    """The request id was applied before; `value` tells of then, with the card as it is now."""

    value: Any


@dataclass(slots=True, frozen=True)
class Refused:
    """Decided against; nothing changed (but the refusal may have been audited)."""

    reason: Reason
    field: str = ""


@dataclass(slots=True, frozen=True)
class NotApplied:
    """Not done for a reason that may pass: safe to try again."""

    reason: Reason


@dataclass(slots=True, frozen=True)
class InDoubt:
    """Nobody knows whether the commit happened: try again with the same request id."""


Outcome = Applied | Replayed | Refused | NotApplied | InDoubt
