"""What can go wrong in a store, whichever it is; each service's ports say when it does."""

from __future__ import annotations


class StoreError(Exception):
    """A store's own trouble; the text names the kind, never a statement or a value."""


class Conflict(StoreError):
    """A precondition no longer holds: the flush starts again from its read."""


class StoreFull(StoreError):
    """No room; nothing was written and the store is as it was."""


class StoreUnavailable(StoreError):
    """Nothing was written; another try may work."""


class StoreBroken(StoreError):
    """An I/O error: the process stops serving and exits, and nothing is tried again."""


class CommitInDoubt(StoreError):
    """The commit was sent and its answer never came."""


class DataFault(StoreError):
    """Some row is not storable; whoever wrote several finds it, and lets the others through."""


class DataDamaged(StoreError):
    """What was read can't be what was stored; whoever reads several rows finds which it is."""


class UnsuitableDatabase(StoreError):
    """This database is not at a schema that this release can serve or migrate."""
