"""The engines that the ledger's contract suite runs on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from vault.adapters.engine import Engine
from vault.adapters.memory.ports import open_memory
from vault.adapters.sqlite.open import open_sqlite

ENGINES: dict[str, Callable[[Path], AbstractAsyncContextManager[Engine]]] = {
    "memory": lambda _directory: open_memory(),
    "sqlite": lambda directory: open_sqlite(directory / "vault.db"),
}
