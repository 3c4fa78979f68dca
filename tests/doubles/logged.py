"""What is logged, for tests that read it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from chassis.logs import configure_logs


@contextmanager
def logged(service: str = "test", **settings: Any) -> Iterator[io.StringIO]:
    """Have logs written to what is yielded; afterwards all is as it was.

    `settings` are those of `configure_logs`.
    """
    root = logging.getLogger()
    kept = (root.handlers, root.level, logging.raiseExceptions)
    config = structlog.get_config()
    stream = io.StringIO()
    try:
        configure_logs(service=service, stream=stream, **settings)
        yield stream
    finally:
        structlog.configure(**config)
        root.handlers, root.level, logging.raiseExceptions = kept
