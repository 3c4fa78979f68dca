"""Log JSON lines to stderr, from an allow-list of fields; libraries' records come along, cut down.

Three walls: types that can't print a card number; here, only known field names with plain values
leave; then `redaction`. Messages, protos and exception texts are never logged.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, TextIO

import structlog

from chassis import spans
from chassis.failures import describe
from chassis.redaction import redact

FIELDS: Final = frozenset(
    {
        *("event", "level", "timestamp", "logger", "service", "version", "pid", "worker"),
        *("method", "code", "reason", "tenant", "principal", "permission", "purpose", "origin"),
        *("error_type", "error_causes", "frames", "problem", "signal", "phase", "state"),
        *("count", "size", "duration_ms", "attempt", "port", "address", "not_after"),
        *("partition", "lease", "chain", "role"),
        *("trace_id", "span_id", "dropped"),
    }
)
"""Fields that any service may log; a service adds its own names, never a catch-all."""

MAX_TEXT: Final = 500
MAX_SCANNED: Final = 8 * MAX_TEXT
MAX_ITEMS: Final = 32

Count = Callable[[int], object]
_Event = MutableMapping[str, Any]


class AllowList:
    """Keep known fields with plain values; count the rest, and name how many were dropped."""

    def __init__(self, fields: frozenset[str], on_dropped: Count) -> None:
        self._fields: Final = fields
        self._on_dropped: Final = on_dropped

    def __call__(self, _logger: object, _method: str, event: _Event) -> _Event:
        """Return what may leave (a structlog processor)."""
        kept: dict[str, Any] = {}
        dropped = 0
        for key, value in event.items():
            if key in self._fields and _plain(value):
                kept[key] = value
            else:
                dropped += 1
        if dropped:
            self._on_dropped(dropped)
            kept["dropped"] = dropped
        return kept


class Redact:
    """Remove card-number-like digits from every value, numbers included; count them."""

    def __init__(self, on_redacted: Count) -> None:
        self._on_redacted: Final = on_redacted

    def __call__(self, _logger: object, _method: str, event: _Event) -> _Event:
        """Return the event without them (a structlog processor)."""
        hits = 0
        for key, value in event.items():
            event[key], found = self._clean(value)
            hits += found
        if hits:
            self._on_redacted(hits)
        return event

    def _clean(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, str):
            # Redacted before the cut that counts: half a number would no longer look like one.
            cleaned_text, found = redact(value[:MAX_SCANNED])
            return cleaned_text[:MAX_TEXT], found
        if isinstance(value, bool) or value is None:
            return value, 0
        if isinstance(value, int | float):
            cleaned, hits = redact(repr(value))
            return (cleaned, hits) if hits else (value, 0)
        cleaned_items = [self._clean(item) for item in value[:MAX_ITEMS]]
        return [item for item, _ in cleaned_items], sum(hits for _, hits in cleaned_items)


def configure_logs(
    *,
    service: str,
    level: str = "INFO",
    worker: int | None = None,
    fields: frozenset[str] = frozenset(),
    on_dropped: Count = lambda _count: None,
    on_redacted: Count = lambda _count: None,
    stream: TextIO | None = None,
) -> None:
    """Route structlog and the standard library's logging to one stream as JSON, for the process.

    Called once by a composition root. `fields` adds to `FIELDS`. DEBUG of libraries stays off:
    some print what they carry.
    """
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level]
    processors: list[structlog.typing.Processor] = [
        _naming(service, worker),
        _traced,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_without_text,
        AllowList(FIELDS | fields, on_dropped),
        Redact(on_redacted),
        _render,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=_Factory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(max(threshold, logging.INFO))
    logging.raiseExceptions = False  # its reports print the record's arguments


class _Factory:
    """Make loggers that write whole lines to one stream and know the name they were asked by."""

    def __init__(self, out: TextIO) -> None:
        self._out: Final = out

    def __call__(self, name: str = "") -> structlog.WriteLogger:
        return _Named(self._out, name)


class _Named(structlog.WriteLogger):
    def __init__(self, out: TextIO, name: str) -> None:
        super().__init__(out)
        self.name: Final = name


class _Bridge(logging.Handler):
    """Hand a library's record on: its fixed text, first line only, never its arguments.

    asyncio and gRPC put the repr of exceptions into later lines or into arguments.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record through structlog."""
        text = str(record.msg).partition("\n")[0] if record.msg else ""
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields |= describe(record.exc_info[1])
        if isinstance(record.msg, BaseException):
            text = type(record.msg).__qualname__
        structlog.get_logger().log(record.levelno, text, **fields)


def _naming(service: str, worker: int | None) -> Callable[[object, str, _Event], _Event]:
    def name(logger: object, _method: str, event: _Event) -> _Event:
        event["service"] = service
        if worker is not None:
            event["worker"] = worker
        if isinstance(logger, _Named) and logger.name:
            event.setdefault("logger", logger.name)
        return event

    return name


def _traced(_logger: object, _method: str, event: _Event) -> _Event:
    """Say which sampled call a line is about."""
    span = spans.current()
    if span is not None:
        event["trace_id"], event["span_id"] = span.trace_id, span.span_id
    return event


def _exception_without_text(_logger: object, _method: str, event: _Event) -> _Event:
    """Replace `exc_info` by the exception's type and frames."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()[1]
    if isinstance(info, tuple):
        info = info[1]
    if isinstance(info, BaseException):
        event.update(describe(info))
    return event


def _render(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=True, separators=(",", ":"))


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_scalar(item) for item in value)
    return _scalar(value)


def _scalar(value: object) -> bool:
    # Exact types: a subclass of str or int could print anything.
    return value is None or type(value) in {str, int, float, bool}
