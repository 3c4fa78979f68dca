"""Bugs for the simulation to find: a few words each, changed in the code that ships.

Each says what would be wrong, and which promise must be named by the run that finds it. Texts are
short, so that they outlive changes beside them; one that does not is told by `planting.NotPlanted`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.seeds.promises import Promise


class Mutant(NamedTuple):
    """One bug. `promises` are those that a run may name; the first is the one it is for."""

    name: str
    module: str
    old: str
    new: str
    promises: tuple[Promise, ...]
    faults: tuple[str, ...] = ()  # those in which it shows; any, if none are named


_LEDGER: Final = "vault.usecases.ledger.ledger"
_DELTA: Final = "vault.usecases.ledger.delta"
_LINE: Final = "vault.usecases.ledger.queue"
_DECIDER: Final = "vault.usecases.decide.decider"
_KEYRING: Final = "vault.usecases.keyring"
_PARTITION: Final = "chassis.events.partition"
_SWEEPER: Final = "vault.usecases.sweeper"
_CHECKPOINTER: Final = "vault.usecases.checkpointer"
_REAPING: Final = "vault.usecases.chain_reaping"

MUTANTS: Final = (
    Mutant(
        "replies leave before their commit",
        _LEDGER,
        "await self._store.write(delta)",
        "asyncio.ensure_future(self._store.write(delta))",
        (Promise.KEPT, Promise.RECORDED),
    ),
    Mutant(
        "a commit in doubt is told to be not done",
        _LEDGER,
        "outcomes = [InDoubt()] * len(batch)",
        "outcomes = [NotApplied(Reason.STORE_UNAVAILABLE)] * len(batch)",
        (Promise.UNDONE,),
        ("store_doubtful",),
    ),
    Mutant(
        "a commit in doubt is tried again, and reveals are recorded twice",
        _LEDGER,
        "except Conflict:\n                self.counts.conflicts",
        "except (Conflict, CommitInDoubt):\n                self.counts.conflicts",
        (Promise.ONCE, Promise.UNDONE),
        ("store_doubtful",),
    ),
    Mutant(
        "what one call sent that cannot be stored fails its neighbours",
        _LEDGER,
        "if len(batch) == 1:\n",
        "if batch:\n            [x.answer(Refused(Reason.INVALID_FIELD)) for x in batch[1:]]\n",
        (Promise.KEPT,),
    ),
    Mutant(
        "calls that wait for keys are forgotten when the keys come",
        _LEDGER,
        "self._line.put_back(self._warming.pop(tenant))",
        "self._warming.pop(tenant)",
        (Promise.SETTLES, Promise.SWEPT),
        ("sealed",),
    ),
    Mutant(
        "the checkpointer is not told of commits",
        _LEDGER,
        "self._committed(delta.audit)",
        "self._committed(delta.audit[:0])",
        (Promise.SETTLES,),
    ),
    Mutant(
        "request ids are not remembered",
        _DECIDER,
        "delta.requests.append(record)",
        "delta.requests[:0] = ()",
        (Promise.ONCE, Promise.KEPT),
        ("store_doubtful",),
    ),
    Mutant(
        "a known request id answers any request",
        _DECIDER,
        "if key is None or not key.verify(entry.mark.body, record.mac):",
        "if key is None:",
        (Promise.STABLE,),
    ),
    Mutant(
        "what changes no card is not recorded",
        _DECIDER,
        "revision)\n        _audit(ctx, delta, facts)",
        "revision)\n        if after is not None:\n            _audit(ctx, delta, facts)",
        (Promise.RECORDED, Promise.KEPT, Promise.CHAINS, Promise.SETTLES),
    ),
    Mutant(
        "only new cards have events",
        _DECIDER,
        "if row is not None:\n            delta.outbox",
        "if row is not None and before is None:\n            delta.outbox",
        (Promise.REVISIONS,),
    ),
    Mutant(
        "a card that comes back is not found again",
        "vault.usecases.decide.pointers",
        "if gained is not None:",
        "if gained is not None and before is None:",
        (Promise.FOUND, Promise.RIGHT),
    ),
    Mutant(
        "a flush does not say by which cards it chose",
        _DELTA,
        "self.relied[card.key] = card.revision",
        "self.relied.pop(card.key, None)",
        (Promise.FOUND, Promise.SWEPT),
        ("store_slow",),
    ),
    Mutant(
        "a deleted card keeps its revision",
        "vault.usecases.decide.removal",
        "revision=card.revision + 1,\n        update_time=ctx.now,\n"
        "        status=Status.DELETED.value,\n        status_before=card.status,",
        "revision=card.revision,\n        update_time=ctx.now,\n"
        "        status=Status.DELETED.value,\n        status_before=card.status,",
        (Promise.RIGHT, Promise.REVISIONS),
    ),
    Mutant(
        "a network's answer is taken twice",
        "vault.usecases.decide.update",
        "if seen is not None:",
        "if seen is not None and not seen:",
        (Promise.SETTLES, Promise.RIGHT),
        ("store_contended",),
    ),
    Mutant(
        "using keys makes them young again",
        _KEYRING,
        "held.used = True",
        "held.used, held.expires = True, self._clock.monotonic() + self._limits.max_age_s",
        (Promise.KEYS,),
        ("kms_down",),
    ),
    Mutant(
        "keys that were being unwrapped when all were dropped are kept",
        _KEYRING,
        "if generation != self._generation:",
        "if generation > self._generation:",
        (Promise.KEYS,),
        ("sealed",),
    ),
    Mutant(
        "a refresh does not see that its keys are being unwrapped already",
        _KEYRING,
        "if tenant in self._flights:\n            return",
        "if tenant in self._failed:\n            return",
        (Promise.CALM, Promise.LIVES),
        ("kms_slow", "kms_slow", "sealed"),
    ),
    Mutant(
        "a failing KMS is asked without a pause",
        _KEYRING,
        "self._clock.monotonic() < failed.until:\n            self.counts",
        "self._clock.monotonic() < 0.0:\n            self.counts",
        (Promise.CALM,),
        ("kms_down", "kms_throttled"),
    ),
    Mutant(
        "events are deleted before they are published",
        _PARTITION,
        "delivered = await self._publish(publisher, free)",
        "await self._outbox.delivered(self._lease, free)\n"
        "        delivered = await self._publish(publisher, free)",
        (Promise.EVENTS,),
        ("bus_down", "bus_forgetful"),
    ),
    Mutant(
        "events behind poison count as delivered",
        _PARTITION,
        "return rows[:place]",
        "return rows",
        (Promise.EVENTS,),
        ("poison",),
    ),
    Mutant(
        "around poison, a card's events go out backwards",
        _PARTITION,
        "return row.tenant, row.subject, row.revision",
        "return row.tenant, row.subject, -row.revision",
        (Promise.EVENTS,),
        ("poison", "bus_down"),
    ),
    Mutant(
        "request ids are forgotten after an hour",
        _SWEEPER,
        "before = self._now_us() - self._limits.request_age_us",
        "before = self._now_us() - self._limits.request_age_us // 25",
        (Promise.SWEPT,),
        ("days_pass",),
    ),
    Mutant(
        "superseded versions are never purged",
        _SWEEPER,
        "await self._repeat(self._purge_versions)",
        "await self._repeat(self._purge_requests)",
        (Promise.SWEPT,),
        ("half_a_year",),
    ),
    Mutant(
        "of superseded versions only those under a hold are purged",
        _SWEEPER,
        "if key in cards and not _held(cards[key])",
        "if key in cards and _held(cards[key])",
        (Promise.SWEPT,),
        ("half_a_year",),
    ),
    Mutant(
        "checkpoints do not name the one before",
        _CHECKPOINTER,
        "CheckpointBody(number + 1, self._now_us(), marks, previous)",
        "CheckpointBody(number + 1, self._now_us(), marks, GENESIS)",
        (Promise.SIGNED,),
    ),
    Mutant(
        "records of a commit in doubt are left out of the tree",
        _CHECKPOINTER,
        "if row.sequence == own.merkle.size + 1:",
        "if row.sequence > own.merkle.size:",
        (Promise.SIGNED, Promise.SETTLES),
        ("store_doubtful",),
    ),
    Mutant(
        "a chain's end is recorded, and the chain left open",
        _DECIDER,
        "ended_chains=intent.heads, note=note)",
        "ended_chains=(), note=note)",
        (Promise.CHAINS,),
        ("kill",),
    ),
    Mutant(
        "a reaper ends the chains of the living when the store was away",
        _REAPING,
        "if now - since >= PATIENCE_S)",
        "if now - since >= 0.0)",
        (Promise.LIVES,),
        ("store_down",),
    ),
    Mutant(
        "a reaper does not have the ends signed",
        _REAPING,
        "await self._checkpointer.prepare(heads)",
        "self._checkpointer.forget(heads)",
        (Promise.SETTLES, Promise.SIGNED),
        ("kill",),
    ),
    Mutant(
        "a start does not record which chains it ends",
        "vault.usecases.chain_start",
        "note=claims_of(ended),",
        "note=claims_of(()),",
        (Promise.CHAINS,),
        ("stop",),
    ),
)
