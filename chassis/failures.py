"""Describe an unexpected exception without its text: it may hold what the call held."""

from pathlib import PurePath
from types import TracebackType
from typing import Final

MAX_FRAMES: Final = 20
MAX_CAUSES: Final = 5


def frames_of(trace: TracebackType | None) -> list[str]:
    """Return "file:line function" of the innermost frames, outermost first; no source."""
    found: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        file = "/".join(PurePath(code.co_filename).parts[-3:])
        found.append(f"{file}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-MAX_FRAMES:]


def describe(error: BaseException) -> dict[str, object]:
    """Return the log fields of an exception: its type, its causes' types, its frames."""
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < MAX_CAUSES:
        causes.append(type(cause).__qualname__)
        cause = cause.__cause__ or cause.__context__
    return {
        "error_type": type(error).__qualname__,
        "error_causes": causes,
        "frames": frames_of(error.__traceback__),
    }
