"""What a verification found, in words for people and fields for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

MAX_FINDINGS: Final = 1_000


class Kind(StrEnum):
    """What was done to the audit."""

    EDITED = "EDITED"
    DROPPED = "DROPPED"
    REORDERED = "REORDERED"
    DUPLICATED = "DUPLICATED"
    TRUNCATED = "TRUNCATED"
    ADDED = "ADDED"
    REWRITTEN = "REWRITTEN"
    FORK = "FORK"
    CHECKPOINT_FORGED = "CHECKPOINT_FORGED"
    CHECKPOINT_MISSING = "CHECKPOINT_MISSING"
    CHECKPOINT_UNLINKED = "CHECKPOINT_UNLINKED"
    ROLLED_BACK = "ROLLED_BACK"


class Finding(NamedTuple):
    """One act of tampering: records `first` to `last` of a chain, or checkpoints (no chain)."""

    kind: Kind
    chain: str
    first: int
    last: int
    why: str

    def __str__(self) -> str:
        what = f"chain {self.chain} record" if self.chain else "checkpoint"
        numbers = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.kind}: {what} {numbers}: {self.why}"


@dataclass(slots=True)
class Report:
    """The outcome of a verification."""

    findings: list[Finding] = field(default_factory=list)
    more: int = 0  # findings beyond the first thousand
    chains: int = 0
    records: int = 0
    checkpoints: int = 0
    last_checkpoint: int = 0
    last_time: int = 0  # of that checkpoint, in microseconds
    behind: int = 0  # records behind the last checkpoint: linked, but signed by nothing yet

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return not self.findings

    def add(self, kind: Kind, chain: str, first: int, last: int, why: str) -> None:
        """Note one finding; past a thousand they are only counted."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(kind, chain, first, last, why))
        else:
            self.more += 1
