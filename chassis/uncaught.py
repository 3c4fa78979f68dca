"""What nobody catches is told by its type and place alone: its text may hold what was in hand."""

import logging
import sys
import threading
from types import TracebackType
from typing import Any

import structlog

from chassis.failures import describe
from chassis.redaction import redact

_log = structlog.get_logger("chassis")


def tell_without_text() -> None:
    """Have what ends a command, a thread or a destructor told without its text, on stderr.

    Python's own reports print it, chained causes included. So does `logging` where nobody has set
    it up: asyncio reports tasks that failed unseen there. Of the system's own errors what happened
    is told, and to which file.
    """
    sys.excepthook = _ended
    threading.excepthook = _thread_ended
    sys.unraisablehook = _unraisable
    logging.lastResort = _LastResort(logging.WARNING)


def _ended(_kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    _tell("stopped by an unexpected error", error)


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        _tell("a thread was stopped by an unexpected error", args.exc_value)


def _unraisable(args: Any) -> None:
    # `args.object` is not shown, either: its repr is not ours.
    if args.exc_value is not None:
        _tell("an error that could not be raised", args.exc_value)


class _LastResort(logging.Handler):
    """What a library reports in a command that keeps no log: its fixed words, no arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        _say(f"{record.name}: {str(record.msg).partition(chr(10))[0]}", error)


def _tell(what: str, error: BaseException) -> None:
    if structlog.is_configured():  # a service: a line of its log
        _log.critical(what, **describe(error))
    else:
        _say(what, error)


def _of_the_system(error: BaseException) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return ""
    return f": {error.strerror}: {error.filename}" if error.filename else f": {error.strerror}"


def _say(what: str, error: BaseException | None) -> None:
    lines = [what]
    if error is not None:
        told = describe(error)
        causes: Any = told["error_causes"]
        frames: Any = told["frames"]
        lines[0] += ": " + " from ".join([str(told["error_type"]), *causes])
        lines[0] += _of_the_system(error)
        lines += [f"  {frame}" for frame in frames]
    if sys.stderr is not None:  # nobody may be there to read it
        # A library's own words may have a number put into them, and a file be named after one.
        sys.stderr.write("\n".join([redact(line)[0] for line in lines]) + "\n")
