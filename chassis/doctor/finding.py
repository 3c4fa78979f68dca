"""What doctor can find, as a table of rules; what it has found, as findings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How bad a finding is; the order is that of reports."""

    BROKEN = "broken"
    """A promise does not hold."""
    RISK = "risk"
    """All promises hold, until something else happens; or it was not checked whether they do."""
    NOTE = "note"
    """What can't be seen from here, or is good to know."""


SEVERITIES: Final = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that must be so. Texts are sentences without a full stop; ids never change."""

    id: str
    severity: Severity
    must: str
    breaks: str
    how: str
    rds: str = ""
    """How to set it on Amazon RDS and Aurora, where that differs."""
    relaxed: bool = False
    """Outside production a risk, not a broken promise."""

    def found(self, now: str, *, how: str = "") -> Finding:
        """Return a finding; `now` says what is, without secrets."""
        return Finding(self, now, how or self.how, self.severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is not met."""

    rule: Rule
    now: str
    how: str
    severity: Severity

    def outside_production(self) -> Finding:
        """Return this finding as development sees it."""
        if self.rule.relaxed and self.severity is Severity.BROKEN:
            return replace(self, severity=Severity.RISK)
        return self

    def fields(self) -> dict[str, str]:
        """Return what programs read; the names never change."""
        return {
            "id": self.rule.id,
            "severity": self.severity.value,
            "now": self.now,
            "must": self.rule.must,
            "breaks": self.rule.breaks,
            "how": self.how,
            **({"rds": self.rule.rds} if self.rule.rds else {}),
        }


NOT_CHECKED: Final = Rule(
    "NOT_CHECKED",
    Severity.RISK,
    "checked",
    "none that is known: nobody has looked",
    "see what it says; run doctor with an account that may read it",
)


def not_checked(what: str, why: str, *, how: str = "") -> Finding:
    """Return the finding for what could not be read: never silence."""
    return NOT_CHECKED.found(f"{what}: not checked: {why}", how=how)
