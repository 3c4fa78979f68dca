"""`/metrics`, `/healthz` and `/readyz` of a supervisor and its workers together."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, Protocol

from prometheus_client import CONTENT_TYPE_LATEST

from chassis.ops import verdict
from chassis.workers.control import ASK_S

PAGE_S: Final = 2 * ASK_S


class Whole(Protocol):
    """What is asked: the first two from any thread, the page on the event loop."""

    def missing_to_be_ready(self) -> Sequence[str]: ...  # noqa: D102
    def missing_to_be_alive(self) -> Sequence[str]: ...  # noqa: D102
    async def page(self) -> bytes: ...  # noqa: D102


class WholeAnswers:
    """`Answers` for the ops port, asked by its threads."""

    def __init__(self, whole: Whole, loop: asyncio.AbstractEventLoop) -> None:
        self._whole: Final = whole
        self._loop: Final = loop

    def answer(self, path: str) -> tuple[HTTPStatus, bytes, str]:
        """Return status, body and content type for a path, within some seconds."""
        match path.partition("?")[0]:
            case "/healthz":
                return verdict(self._whole.missing_to_be_alive())
            case "/readyz":
                return verdict(self._whole.missing_to_be_ready())
            case "/metrics":
                return self._page()
            case _:
                return HTTPStatus.NOT_FOUND, b"not found\n", "text/plain"

    def _page(self) -> tuple[HTTPStatus, bytes, str]:
        asked = asyncio.run_coroutine_threadsafe(self._whole.page(), self._loop)
        try:
            return HTTPStatus.OK, asked.result(PAGE_S), CONTENT_TYPE_LATEST
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError, ValueError):
            asked.cancel()
            return verdict(["an answer in time"])
