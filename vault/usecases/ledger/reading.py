"""Reading for a flush: once, or again and again until nothing that was found names more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from vault.crypto.keys import TenantKeys
from vault.domain.intents import Entry
from vault.usecases.decide.follow import wants_after
from vault.usecases.ledger.state import State, Want
from vault.usecases.ports import Conflict, DataFault, Store

MOST_ROUNDS: Final = 6
MOST_WIDTH: Final = 4_000
"""Decisions on cards that the answers by number of one flush may come to; a single entry's own
bounds are `links.HOLDERS` and `by_number.MOST_AT_ONCE`."""


class TooWide(Exception):
    """The entries are about more cards together than one flush takes: halve them."""


@contextmanager
def poison_isolated() -> Iterator[None]:
    """Turn any failure of a pure step into a DataFault: one caller's entry must not end it all."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - nothing is written yet; isolated by halves
        raise DataFault(type(error).__name__) from None


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
        with poison_isolated():
            wider = wants_after(entries, keys, want, state)
        if wider.width > MOST_WIDTH and len(entries) > 1:
            raise TooWide
        if wider == want:
            return state
        want = wider
    raise Conflict("numbers change hands faster than they are read")
