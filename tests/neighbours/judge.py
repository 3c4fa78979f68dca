"""What a vault may say while a neighbour is in trouble, and how soon all must be well again.

Every answer is held against what is documented: a refusal is one of those that the fault explains,
with its status and, where it is UNAVAILABLE, with RetryInfo; nothing hangs; nothing that is shown
is wrong; ten seconds after the neighbour is back nothing is refused any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Final

RECOVERY_S: Final = 10.0
HANG_S: Final = 1.0
"""How long past its deadline a call may take to end."""
MOST_VIOLATIONS: Final = 20

STATUS: Final[Mapping[str, str]] = {
    "SECURITY_CODE_UNAVAILABLE": "UNAVAILABLE",
    "KEY_SERVICE_UNAVAILABLE": "UNAVAILABLE",
    "SECURITY_CODE_GONE": "FAILED_PRECONDITION",
}
"""api.md's status of each refusal that a neighbour's fault explains."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one call ended. Times are monotonic seconds."""

    call: str  # what kind of call, as the page says it: "masked read"
    began: float
    took: float
    deadline: float
    code: str = "OK"
    reason: str = ""
    retry: bool = False
    wrong: str = ""  # what an answer showed that is not so, without a number in it
    since: float = inf  # what it depends on was done from then on; its own beginning by default

    @property
    def ended(self) -> float:
        """Return when it ended."""
        return self.began + self.took

    def __str__(self) -> str:
        said = " ".join(dict.fromkeys(part for part in (self.code, self.reason) if part))
        return f"{self.call}: {said}{'' if self.retry else ' without RetryInfo'}"


@dataclass(slots=True)
class Fault:
    """One fault, what it explains (reasons by kind of call), and when it was struck and healed."""

    name: str
    struck: float
    explains: Mapping[str, frozenset[str]]
    healed: float = inf
    recovered: float = inf
    patience_s: float = RECOVERY_S

    def met(self, answer: Answer) -> bool:
        """Tell whether it was there while the call was, or what the call depends on was made."""
        return self.struck <= answer.ended and min(answer.began, answer.since) <= self.recovered


@dataclass(slots=True)
class Judge:
    """Takes answers and faults; `found` has the first broken promises, each a sentence."""

    faults: list[Fault] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)  # refusals, by call and reason
    answered: int = 0
    during: dict[str, list[float]] = field(default_factory=dict)  # seconds of good calls, in faults
    quiet: dict[str, list[float]] = field(default_factory=dict)  # and outside

    def strike(self, fault: Fault) -> Fault:
        """Note a fault."""
        self.faults.append(fault)
        return fault

    def recovered(self, fault: Fault, now: float) -> None:
        """Note that all works again, or that this was not to be waited for any longer."""
        fault.recovered = now
        took = now - fault.healed
        if took > fault.patience_s:
            self._find(f"{fault.name}: {took:.1f} s until all worked again")

    def take(self, answers: Iterable[Answer]) -> None:
        """Judge answers; all faults that they met must have been told by then."""
        for answer in answers:
            faults = [each for each in self.faults if each.met(answer)]
            if answer.code == "OK":
                self.answered += 1
                times = self.during if faults else self.quiet
                times.setdefault(answer.call, []).append(answer.took)
            else:
                self.said[f"{answer.call}: {answer.reason or answer.code}"] += 1
                self._refused(answer, faults)
            names = ", ".join(each.name for each in faults) or "no fault"
            if answer.wrong:
                self._find(f"{answer.call}, {names}: {answer.wrong}")
            if answer.took > answer.deadline + HANG_S:
                self._find(
                    f"{answer.call}, {names}: took {answer.took:.1f} s"
                    f" with a deadline of {answer.deadline:.1f} s"
                )

    def _refused(self, answer: Answer, faults: list[Fault]) -> None:
        names = ", ".join(each.name for each in faults)
        if not faults:
            self._find(f"{answer}, though nothing was wrong")
        elif not any(answer.reason in each.explains.get(answer.call, ()) for each in faults):
            self._find(f"{answer}, which is not what is documented for: {names}")
        elif answer.code != STATUS[answer.reason]:
            self._find(f"{answer}, whose status is not the documented one")
        elif answer.code == "UNAVAILABLE" and not answer.retry:
            self._find(f"{answer}, {names}")

    def _find(self, what: str) -> None:
        if len(self.found) < MOST_VIOLATIONS:
            self.found.append(what)


def p99(times: Iterable[float]) -> float:
    """Return the 99th percentile, 0 of nothing."""
    known = sorted(times)
    return known[ceil(0.99 * len(known)) - 1] if known else 0.0
