"""The engines that the contract suite of the updater's stores runs on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from updater.adapters.engine import Engine
from updater.adapters.sqlite.open import open_sqlite

ENGINES: dict[str, Callable[[Path], AbstractAsyncContextManager[Engine]]] = {
    "sqlite": lambda directory: open_sqlite(directory / "updater.db"),
}
