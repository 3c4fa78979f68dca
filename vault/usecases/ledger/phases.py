"""The places in a flush at which a test may pull the plug."""

from __future__ import annotations

from typing import Final, Protocol


class Phases(Protocol):
    """Told when a flush gets somewhere: after_read, before_write, after_commit, before_reply."""

    def reached(self, phase: str) -> None:
        """Note (or, in a fault test, die at) a phase."""


class _NoPhases:
    def reached(self, phase: str) -> None:
        """Do nothing."""


NO_PHASES: Final[Phases] = _NoPhases()
PHASES: Final = ("after_read", "before_write", "after_commit", "before_reply")
