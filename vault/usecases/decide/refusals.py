"""Refusals of one flush: the first of a principal in full, the others counted in one record.

A batch of a thousand unknown tokens is one call; it must not be a thousand records (ADR 0006).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from vault.domain.audit import REFUSALS, AuditFacts, counted_note
from vault.domain.intents import Caller
from vault.domain.reasons import Reason

IN_FULL: Final = 10


@dataclass(slots=True)
class Refusals:
    """What a flush has refused so far, by tenant and principal."""

    _told: Counter[tuple[str, str]] = field(default_factory=Counter)
    _counted: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def in_full(self, caller: Caller, reason: Reason) -> bool:
        """Tell whether a refusal gets a record of its own; count it where it does not."""
        who = (caller.tenant, caller.principal)
        self._told[who] += 1
        if self._told[who] <= IN_FULL:
            return True
        self._counted.setdefault(who, Counter())[reason.value] += 1
        return False

    def summaries(self) -> Iterator[AuditFacts]:
        """Yield what the records behind all others say: how many were refused, and why."""
        for (tenant, principal), counted in self._counted.items():
            note = counted_note(counted)
            yield AuditFacts(tenant, principal, "", REFUSALS, "refused", note=note)
