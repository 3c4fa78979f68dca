"""Hand entries to the ledger for as long as the caller waits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from vault.domain.intents import Caller, Entry, Intent, RequestMark
from vault.domain.outcome import Outcome
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import Ledger


async def submit(
    ledger: Ledger, entries: Sequence[Entry], timeout_s: float | None
) -> Sequence[Outcome]:
    """Apply entries within the caller's time. Raises VaultError(DEADLINE_EXCEEDED).

    Giving up only stops the waiting: an entry that is in a flush by then is committed all the same
    (a retry with the same request id learns of it), one that still waits is dropped.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await ledger.apply(entries)
    except TimeoutError:
        raise VaultError(Reason.DEADLINE_EXCEEDED) from None


async def submit_one(
    ledger: Ledger,
    caller: Caller,
    intent: Intent,
    timeout_s: float | None,
    mark: RequestMark | None = None,
) -> Outcome:
    """Apply one intent."""
    outcomes = await submit(ledger, [Entry(caller, intent, mark)], timeout_s)
    return outcomes[0]
