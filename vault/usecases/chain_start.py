"""Begin a process's audit chain, and end those that dead processes left, in one transaction."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from vault.domain.audit import AuditFacts, AuditRow, ChainHead, link
from vault.domain.card import pack
from vault.domain.intents import Caller, Entry, Note
from vault.usecases.decide.tokens import opaque_token
from vault.usecases.ledger.delta import Delta
from vault.usecases.ledger.state import Want
from vault.usecases.ports import AuditStore, Conflict, Store, StoreUnavailable

PRINCIPAL: Final = "cardvault"
START: Final = "vault.start"
STOP: Final = "vault.stop"
MAX_ATTEMPTS: Final = 5


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

    The store says whose processes are dead: all others where one process holds it, those whose
    leases ran out where several share it. A process that only seems dead loses its next flush,
    because its chain has ended. Raises StoreError.
    """
    for _attempt in range(MAX_ATTEMPTS):
        ended = tuple(sorted(await audit.abandoned_chains()))
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
        note=pack([[head.chain, head.sequence, head.hash.hex()] for head in ended]),
    )


def ended_by(record: bytes) -> tuple[ChainHead, ...]:
    """Read from a chain's first record which chains it ended; nothing from any other record."""
    try:
        fields = json.loads(record)
        if fields["action"] != START or "note" not in fields:
            return ()
        named = json.loads(fields["note"])
        return tuple([ChainHead(str(c), int(s), bytes.fromhex(h)) for c, s, h in named])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
