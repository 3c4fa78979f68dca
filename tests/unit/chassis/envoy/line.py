"""The other end of one call: takes ASGI's events down, and disturbs the call on cue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from chassis.envoy.gate import Gate
from tests.doubles.gate_wire import scope_of

PATH = "/test/Method"


class Broken(Exception):
    """A fault of the server around us: no error of the connection."""


class Line:
    """One call's `receive` and `send`; `disturb` happens at the `at`-th of them, before or after.

    Once it is down, nothing more can be sent, as with pyvoy.
    """

    def __init__(
        self,
        pieces: Sequence[bytes],
        at: int = -1,
        disturb: Callable[[Line], None] = lambda _line: None,
        *,
        after: bool = False,
    ) -> None:
        self._pieces = list(pieces)
        self._at = at
        self._disturb = disturb
        self._after = after
        self._steps = 0
        self.gone = False  # the caller has hung up
        self.down: BaseException | None = None  # what each further event raises
        self.events: list[dict[str, Any]] = []
        self.task: asyncio.Task[None] | None = None

    async def receive(self) -> dict[str, Any]:
        now = self._step()
        self._fall(now and not self._after)
        if self.gone:
            return {"type": "http.disconnect"}
        body = self._pieces.pop(0) if self._pieces else b""
        event = {"type": "http.request", "body": body, "more_body": bool(self._pieces)}
        self._fall(now and self._after)
        await asyncio.sleep(0)
        return event

    async def send(self, event: dict[str, Any]) -> None:
        now = self._step()
        self._fall(now and not self._after)
        if self.gone:
            raise OSError("the caller has gone")
        self.events.append(event)
        self._fall(now and self._after)
        await asyncio.sleep(0)

    async def called(self, gate: Gate, *headers: tuple[bytes, bytes], **scope: object) -> None:
        """Make the call, in a task of its own; fails if anything leaves the gate."""
        whole = {**scope_of(PATH, list(headers)), **scope}
        self.task = asyncio.ensure_future(gate(whole, self.receive, self.send))
        await asyncio.wait({self.task}, timeout=10)
        assert self.task.done(), "it hangs"
        assert not self.task.cancelled(), "a cancellation left the gate"
        left = self.task.exception()
        assert left is None, f"a {type(left).__name__} left the gate"

    def _step(self) -> bool:
        self._steps += 1
        return self._steps - 1 == self._at

    def _fall(self, now: bool) -> None:
        if now:
            self._disturb(self)
        if self.down is not None:
            raise self.down

    @property
    def disturbed(self) -> bool:
        """Tell whether the call got as far as the disturbance."""
        return self._steps > self._at

    def statuses(self) -> list[int]:
        """Check the order of what was sent; return the gRPC statuses in it, which are ≤ 1."""
        state, found = "new", list[int]()
        trailers = False
        for event in self.events:
            match event["type"], state:
                case "http.response.start", "new":
                    assert event["status"] == 200
                    trailers = event.get("trailers", False)
                    found += _statuses(event["headers"])
                    state = "body"
                case "http.response.body", "body":
                    state = "body" if event.get("more_body") else ("end" if trailers else "over")
                case "http.response.trailers", "end":
                    found += _statuses(event["headers"])
                    state = "over"
                case kind, _:
                    raise AssertionError(f"{kind} when it was {state}")
        assert len(found) <= 1
        self.whole = state == "over"
        return found


def _statuses(headers: Sequence[tuple[bytes, bytes]]) -> list[int]:
    return [int(value) for name, value in headers if name == b"grpc-status"]
