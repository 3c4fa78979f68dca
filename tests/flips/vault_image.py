"""The vault whose bits are flipped: its files, what its cards hold, and what each commit left.

Written by the real ledger, chain and checkpointer, in several lives. Two images are kept: the
files of a vault that was closed, and those of one that was not, with a log beside the database.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan
from cards.testcards import test_pan
from tests.doubles.clocks import FakeClock
from tests.doubles.rpc_canary import Canaries
from tests.flips.opened import TENANTS, Opened, Opener
from tests.flips.sqlite_cells import CellMap
from vault.adapters.audit_verify.opening import open_trail
from vault.adapters.local_kms import LocalKms
from vault.crypto.checkpoints import PublicKeys
from vault.domain.card import Status, StoredCredential, Times
from vault.domain.contents import Contents
from vault.domain.intents import (
    AddCard,
    ApplyByNumber,
    ApplyUpdate,
    DeleteCard,
    EditCard,
    Intent,
    RequestMark,
    SetStatus,
)
from vault.domain.outcome import Applied
from vault.domain.queries import Checkpoint
from vault.domain.results import CardResult, NumberUpdateResult, TokenizeResult, UpdateResult
from vault.rpc.bodies import mark_of_add

SHOP: Final = "till-1"
_COVERED: Final = StoredCredential(SHOP, "RECURRING", "MERCHANT", 1, "ref", 0, (("VISA", "n-1"),))
DAY_US: Final = 86_400_000_000


class Held(NamedTuple):
    """What a version of a card holds. Its text shows nothing of it."""

    number: str
    expiry: int
    name: str

    def __repr__(self) -> str:
        return "<Held>"


class Key(NamedTuple):
    """A card."""

    tenant: str
    token: str


class Added(NamedTuple):
    """How a card was tokenized: `counter` makes the request's id."""

    counter: int
    intent: AddCard


State = Mapping[Key, int]
"""Each card's current version, after some commit."""


@dataclass
class Truth:
    """What the cards hold, version by version, and the states that the vault went through."""

    held: dict[Key, dict[int, Held]] = field(default_factory=dict)
    shut: set[Key] = field(default_factory=set)  # deleted: refused for good
    added: dict[Key, Added] = field(default_factory=dict)
    now: dict[Key, int] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)

    def holds(self, key: Key, version: int, contents: Contents) -> None:
        """Note what a version holds, and that it is the current one."""
        expiry = contents.expiry.as_int if contents.expiry else 0
        said = Held(contents.pan.reveal(), expiry, contents.cardholder_name)
        self.held.setdefault(key, {})[version] = said
        self.now[key] = version

    def committed(self) -> None:
        """Note the state after a commit."""
        self.states.append(dict(self.now))


class Waiting(NamedTuple):
    """An answer that waits for a card with its number, and how to bring it one."""

    card: Key
    version: int
    asked: Pan
    then: Pan


@dataclass(frozen=True)
class Image:
    """A vault's files and all that is known of them."""

    path: Path
    cells: CellMap
    truth: Truth
    before: int  # states up to this one lie below the log
    newest: Checkpoint
    waiting: Waiting


@dataclass(frozen=True)
class Images:
    """The two images, with what opens and verifies them."""

    closed: Image
    running: Image
    kms: LocalKms
    public: PublicKeys
    canaries: Canaries
    now_us: int


def pan(counter: int) -> Pan:
    """Return the test number of a counter; counters one bit apart differ in one bit."""
    return Pan(test_pan(Brand.VISA, counter))


def request_id(counter: int) -> str:
    """Return the id that the request with this number was sent under."""
    return str(UUID(int=counter))


