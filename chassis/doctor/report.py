"""Ask all subjects at once, each within a deadline, and tell what was found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chassis.doctor.finding import SEVERITIES, Finding, Severity, not_checked

Check = Callable[[], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to look at, and how. `check` may raise: that is a finding, too."""

    name: str
    check: Check


@dataclass(frozen=True, slots=True)
class Report:
    """What was found about which subjects, worst first."""

    findings: tuple[tuple[str, Finding], ...]
    subjects: tuple[str, ...]

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(found.severity is severity for _name, found in self.findings)

    @property
    def broken(self) -> bool:
        """Tell whether a promise is broken."""
        return self.count(Severity.BROKEN) > 0

    def lines(self) -> list[str]:
        """Return one line a finding, and a last one that sums up."""
        lines = [_line(name, found) for name, found in self.findings]
        told = ", ".join(f"{self.count(each)} {each.value}" for each in SEVERITIES)
        return [*lines, f"looked at {', '.join(self.subjects)}: {told}"]

    def json(self) -> str:
        """Return the report for programs."""
        found = [{"subject": name, **finding.fields()} for name, finding in self.findings]
        return json.dumps({"v": 1, "subjects": self.subjects, "findings": found}, indent=1)


async def examine(
    subjects: Sequence[Subject], *, deadline_s: float, production: bool = True
) -> Report:
    """Ask every subject; what does not answer in time, or fails, is a finding itself."""
    asked = [_asked(subject, deadline_s) for subject in subjects]
    answers = await asyncio.gather(*asked)
    findings = [
        (subject.name, found if production else found.outside_production())
        for subject, answer in zip(subjects, answers, strict=True)
        for found in answer
    ]
    findings.sort(key=lambda each: SEVERITIES.index(each[1].severity))  # stable
    return Report(tuple(findings), tuple(subject.name for subject in subjects))


async def _asked(subject: Subject, deadline_s: float) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(deadline_s):
            return await subject.check()
    except TimeoutError:
        return [not_checked(subject.name, f"no answer within {deadline_s:g} s")]
    except Exception as error:  # noqa: BLE001 - whatever it is, the other subjects are looked at
        # The type alone: a driver's text may quote an address with a password.
        return [not_checked(subject.name, type(error).__name__)]


def _line(name: str, found: Finding) -> str:
    rule = found.rule
    parts = [
        f"{found.severity.value:<6} {rule.id:<30} {name}: {found.now}",
        f"must be: {rule.must}",
        f"breaks: {rule.breaks}",
        f"do: {found.how}",
    ]
    if rule.rds:
        parts.append(f"on RDS/Aurora: {rule.rds}")
    return " | ".join(parts)
