"""Reading for a flush: once, or again and again until nothing that was found names more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from vault.crypto.keys import TenantKeys
from vault.domain.intents import Entry
from vault.domain.reasons import Reason, VaultError
from vault.domain.soundness import damaged, mistyped
from vault.usecases.decide.follow import wants_after
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import Conflict, DataDamaged, DataFault, Store

MOST_ROUNDS: Final = 6
MOST_WIDTH: Final = 4_000
"""Decisions on cards that the answers by number of one flush may come to; a single entry's own
bounds are `links.HOLDERS` and `by_number.MOST_AT_ONCE`."""


class TooWide(Exception):
    """The entries are about more cards together than one flush takes: halve them."""


@contextmanager
def poison_isolated(state: State | None = None) -> Iterator[None]:
    """Turn any failure of a pure step into a DataFault: one caller's entry must not end it all.

    Into DataDamaged where it is the fault of a row that was read, and not the entry's.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - nothing is written yet; isolated by halves
        kind = type(error).__name__
        told = isinstance(error, VaultError) and error.reason is Reason.DATA_CORRUPT
        if told or (state is not None and _has_damaged(state)):
            raise DataDamaged(kind) from None
        raise DataFault(kind) from None


def _has_damaged(state: State) -> bool:
    """Tell whether anything that was read can't be what was stored."""
    rows = [
        *state.cards.values(),
        *state.requests.values(),
        *state.parked.values(),
        *(version for versions in state.versions.values() for version in versions),
        *(imprint for imprints in state.imprints.values() for imprint in imprints),
    ]
    return any(map(damaged, state.cards.values())) or any(map(mistyped, rows))


async def read_all(
    store: Store,
    chain: str,
    want: Want,
    entries: Sequence[Entry],
    keys: Mapping[str, TenantKeys],
) -> State:
    """Return all that the entries need, as one snapshot shows it.

    Raises TooWide, and Conflict where others change what is looked up faster than it is followed.
    """
    for _round in range(MOST_ROUNDS):
        state = await store.read(chain, want)
        if not want.follow:
            return state
        with poison_isolated(state):
            wider = wants_after(entries, keys, want, state)
        if wider.width > MOST_WIDTH and len(entries) > 1:
            raise TooWide
        if wider == want:
            return state
        want = wider
    raise Conflict("numbers change hands faster than they are read")