class _Life:
    """One run of the vault: does things, one commit each, and notes what came of them."""

    def __init__(self, opened: Opened, truth: Truth, clock: FakeClock) -> None:
        self._opened: Final = opened
        self._truth: Final = truth
        self._clock: Final = clock

    async def add(
        self, tenant: str, counter: int, customer: str = "", expiry: int = 203_105
    ) -> Key:
        """Tokenize a number."""
        contents = Contents(pan(counter), Expiry.from_int(expiry), f"Jane Doe {counter % 7}")
        intent = AddCard(contents, customer=customer, stored_credentials=(_COVERED,))
        value = await self._do(tenant, intent, mark_of_add(request_id(counter), intent))
        assert isinstance(value, TokenizeResult)
        key = Key(tenant, value.card.token)
        self._truth.holds(key, 1, contents)
        self._truth.added[key] = Added(counter, intent)
        self._truth.committed()
        return key

    async def renumber(self, key: Key, counter: int) -> None:
        """Give a card another number and expiry, as its holder would."""
        mask = frozenset({"card.number", "card.expiry"})
        expiry = 203_206 + counter % 4
        value = await self._do(
            key.tenant, EditCard(key.token, 0, mask, pan=pan(counter), expiry=expiry)
        )
        assert isinstance(value, CardResult)
        name = self._truth.held[key][1].name
        now = Contents(pan(counter), Expiry.from_int(expiry), name)
        self._truth.holds(key, value.card.credential_version, now)
        self._truth.committed()

    async def told(self, key: Key, counter: int) -> None:
        """Have a network say that a card has another number."""
        version = self._truth.now[key]
        value = await self._do(key.tenant, answer(key.token, version, pan(counter), f"u-{counter}"))
        assert isinstance(value, UpdateResult), type(value).__name__
        assert value.card is not None, value.disposition
        name = self._truth.held[key][1].name
        now = Contents(pan(counter), Expiry.from_int(203_307), name)
        self._truth.holds(key, value.card.credential_version, now)
        self._truth.committed()

    async def park(self, tenant: str, asked: Pan, then: Pan) -> None:
        """Have a network speak of a number that no card has."""
        said = answer("", 0, then, "u-parked", by_number=True)
        value = await self._do(tenant, ApplyByNumber(asked, said))
        assert isinstance(value, NumberUpdateResult)
        assert value.disposition == "PARKED", value.disposition
        self._truth.committed()

    async def close_card(self, key: Key) -> None:
        """Close a card; its number is still shown."""
        await self._do(key.tenant, SetStatus(key.token, 0, Status.CLOSED))
        self._truth.committed()

    async def delete(self, key: Key) -> None:
        """Delete a card."""
        await self._do(key.tenant, DeleteCard(key.token, 0, 30 * DAY_US))
        self._truth.shut.add(key)
        self._truth.committed()

    async def sign(self) -> Checkpoint:
        """Sign the audit as it stands."""
        signed = await self._opened.core.checkpointer.checkpoint()
        assert signed is not None
        self._truth.committed()
        return signed

    async def _do(self, tenant: str, intent: Intent, mark: RequestMark | None = None) -> object:
        self._clock.advance(1.0)
        outcome = await self._opened.apply(tenant, intent, mark)
        assert isinstance(outcome, Applied), type(outcome).__name__
        return outcome.value


def answer(
    token: str, version: int, number: Pan, update_id: str, *, by_number: bool = False
) -> ApplyUpdate:
    """Return a network's word that a card has another number and expiry."""
    return ApplyUpdate(
        update_id=update_id,
        token=token,
        asked_version=version,
        merchant_account=SHOP,
        outcome=UpdateOutcome.PAN_UPDATED,
        new_pan=number,
        new_expiry=203_307,
        times=Times(0, 0, 1),
        channel="cyb",
        file="f-1",
        record="1",
        raw_code="NAN",
        by_number=by_number,
    )


