"""No file of an updater holds a number in clear, at any moment of a cycle, nor after a death in it.

By design there is ciphertext in the exchange directory, `outbox`, `inbox`, `staging`, `done` and
`quarantine`, for its owner alone as far as we write it, for as long as the settings say. A plain
file that somebody delivers is there as it came, until we look at it.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_crashes import run
from tests.doubles.updater_faults import Faults
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_world import World, channel_of, make_world
from tests.leaks.places import Places
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.openpgp import OpenPgp
from updater.domain.mapping import CYBERSOURCE

CARDS: Final = 3
SHELVES: Final = ("staging", "outbox", "inbox", "done", "quarantine")


class _Watching(Faults):
    """Searches at every few port calls, and at the one that dies."""

    def __init__(self, look: Callable[[], None], every: int = 4) -> None:
        super().__init__()
        self._look = look
        self._every = every

    def begin(self, method: str = "") -> bool:
        """Look, where it is time to, then do as always."""
        if self.calls == self.at or (self._every and self.calls % self._every == 0):
            self._look()
        return super().begin(method)


@dataclass
class _Case:
    """A world of three cards, the numbers that they have and get, and where one was seen."""

    places: Places
    world: World
    numbers: list[str]
    found: set[str]

    def look(self) -> None:
        """Search everywhere, nameless files included."""
        self.found |= self.places.with_numbers(self.numbers)

    def files(self, shelf: str) -> list[Path]:
        """Return the files of one directory of the exchange."""
        return sorted((self.world.root / "exchange" / shelf).iterdir())


def _case(root: Path, every: int = 4) -> _Case:
    places = Places(root)
    updater = root / "updater"
    updater.mkdir()
    world = make_world(updater, new_number, channel_of(CYBERSOURCE))
    for number in range(CARDS):
        world.vault.add(f"tok_{number}")
    asked = _numbers(world)
    got = [number_for_test(Brand.VISA, int(each[-6:-1]) + 50_000) for each in asked]
    case = _Case(places, world, [*asked, *got], set())
    case.world = replace(world, faults=_Watching(case.look, every))
    return case


def _numbers(world: World) -> list[str]:
    return [pan.reveal() for card in world.vault.cards.values() for pan, _ in card.versions]


async def _once(case: _Case) -> None:
    """Go through a cycle, and look at what it leaves."""
    with case.places.used():
        await run(case.world)
        case.look()


async def test_no_file_holds_a_number_while_a_cycle_runs(tmp_path: Path) -> None:
    case = _case(tmp_path)
    await _once(case)
    assert case.found == set()
    assert case.world.faults.calls >= 40
    brought = set(_numbers(case.world)) == set(case.numbers)
    assert brought
    assert case.places.searched > 3 * case.world.faults.calls
    assert len(case.files("done")) == 1
    assert list(case.places.temporary.iterdir()) == []


@pytest.mark.parametrize("at", range(2, 50, 6))
async def test_nor_when_it_dies_half_way(tmp_path: Path, at: int) -> None:
    case = _case(tmp_path, every=0)
    case.world.faults.arm(at, after=bool(at % 4))
    await _once(case)
    assert case.found == set()
    assert [len(case.files(each)) for each in SHELVES] == [0, 0, 0, 1, 0]


async def test_what_arrives_in_clear_is_so_until_it_is_looked_at_alone(tmp_path: Path) -> None:
    """It is the sender's file; what we keep of it, as evidence, is sealed to ourselves."""
    case = _case(tmp_path)
    with case.places.used():
        async with case.world.running() as updater:
            await updater.ask()
            assert case.found == set()
            (asked,) = case.world.acquirer.collect()
            plain = case.world.acquirer.plain(asked, case.world.acquirer.respond(asked))
            name = case.world.acquirer.deliver("plain.csv", plain).name
            for _look in range(3):
                await updater.listen()
        assert case.found == {f"updater/exchange/inbox/{name}"}
        case.found.clear()
        case.look()
    assert case.found == set()
    (kept,) = case.files("quarantine")
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_what_is_sent_is_its_owner_s_alone_and_is_deleted_in_time(tmp_path: Path) -> None:
    case = _case(tmp_path)
    exchange = ExchangeDirectory(case.world.root / "exchange")
    async with case.world.running() as updater:
        await updater.ask()
    modes = {each: (case.world.root / "exchange" / each).stat().st_mode & 0o777 for each in SHELVES}
    assert set(modes.values()) == {0o700}
    (sent,) = case.files("outbox")
    assert sent.stat().st_mode & 0o777 == 0o600
    assert await exchange.purge(timedelta(days=1)) == 0
    assert await exchange.purge(-timedelta(seconds=1)) == 1
    assert case.files("outbox") == []


_DYING: Final = """\
import asyncio, os, signal, sys
from pathlib import Path
from updater.adapters.exchange_directory import ExchangeDirectory
os.fsync = lambda _file: os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(ExchangeDirectory(Path(sys.argv[1])).stage("asked.pgp", b"sealed" * 100))
"""


async def test_what_a_killed_process_was_writing_is_deleted_in_time_too(tmp_path: Path) -> None:
    places, root = Places(tmp_path), tmp_path / "exchange"
    exchange = ExchangeDirectory(root)
    await exchange.stage("waits.pgp", b"sealed")
    command = (sys.executable, "-c", _DYING, str(root))
    child = await asyncio.create_subprocess_exec(*command, env=places.environment)
    assert await child.wait() == -signal.SIGKILL
    (half,) = root.glob("staging/.*")
    assert half.stat().st_mode & 0o777 == 0o600
    assert await exchange.purge(timedelta(days=1)) == 0
    await exchange.purge(-timedelta(seconds=1))
    assert [each.name for each in (root / "staging").iterdir()] == ["waits.pgp"]


async def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = _case(tmp_path)

    def full(_file: int) -> None:
        case.look()
        raise OSError(errno.ENOSPC, "No space left on device")

    with case.places.used():
        async with case.world.running() as updater:
            with monkeypatch.context() as patch:
                patch.setattr("chassis.files.os.fsync", full)
                with pytest.raises(OSError, match="No space"):
                    await updater.ask()
            assert case.found == set()
            assert [len(case.files(each)) for each in SHELVES] == [0] * 5


async def test_a_cipher_that_keeps_the_plain_text_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a program would that is called with files instead of memory."""
    case = _case(tmp_path, every=0)
    seal = OpenPgp.seal

    async def by_file(cipher: OpenPgp, plain: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(plain)
        return await seal(cipher, plain)

    monkeypatch.setattr(OpenPgp, "seal", by_file)
    await _once(case)
    assert {each.partition("/")[0] for each in case.found} == {"temporary"}
