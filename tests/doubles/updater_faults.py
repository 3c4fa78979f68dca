"""Die before or after any port call, as a killed process would."""

import inspect
from collections.abc import AsyncIterator
from typing import Any


class Crash(BaseException):
    """The process is gone. Not an Exception: nothing may catch it and go on."""


class Faults:
    """Counts port calls; the armed one dies before or after it has done its work."""

    def __init__(self) -> None:
        self.calls = 0
        self.at: int | None = None
        self.after = False
        self.method = ""

    def arm(self, at: int | None, *, after: bool = False) -> None:
        """Die at the call of this number, from now on, counted from 0."""
        self.calls, self.at, self.after, self.method = 0, at, after, ""

    def arm_at(self, method: str, *, after: bool = False) -> None:
        """Die at the next call of this method, and at those behind it."""
        self.calls, self.at, self.after, self.method = 0, None, after, method

    def begin(self, method: str = "") -> bool:
        """Count a call; die now, or tell whether to die after it."""
        number, self.calls = self.calls, self.calls + 1
        if number != self.at and (not method or method != self.method):
            return False
        if not self.after:
            raise Crash
        return True


class Faulty:
    """Any port, with faults at each of its methods. Plain methods without I/O pass through."""

    def __init__(self, port: Any, faults: Faults) -> None:
        self._port = port
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if inspect.isasyncgenfunction(method):
            return lambda *args, **named: self._stream(method, args, named)
        if not inspect.iscoroutinefunction(method):
            return method

        async def call(*args: Any, **named: Any) -> Any:
            dies = self._faults.begin(name)
            result = await method(*args, **named)
            if dies:
                raise Crash
            return result

        return call

    async def _stream(
        self, method: Any, args: tuple[Any, ...], named: dict[str, Any]
    ) -> AsyncIterator[Any]:
        dies = self._faults.begin(method.__name__)
        async for item in method(*args, **named):
            yield item
            if dies:
                raise Crash
