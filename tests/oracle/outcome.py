"""What a proof came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.oracle.judge import Verdict
from tests.oracle.plan import Plan
from tests.oracle.scanning import Scan


@dataclass(frozen=True, slots=True)
class Proven:
    """Everything that a proof has found out."""

    plan: Plan
    verdict: Verdict
    kinds: Mapping[str, int]
    """Rows in good files by why they were sent, as the simulator tells it."""
    kills: Mapping[str, int]
    """Kills by the name of the process."""
    approved: int
    audit: str
    """What is wrong with it; empty: nothing."""
    scan: Scan
    seconds: Mapping[str, float]
    """How long each part took."""

    @property
    def right(self) -> bool:
        """Tell whether everything is as it has to be."""
        return self.verdict.right and not self.audit and not self.scan.found

    @property
    def rate(self) -> float:
        """Return the answers a second, over the whole run."""
        return self.verdict.ledgers.sent.total() / sum(self.seconds.values())