async def make_images(directory: Path, seed: str) -> Images:
    """Write the vault and keep its images below `directory`. The same seed, the same vault."""
    dice = random.Random(f"{seed}/vault")
    clock, truth = FakeClock(), Truth()
    kms = LocalKms(dice.randbytes(8), dice.randbytes(32), dice.randbytes)
    opener = Opener(kms, clock, dice.randbytes)
    work = directory / "work"
    work.mkdir(parents=True)
    path = work / "vault.db"
    waiting = await _first_lives(opener, path, truth)
    closed = _kept(work, directory / "closed", truth, waiting, len(truth.states) - 1)
    before = len(truth.states) - 1
    async with opener.opened(path) as opened:
        public = PublicKeys(opened.core.checkpointer._key.public)
        await _swept(opened)
        newest = await _last_life(_Life(opened, truth, clock), truth)
        running = _kept(work, directory / "running", truth, waiting, before, newest)
    numbers = {held.number for versions in truth.held.values() for held in versions.values()}
    numbers |= {waiting.asked.reveal(), waiting.then.reveal()}
    return Images(closed, running, kms, public, Canaries(tuple(sorted(numbers))), clock.now_us())


async def _first_lives(opener: Opener, path: Path, truth: Truth) -> Waiting:
    clock = opener.clock
    keys: list[Key] = []
    async with opener.opened(path) as opened:
        life = _Life(opened, truth, clock)
        for tenant in TENANTS:
            for at, customer in enumerate(("cus-a", "cus-c", "")):
                # One number at two tenants, and one customer's numbers one bit apart.
                keys.append(await life.add(tenant, 4_000 + 2 * at, customer, 203_105 + at))
        await life.sign()
    clock.advance(60.0)
    first, second, spare, other, shut, gone = keys[:6]
    async with opener.opened(path) as opened:
        life = _Life(opened, truth, clock)
        for at, key in enumerate((first, first, first, other, other, second)):
            await life.renumber(key, 5_000 + at)
        await life.told(second, 5_100)
        await life.close_card(shut)
        await life.delete(gone)
        await life.park(TENANTS[0], pan(6_000), pan(6_001))
        await life.sign()
    clock.advance(60.0)
    return Waiting(spare, truth.now[spare], pan(6_000), pan(6_001))


async def _swept(opened: Opened) -> None:
    """Wait for the sweeper's first turn, which looks at the parked answer: it writes of its own.

    Else it would at some moment of the log, or behind the checkpoint, whose loss nothing tells.
    """
    async with asyncio.timeout(30):
        while not opened.core.sweeper.counts.looked_at_parked:  # noqa: ASYNC110 - in the vault
            await asyncio.sleep(0.001)


async def _last_life(life: _Life, truth: Truth) -> Checkpoint:
    """Do what is in the log alone; the last of it is a checkpoint."""
    keys = sorted(truth.held)
    live = [key for key in keys if key not in truth.shut]
    await life.add(TENANTS[2], 7_000, "cus-z")
    await life.renumber(live[0], 7_001)
    await life.told(live[3], 7_002)
    await life.add(TENANTS[1], 7_003)
    await life.renumber(live[-1], 7_004)
    return await life.sign()


def _kept(
    work: Path,
    target: Path,
    truth: Truth,
    waiting: Waiting,
    before: int,
    newest: Checkpoint | None = None,
) -> Image:
    """Copy the files as they are now."""
    target.mkdir()
    for source in work.glob("vault.db*"):
        if not source.name.endswith(("-shm", ".lock")):
            shutil.copy(source, target / source.name)
    path = target / "vault.db"
    cells = CellMap(path)
    path.with_name("vault.db-shm").unlink(missing_ok=True)
    known = Truth(
        {key: dict(versions) for key, versions in truth.held.items()},
        set(truth.shut),
        dict(truth.added),
        dict(truth.now),
        list(truth.states),
    )
    return Image(path, cells, known, before, newest or _newest(path), waiting)


def _newest(path: Path) -> Checkpoint:
    with open_trail(path) as trail:
        return next(iter(trail.checkpoints(newest_first=True)))
