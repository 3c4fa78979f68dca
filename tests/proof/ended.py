"""What an exception that ended a part, or a trial of it, comes to on the page."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")
_ROOT: Final = Path(__file__).parents[2]
_FRAME: Final = re.compile(
    rf'File "{re.escape(str(_ROOT))}/(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)'
)


@dataclass(frozen=True, slots=True)
class Ended:
    """A sentence for the page, and the traceback, which is only for whoever runs the proof."""

    said: str
    trace: str


def ended_by(error: BaseException) -> Ended:
    """Tell what ended something: by its type and the place in our code, never by its text.

    The text may hold anything: the end of a vault's log, or what a server was asked.
    """
    trace = "".join(traceback.format_exception(error))
    # From another process only the text of its traceback comes, as the cause.
    remote = getattr(error.__cause__, "tb", "")
    frames = [*_FRAME.finditer(remote or "".join(traceback.format_exception(error, chain=False)))]
    names = ", ".join(dict.fromkeys(type(each).__name__ for each in _single(error)))
    said = f"ended by {names}"
    if frames:
        last = frames[-1]
        said += f" at {last['file']}:{last['line']}, in {last['name']}"
    return Ended(said, trace)


def result_or_end(future: Future[T]) -> T | Ended:
    """Return what a process came to; where it died, that is told of this one alone."""
    try:
        return future.result()
    except Exception as error:  # noqa: BLE001 - the others' results are kept
        return ended_by(error)


def _single(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _single(each)
    else:
        yield error
