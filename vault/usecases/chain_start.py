"""Begin a process's audit chain, and end those that dead processes left, in one transaction."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vault.domain.audit import START, AuditFacts, AuditRow, ChainHead, claims_of, link
from vault.domain.intents import Caller, Entry, Note
from vault.usecases.decide.tokens import opaque_token
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import Want
from vault.usecases.ports import AuditStore, Conflict, Store, StoreUnavailable

PRINCIPAL: Final = "cardvault"
STOP: Final = "vault.stop"
MAX_ATTEMPTS: Final = 5
LONG_US: Final = 120_000_000
"""For how long a chain must be abandoned for a start to end it, unless it was given back. Twice the
longest failover that databases are said to take (RDS: a minute): all leases are over after one, and
a start knows nothing of what was before it. What it spares, reapers end some 30 s later."""


class Started(NamedTuple):
    """A chain that has begun: its first record, and the chains it ended."""

    row: AuditRow
    ended: tuple[ChainHead, ...]


def new_chain_id(now_us: int, random: Callable[[int], bytes] = os.urandom) -> str:
    """Return `chn_` and 26 characters: 48 bits of milliseconds, 80 random bits (as a ULID)."""
    return "chn_" + opaque_token(now_us, random).removeprefix("tok_")


async def start_chain(
    store: Store, audit: AuditStore, chain: str, now_us: Callable[[], int]
) -> Started:
    """Write the first record of `chain`: it names the chains it ends, with their heads.

    The store says whose processes are dead: all others where one process holds it, those that
    gave their leases back, or let them run out `LONG_US` ago, where several share it. A process
    that only seems dead loses its next flush, because its chain has ended. Raises StoreError.
    """
    for _attempt in range(MAX_ATTEMPTS):
        ended = tuple(sorted(await audit.abandoned_chains(LONG_US)))
        state = await store.read(chain, Want())
        row, head = link(state.head, now_us(), _start_facts(ended))
        delta = Delta(
            base_head=state.head,
            control=state.control,
            head=head,
            audit=[row],
            ended_chains=list(ended),
        )
        try:
            await store.write(delta)
        except Conflict:
            continue
        return Started(row, ended)
    raise StoreUnavailable("the open chains kept moving")


def stop_entry() -> Entry:
    """Return the entry that records an orderly stop; the last one that a ledger is given."""
    return Entry(Caller("", PRINCIPAL), Note(STOP, "ok"))


def _start_facts(ended: Sequence[ChainHead]) -> AuditFacts:
    return AuditFacts(
        tenant="",
        principal=PRINCIPAL,
        origin="",
        action=START,
        result="ok",
        note=claims_of(ended),
    )
