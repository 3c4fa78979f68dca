"""A clock whose wall is set, and whose own pace nothing changes."""

from __future__ import annotations


class JumpingClock:
    """`Clock`: `true_us` is what the wall would say if nobody had touched it."""

    def __init__(self, start_us: int = 1_700_000_000_000_000) -> None:
        self.true_us = start_us
        self.offset_us = 0  # of the wall
        self._began_us = start_us

    def now_us(self) -> int:
        return self.true_us + self.offset_us

    def host_us(self) -> int:
        return self.now_us()

    def monotonic(self) -> float:
        return 1_000.0 + (self.true_us - self._began_us) / 1e6

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.true_us += int(seconds * 1e6)

    def jump(self, seconds: float) -> None:
        """Set the wall forward, or back."""
        self.offset_us += int(seconds * 1e6)

    @property
    def behind(self) -> bool:
        """Tell whether the wall is."""
        return self.offset_us < 0

    def correct(self) -> None:
        """Set the wall right."""
        self.offset_us = 0


class WallPaced:
    """A fault: whoever goes by this takes the wall's pace for the monotonic one."""

    def __init__(self, clock: JumpingClock) -> None:
        self._clock = clock

    def now_us(self) -> int:
        return self._clock.now_us()

    def monotonic(self) -> float:
        return self._clock.now_us() / 1e6
