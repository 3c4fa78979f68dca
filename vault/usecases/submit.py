"""Hand entries to the ledger for as long as the caller waits."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.deadlines import Deadlines
from vault.domain.intents import Entry
from vault.domain.outcome import Outcome
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import Ledger


async def submit(
    ledger: Ledger, entries: Sequence[Entry], timeout_s: float | None, deadlines: Deadlines
) -> Sequence[Outcome]:
    """Apply entries within the caller's time. Raises VaultError(DEADLINE_EXCEEDED).

    Giving up only stops the waiting: an entry that is in a flush by then is committed all the same
    (a retry with the same request id learns of it), one that still waits is dropped.
    """
    try:
        with deadlines.within(timeout_s):
            return await ledger.apply(entries)
    except TimeoutError:
        raise VaultError(Reason.DEADLINE_EXCEEDED) from None
