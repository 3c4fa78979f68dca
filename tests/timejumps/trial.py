"""One vault's ledger, sweeper, keys, codes and checkpoints while its wall clock is set, and back.

Everything is the real thing over the store in memory; the clock and the KMS are doubles. Jumps come
between calls and in the middle of a flush or a sweep; judged is by the time that really passed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from chassis.clock import Clock, UnhurriedClock
from tests.doubles.decide_bench import edit, entry_of, look, new_card
from tests.doubles.decide_crashes import check_chains
from tests.doubles.vault_ledger import TENANT, encode_event
from tests.timejumps.book import Book, Sent
from tests.timejumps.clock import JumpingClock
from vault.adapters.local_kms import LocalKms
from vault.adapters.memory.ports import engine_over
from vault.adapters.memory.tables import Tables
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.domain.card import Card, CardKey
from vault.domain.intents import DeleteCard, Entry, UndeleteCard
from vault.domain.outcome import Applied, NotApplied, Outcome, Refused, Replayed
from vault.domain.reasons import Reason, VaultError
from vault.usecases.chain_start import new_chain_id, start_chain
from vault.usecases.checkpointer import Checkpointer, checkpoint_keys
from vault.usecases.decide.context import Rules
from vault.usecases.decide.decider import Decider
from vault.usecases.key_making import KeyMaker
from vault.usecases.keyring import CachedKeyring, KeyLimits
from vault.usecases.ledger.ledger import GroupCommitLedger
from vault.usecases.sweeper import Sweeper, SweepLimits

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
JUMPS: Final[Mapping[str, float]] = {
    "an hour forward": HOUR,
    "an hour back": -HOUR,
    "a day forward": DAY,
    "a day back": -DAY,
    "a year forward": 365 * DAY,
    "a year back": -365 * DAY,
    "a leap second": -1.0,
}
STEPS: Final = 60
CODE_S: Final = 900.0
_KEPT_IDS: Final = 24 * HOUR
_LIMITS: Final = SweepLimits(batch=50, pause_s=0.0)
_KEYS: Final = KeyLimits(refresh_at=2.0)  # nothing is refreshed: at its maximum age it must go
_RETRY_S: Final = 6.0  # by then whoever was told that a KMS is away asks it again
_AHEAD_AT_MOST: Final = 20 * HOUR  # a step that stands for a day is believed


class WallClock(Protocol):
    """Says what time it is; and what the host says, of which it takes note."""

    def now_us(self) -> int: ...

    def host_us(self) -> int: ...


def _itself(clock: JumpingClock) -> Clock:
    return clock


class Revocable:
    """`Kms` that can be taken away, and remembers when it was last of use."""

    kek = "kek-test"

    def __init__(self, clock: JumpingClock) -> None:
        self._inner: Final = LocalKms(b"kek-test", b"k" * 32)
        self._clock: Final = clock
        self.away = False
        self.last_us = 0
        self.back_us = 0

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        return await self._inner.wrap(secret, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        if self.away:
            raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
        self.last_us = self._clock.true_us
        return await self._inner.unwrap(wrapped, context)


class Trial:
    """One seed's world.

    `sweeping` makes the clock that the sweeper goes by, `pacing` that of keys and codes;
    `stamping` chooses, of the sweeper's and the host's, the one that the ledger asks.
    """

    def __init__(
        self,
        seed: str,
        sweeping: Callable[[JumpingClock, int | None], WallClock] = UnhurriedClock,
        pacing: Callable[[JumpingClock], Clock] = _itself,
        stamping: Callable[[WallClock, JumpingClock], WallClock] = lambda wall, _clock: wall,
    ) -> None:
        self.chance = random.Random(seed)
        self.clock = JumpingClock()
        self.tables = Tables()
        self.engine = engine_over(self.tables)
        self.kms = Revocable(self.clock)
        self.codes = MemorySecurityCodes(pacing(self.clock))
        self.book = Book()
        self.met: Counter[str] = Counter()
        self.found: list[str] = []
        self._sweeping, self._pacing, self._stamping = sweeping, pacing, stamping
        self._ahead_since_us = 0
        self._over = False  # the wall is right, and stays so
        self._codes: dict[str, int] = {}  # when each was put
        self._requests = 0

    async def run(self, steps: int = STEPS) -> None:
        """Live through jumps; then with the right time until all is due, and see it go."""
        await self._start()
        for _step in range(steps):
            await self._correct_in_time()
            names = ("_store", "_update", "_delete", "_undelete", "_again", "_reveal", "_code")
            weights = (3, 3, 2, 1, 2, 2, 1)
            name = self.chance.choices((*names, "_pass", "_sweep", "_restart"), (*weights, 4, 3, 1))
            await getattr(self, name[0])()
            if self.chance.random() < 0.3:
                self._jump()
            self._judge(self.book.early(self.tables, self.clock.true_us))
        self.clock.correct()
        self._over = True
        await self._undelete_all()
        for seconds in (1.0, 2 * DAY, 2_000 * DAY, 1.0):
            self.clock.advance(seconds)
            await self.sweeper.sweep()
            self._judge(self.book.early(self.tables, self.clock.true_us))
        self._judge(self.book.late(self.tables, self.clock.true_us))
        await self._stop()
        self._check_audit()

    async def _start(self) -> None:
        now_us = self.clock.now_us
        maker = KeyMaker(self.engine.keys, self.kms, now_us)
        self.keyring = CachedKeyring(maker, self._pacing(self.clock), _KEYS)
        chain = new_chain_id(now_us(), self.chance.randbytes)
        self.book.ids[chain] += 1
        away, self.kms.away = self.kms.away, False
        self.checkpointer = Checkpointer(self.engine.audit, await checkpoint_keys(maker), now_us)
        self.kms.away = away
        started = await start_chain(self.engine.store, self.engine.audit, chain, now_us)
        self._wall = self._sweeping(self.clock, await self.checkpointer.resume(started))
        self.ledger = GroupCommitLedger(
            store=self.engine.store,
            reader=self.engine.reader,
            keyring=self.keyring,
            decider=Decider(encode_event, Rules()),
            chain=chain,
            now_us=self._stamping(self._wall, self.clock).host_us,
            random=self.chance.randbytes,
            committed=self.checkpointer.committed,
        )
        self.sweeper = Sweeper(self.ledger, self.engine.housekeeping, self._wall.now_us, _LIMITS)
        self._life = asyncio.ensure_future(self.ledger.run())

    async def _stop(self) -> None:
        self.ledger.close()
        await self._life
        await self.checkpointer.checkpoint()

    async def _restart(self) -> None:
        """Start again; with a wall that is ahead only if nothing is on record by it: the limit."""
        if self.clock.offset_us <= 0:
            self.met["restarts"] += 1
            await self._stop()
            last = await self.engine.audit.last_checkpoint()
            if last and last.time <= self.clock.true_us and self.chance.random() < 0.5:
                self._jump(ahead=True)
                self.met["restarts with a wall that is ahead"] += 1
            await self._start()
            # By its stamp what came while the wall was behind is older than it is, and a new
            # process has only the wall to tell by: the limit, again.
            self.book.sent = [each for each in self.book.sent if not each.behind]

    def _jump(self, *, ahead: bool = False) -> None:
        if self.clock.offset_us and not ahead and self.chance.random() < 0.7:
            self.clock.correct()
            self.met["corrections"] += 1
            return
        names = [name for name, seconds in JUMPS.items() if seconds > 0 or not ahead]
        name = self.chance.choice(names)
        before = self.clock.offset_us
        self.clock.jump(JUMPS[name])
        self.met[name] += 1
        if self.clock.offset_us > 0 >= before:
            self._ahead_since_us = self.clock.true_us

    async def _correct_in_time(self) -> None:
        ahead_s = (self.clock.true_us - self._ahead_since_us) / 1e6
        if self.clock.offset_us > 0 and ahead_s > _AHEAD_AT_MOST / 2:
            self.clock.correct()

    async def _pass(self) -> None:
        most = _AHEAD_AT_MOST / 4 if self.clock.offset_us > 0 else 40 * DAY
        self._wall.now_us()  # a sweeper looks twice a minute: at least when time begins to pass
        self.clock.advance(self.chance.uniform(1.0, most) * self.chance.random())
        self._wall.now_us()

    async def _sweep(self) -> None:
        await self._in_the_middle(self.sweeper.sweep())
        self.met["sweeps"] += 1
        await self.checkpointer.checkpoint()

    async def _in_the_middle(self, work: Any) -> Any:
        """Await work, with a jump somewhere in it now and then."""
        task = asyncio.ensure_future(work)
        if not self._over and self.chance.random() < 0.3:
            for _turn in range(self.chance.randrange(1, 8)):
                await asyncio.sleep(0)
            if not task.done():
                self.met["in the middle of work"] += 1
                self._jump()
        return await task

    async def _applied(self, entry: Entry) -> Outcome:
        self.clock.advance(0.001)
        outcomes: Sequence[Outcome] = await self._in_the_middle(self.ledger.apply([entry]))
        outcome = outcomes[0]
        rested = self.clock.true_us - self.kms.back_us > _RETRY_S * 1e6
        if isinstance(outcome, NotApplied) and not self.kms.away and rested:
            self.found.append(f"nothing was done: {outcome.reason}")
        elif isinstance(outcome, Applied) and self.kms.away:
            age_s = (self.clock.true_us - self.kms.last_us) / 1e6
            self.met["calls by keys of a KMS that was away"] += 1
            if age_s > _KEYS.max_age_s:
                self.found.append(f"a key served at an age of {age_s:.0f} s, its most is an hour")
        return outcome

    def _request_id(self) -> str:
        self._requests += 1
        return f"r-{self._requests}"

    async def _changed(self, intent: Any) -> Card | None:
        """Apply a change and note what it makes due; None: it was not done."""
        request_id, behind = self._request_id(), self.clock.behind
        outcome = await self._applied(entry_of(intent, request_id, body=request_id.encode()))
        if not isinstance(outcome, Applied):
            return None
        card: Card = outcome.value.card
        behind = behind or self.clock.behind  # it may have jumped in between
        self.book.sent.append(Sent(request_id, card.token, self.clock.true_us, behind))
        return card

    async def _store(self) -> None:
        ttl = self.chance.choice((0, 0, 0, int(2 * HOUR), int(2 * DAY), int(400 * DAY)))
        card = await self._changed(new_card(self.chance.randrange(1, 400), ttl_us=ttl * 1_000_000))
        if card is not None:
            self.book.stored(card)

    async def _update(self) -> None:
        if token := self._any():
            card = await self._changed(edit(token, number=self.chance.randrange(1, 400)))
            old = (TENANT, token, card.credential_version - 1) if card else None
            if card is not None and old in self.tables.versions:
                due = self.tables.versions[old].purge_time
                self.book.versions[token, card.credential_version - 1] = due

    async def _delete(self) -> None:
        grace = self.chance.choice((HOUR, DAY, 7 * DAY, 7 * DAY, 400 * DAY))
        if token := self._any():
            card = await self._changed(DeleteCard(token, 0, int(grace * 1e6)))
            if card is not None:
                self.book.deletions[token] = card.purge_time

    async def _undelete(self) -> None:
        if self.book.deletions:
            token = self.chance.choice(list(self.book.deletions))
            if await self._changed(UndeleteCard(token, 0)):
                del self.book.deletions[token]

    async def _undelete_all(self) -> None:
        """Bring back what time allows, now that it is right: it must be possible."""
        self.kms.away = False
        self.clock.advance(10.0)  # by then a failed KMS is asked again
        for token, due in list(self.book.deletions.items()):
            if self.book.due(token) > self.clock.true_us + 1_000_000 and self.chance.random() < 0.5:
                card = await self._changed(UndeleteCard(token, 0))
                self.met["brought back at the end"] += 1
                if card is None:
                    self.found.append(f"{token} does not come back, {due} is its time")
                self.book.deletions.pop(token)

    async def _again(self) -> None:
        """Send a request id again: within a day it must never take effect twice."""
        fresh = [
            sent
            for sent in self.book.sent[-20:]
            if self.clock.true_us - sent.true_us < (_KEPT_IDS - 60) * 1e6
        ]
        if not fresh:
            return
        sent = self.chance.choice(fresh)
        entry = entry_of(new_card(1), sent.request_id, body=sent.request_id.encode())
        outcome = await self._applied(entry)
        self.met["request ids sent again"] += 1
        if sent.behind and not self.clock.behind:
            self.met["request ids of a time behind sent again"] += 1
        if isinstance(outcome, NotApplied):
            return
        if not isinstance(outcome, Replayed) or outcome.value.card.token != sent.token:
            self.found.append(f"{sent.request_id} took effect again within a day")

    async def _reveal(self) -> None:
        if self.chance.random() < 0.3:
            self.kms.away = not self.kms.away
            self.kms.back_us = self.clock.true_us
        if token := self._any():
            outcome = await self._applied(entry_of(look(token)))
            right = isinstance(outcome, Applied | NotApplied | Refused)
            if not right:
                self.found.append("a reveal was replayed")

    async def _code(self) -> None:
        """Take codes: there for a quarter of an hour whatever the wall says, and no longer."""
        for token, put_us in list(self._codes.items()):
            age_s = (self.clock.true_us - put_us) / 1e6
            there = await self.codes.take(CardKey(TENANT, token), "once") is not None
            self.met["codes taken" if there else "codes gone"] += 1
            if there != (age_s < CODE_S):
                self.found.append(f"a security code was {there=} at an age of {age_s:.0f} s")
            del self._codes[token]
        if token := self._any():
            await self.codes.put(CardKey(TENANT, token), b"sealed", CODE_S)
            self._codes[token] = self.clock.true_us
            self.clock.advance(self.chance.choice((60.0, 600.0, 899.0, 901.0, 5_000.0)))

    def _any(self) -> str:
        return self.chance.choice(list(self.book.expiries)) if self.book.expiries else ""

    def _judge(self, found: Any) -> None:
        for each in found:
            if each not in self.found:
                self.found.append(each)

    def _check_audit(self) -> None:
        try:
            check_chains(self.tables)
        except AssertionError:
            self.found.append("the audit's chains do not hold together")
        numbers = sorted(self.tables.checkpoints)
        if numbers != list(range(1, len(numbers) + 1)):
            self.found.append("the checkpoints' numbers have a gap")
        self.met["checkpoints"] += len(numbers)
