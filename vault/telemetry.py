"""Which numbers the vault shows: named in one place, read from its parts at scrape time."""

from __future__ import annotations

from typing import Protocol

from chassis.events.readings import of_relay
from chassis.events.relay import EventRelay
from vault.adapters.kms.remote import RemoteKms
from vault.adapters.redis.breaker import Breaker
from vault.metrics import Reading, counts_of
from vault.rpc.credentials import StreamCounts
from vault.usecases.chain_reaping import Reaper
from vault.usecases.checkpointer import Checkpointer
from vault.usecases.coalesced import ReadCounts
from vault.usecases.keyring import CachedKeyring
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.masked_views import ViewCounts
from vault.usecases.ports import Kms
from vault.usecases.refusals import RefusalAudit
from vault.usecases.sweeper import Sweeper


class Parts(Protocol):
    """What is counted."""

    @property
    def ledger(self) -> GroupCommitLedger: ...  # noqa: D102
    @property
    def kms(self) -> Kms: ...  # noqa: D102
    @property
    def keyring(self) -> CachedKeyring: ...  # noqa: D102
    @property
    def checkpointer(self) -> Checkpointer: ...  # noqa: D102
    @property
    def refusals(self) -> RefusalAudit: ...  # noqa: D102
    @property
    def sweeper(self) -> Sweeper: ...  # noqa: D102
    @property
    def reaper(self) -> Reaper | None: ...  # noqa: D102
    @property
    def relay(self) -> EventRelay | None: ...  # noqa: D102
    @property
    def redis(self) -> Breaker | None: ...  # noqa: D102


def readings(parts: Parts) -> list[Reading]:
    """Return every reading of a running vault."""
    found = [
        *counts_of(
            "ledger",
            parts.ledger.counts,
            {
                "flushes": "Flushes begun",
                "entries": "Entries flushed",
                "conflicts": "Flushes started again because a precondition no longer held",
                "in_doubt": "Commits whose answer never came; page on any",
                "isolated": "Batches split to find an entry that cannot be stored",
                "refused_full": "Entries refused because the line was full",
                "store_full": "Flushes refused because the disk was full",
            },
        ),
        *counts_of(
            "keyring",
            parts.keyring.counts,
            {
                "hits": "Look-ups of warm keys",
                "loads": "Times a tenant's keys were unwrapped",
                "refreshes": "Keys refreshed ahead of their age",
                "failures": "Unwraps that failed",
                "drops": "Times all keys were dropped",
            },
        ),
        Reading(
            "keyring_tenants",
            "Tenants with warm keys",
            lambda: parts.keyring.tenants,
            counter=False,
        ),
        Reading(
            "keyring_oldest_age_seconds",
            "Age of the oldest warm keys",
            lambda: parts.keyring.oldest_age_s,
            counter=False,
        ),
        *counts_of(
            "checkpoints",
            parts.checkpointer.counts,
            {
                "signed": "Audit checkpoints signed",
                "failures": "Checkpoints not stored",
                "conflicts": "Checkpoints signed again: another process was faster",
                "broken_links": "Audit records found not to fit their chain; page on any",
            },
        ),
        *counts_of(
            "refusals",
            parts.refusals.counts,
            {
                "recorded": "Refusals recorded one by one",
                "counted": "Refusals recorded as a count",
                "lost": "Refusals the ledger did not take; page on any",
            },
        ),
        *counts_of(
            "sweeper",
            parts.sweeper.counts,
            {
                "erased": "Cards erased",
                "purged_versions": "Superseded versions purged",
                "purged_requests": "Request ids purged",
                "purged_answers": "Answers of updaters forgotten",
                "purged_parked": "Parked answers whose time was over",
                "looked_at_parked": "Numbers whose parked answers were decided again",
                "purged_imprints": "Changes by answers of updaters that can't be undone any more",
                "damaged": "Cards met, at each turn again, that are due and damaged; page on any",
                "failures": "Turns cut short",
            },
        ),
    ]
    if isinstance(parts.kms, RemoteKms):
        found += counts_of(
            "kms",
            parts.kms.counts,
            {
                "calls": "Calls to the key service, retries included",
                "retries": "Calls made again",
                "failures": "Calls that failed with all their attempts",
                "timeouts": "Calls that took too long with all their attempts",
                "no_budget": "Retries not made because too many were made before",
            },
        )
    if parts.reaper is not None:
        found += counts_of(
            "reaper",
            parts.reaper.counts,
            {
                "ended": "Audit chains of dead processes ended",
                "lost": "Times that another process was faster",
                "failures": "Turns cut short",
            },
        )
    if parts.redis is not None:
        found += _of_redis("redis", parts.redis)
    if parts.relay is not None:
        found += [Reading(*each) for each in of_relay(parts.relay)]
    return found


def stream_readings(counts: StreamCounts) -> list[Reading]:
    """Return the readings of what the updater chooses from."""
    texts = {"damaged": "Damaged cards left out of what the updater is told; page on any"}
    return counts_of("stream", counts, texts)


def together_readings(counts: ReadCounts) -> list[Reading]:
    """Return the readings of masked reads that are put together."""
    texts = {"calls": "Masked reads", "batches": "Reads of the store or cache they were put into"}
    return counts_of("masked_reads", counts, texts)


def cache_readings(counts: ViewCounts, breaker: Breaker) -> list[Reading]:
    """Return the readings of the cache of masked cards."""
    texts = {
        "hits": "Masked cards shown from the cache",
        "misses": "Masked cards read from the store, the cache having been asked",
        "outdated": "Entries of an older state or key: misses",
        "refused": "Entries that named the right state and key and did not open; page on any",
        "bypassed": "Masked cards read without the cache, because it is away",
        "filled": "Masked cards put into the cache",
        "dropped": "Masked cards that were not put into the cache",
    }
    return [*counts_of("card_cache", counts, texts), *_of_redis("card_cache_redis", breaker)]


def _of_redis(prefix: str, breaker: Breaker) -> list[Reading]:
    return [
        *counts_of(
            prefix,
            breaker.counts,
            {
                "calls": "Uses of Redis",
                "failures": "Uses of Redis without an answer in time",
                "opened": "Times the breaker opened",
                "refused": "Uses refused while the breaker was open",
            },
        ),
        Reading(
            f"{prefix}_breaker_open",
            "1 while Redis is taken to be away",
            lambda: float(breaker.open),
            counter=False,
        ),
    ]
