"""Reports: worst first, in time, whatever a subject does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import click
import pytest
from click.testing import CliRunner

from chassis.doctor.command import told
from chassis.doctor.finding import Finding, Rule, Severity
from chassis.doctor.report import Report, Subject, examine

BROKEN = Rule("A_BROKEN", Severity.BROKEN, "on", "1", "turn it on", "the group", relaxed=True)
RISK = Rule("A_RISK", Severity.RISK, "on", "none", "turn it on")
NOTE = Rule("A_NOTE", Severity.NOTE, "on", "none", "turn it on")


async def noted() -> Sequence[Finding]:
    return [NOTE.found("off")]


async def broken() -> Sequence[Finding]:
    return [RISK.found("off"), BROKEN.found("off", how="another way")]


async def hanging() -> Sequence[Finding]:
    await asyncio.sleep(60)
    return []


async def failing() -> Sequence[Finding]:
    raise ValueError("postgresql://somebody:hush@host")


def kinds(report: Report) -> list[str]:
    return [found.rule.id for _name, found in report.findings]


async def test_worst_first_and_every_subject_is_named() -> None:
    report = await examine([Subject("one", noted), Subject("two", broken)], deadline_s=5)
    assert kinds(report) == ["A_BROKEN", "A_RISK", "A_NOTE"]
    assert report.broken
    *lines, last = report.lines()
    assert lines[0].startswith("broken A_BROKEN")
    assert "do: another way" in lines[0]
    assert "on RDS/Aurora: the group" in lines[0]
    assert last == "looked at one, two: 1 broken, 1 risk, 1 note"
    read = json.loads(report.json())
    assert [each["id"] for each in read["findings"]] == kinds(report)
    assert read["findings"][0]["severity"] == "broken"


async def test_outside_production_a_relaxed_rule_is_a_risk() -> None:
    report = await examine([Subject("two", broken)], deadline_s=5, production=False)
    assert not report.broken
    assert report.count(Severity.RISK) == 2


async def test_a_subject_that_hangs_or_fails_is_a_finding_and_hides_no_other() -> None:
    subjects = [Subject("slow", hanging), Subject("bad", failing), Subject("two", broken)]
    report = await examine(subjects, deadline_s=0.1)
    assert kinds(report) == ["A_BROKEN", "NOT_CHECKED", "NOT_CHECKED", "A_RISK"]
    text = report.json() + "\n".join(report.lines())
    assert "slow: not checked: no answer within 0.1 s" in text
    assert "bad: not checked: ValueError" in text
    assert "hush" not in text


@pytest.mark.parametrize(
    ("findings", "strict", "code"),
    [
        ((NOTE,), True, 0),
        ((RISK,), False, 0),
        ((RISK,), True, 1),
        ((BROKEN,), False, 1),
    ],
    ids=["a note", "a risk", "a risk, strictly", "broken"],
)
def test_the_exit_code(findings: tuple[Rule, ...], strict: bool, code: int) -> None:
    report = Report(tuple(("one", rule.found("off")) for rule in findings), ("one",))

    @click.command()
    def command() -> None:
        told(report, as_json=False, strict=strict)

    assert CliRunner().invoke(command).exit_code == code
