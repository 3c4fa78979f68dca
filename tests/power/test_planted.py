"""What the power tests are for, planted: each is found, and named."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw
import pytest

from tests.power.cuts import Cutter, Tally, planned
from tests.power.disk import Cut, Disk
from tests.power.failing import fail
from tests.power.filling import fill
from tests.power.judge import Judge, Promised, Verdict
from tests.power.layer import lay
from tests.power.recording import NORMAL, OFF, Recording, record
from tests.power.tables import TABLES, Place
from vault.adapters.sqlite.faults import translated
from vault.adapters.sqlite.store import SqliteStore
from vault.usecases.ledger.delta import Delta
from vault.usecases.ports import Conflict, StoreError, StoreUnavailable

SEED = "20261"
OTHER_CONDITION = (
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
    " replace(sql, 'customer <> ', 'customer = ') WHERE name = 'cards_by_customer'"
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(SEED, 30, tmp_path_factory.mktemp("power"))


def cut(recording: Recording, directory: Path) -> Tally:
    return Cutter(recording, directory).run(planned(recording, 50))


def test_without_syncs_a_lost_acknowledged_write_is_named(tmp_path: Path) -> None:
    tally = cut(record(SEED, 8, tmp_path, synchronous=OFF), tmp_path)
    named = [each for each in tally.violations if "acknowledged and lost: op-0 " in each]
    assert named
    for part in (f"seed {SEED}", "request r-0", "cards demo/tok_", "audit chn_0001/2"):
        assert part in named[0]


def test_synchronous_normal_loses_acknowledged_writes_too(tmp_path: Path) -> None:
    tally = cut(record(SEED, 8, tmp_path, synchronous=NORMAL), tmp_path)
    assert any("acknowledged and lost: op-0 " in each for each in tally.violations)


def judged(
    recording: Recording,
    directory: Path,
    *,
    spoil: str = "",
    behind: int | None = None,
    acknowledged: int | None = None,
) -> Verdict:
    """Judge what was written, all of it unless `behind` says so, and spoilt by a statement."""
    disk = Disk()
    for event in recording.log[:behind]:
        disk.take(event)
    path = lay(directory, "image.db", disk.image(Cut.KEPT, Random(SEED)))
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute(spoil)
    reference = recording.reference
    promised = Promised(
        reference.now if acknowledged is None else acknowledged,
        reference.now,
        len(reference.told) if acknowledged is None else 0,
    )
    return asyncio.run(Judge(reference).judge(path, promised))


def last_storing(recording: Recording) -> int:
    """Return the last transaction that wrote to all tables of a change."""
    whole = {"cards", "outbox", "requests", "audit"}
    return max(
        number
        for number, changes in enumerate(recording.reference.transactions, 1)
        if whole <= {place.table for place, row in changes.items() if row is not None}
    )


def place_behind(recording: Recording, transaction: int) -> int:
    """Return the place in the log at which a transaction had been told."""
    told = recording.reference.told
    return next(
        at
        for at, each in enumerate(recording.log, 1)
        if each.what == "told" and told[each.at - 1].transaction >= transaction
    )


def test_what_is_whole_is_found_whole(recording: Recording, tmp_path: Path) -> None:
    assert judged(recording, tmp_path) == Verdict(recording.reference.now)


@pytest.mark.parametrize("table", ["cards", "outbox", "requests", "audit"])
def test_an_entry_that_is_half_done_is_named(
    recording: Recording, tmp_path: Path, table: str
) -> None:
    number = last_storing(recording)
    behind = place_behind(recording, number)
    changes = recording.reference.transactions[number - 1]
    key = next(place.key for place in changes if place.table == table)
    columns = next(each.columns for each in TABLES if each.name == table).split(", ")
    where = [f"{name} = {each!r}" for name, each in zip(columns, key, strict=False)]
    spoil = f"DELETE FROM {table} WHERE {' AND '.join(where)}"  # noqa: S608 - names of ours
    unspoilt = judged(recording, tmp_path, behind=behind, acknowledged=number - 1)
    assert unspoilt == Verdict(number)
    (wrong,) = judged(
        recording, tmp_path, spoil=spoil, behind=behind, acknowledged=number - 1
    ).wrong
    assert wrong.startswith("half done: ")


def test_an_image_of_an_earlier_moment_is_named_by_what_it_lost(
    recording: Recording, tmp_path: Path
) -> None:
    number = last_storing(recording)
    wrong = judged(recording, tmp_path, behind=place_behind(recording, number - 1)).wrong
    assert 1 <= len(wrong) <= 3
    assert all(each.startswith("acknowledged and lost: ") for each in wrong)


def test_an_index_that_is_not_its_table_is_found(recording: Recording, tmp_path: Path) -> None:
    wrong = judged(recording, tmp_path, spoil=OTHER_CONDITION).wrong
    assert any("integrity check" in each for each in wrong)


def test_a_broken_chain_is_found_by_the_verifier(tmp_path: Path) -> None:
    """Break it in the reference, too: the rows alone would show nothing."""
    recording = record(SEED, 8, tmp_path)
    edited = b'{"v":1}'
    for changes in recording.reference.transactions:
        for place, row in changes.items():
            if place == Place("audit", ("chn_0001", 2)) and row is not None:
                changes[place] = (*row[:3], edited, row[4])
    spoil = f"UPDATE audit SET record = x'{edited.hex()}' WHERE sequence = 2"  # noqa: S608
    wrong = judged(recording, tmp_path, spoil=spoil).wrong
    assert any(each.startswith("the audit: EDITED: chain chn_0001 record 2") for each in wrong)


def test_what_was_told_and_never_written_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promise that nobody kept: another would only be missed if it were looked for."""
    written = SqliteStore.write

    async def not_quite(store: SqliteStore, delta: Delta) -> None:
        delta.requests.clear()  # in the reference as well: its rows would show nothing
        await written(store, delta)

    monkeypatch.setattr(SqliteStore, "write", not_quite)
    (first, *_more) = record(SEED, 8, tmp_path).reference.broken
    assert first.startswith("op-0 AddCard, request r-0 was told, and nothing has its row")


def told_as(error: type[StoreError], of: type[Exception]) -> Callable[[Exception], Exception]:
    """Return a mutant of how a driver's errors are told."""
    return lambda each: error("mutant") if isinstance(each, of) else translated(each)


async def test_a_store_that_goes_on_behind_an_io_error_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = told_as(StoreUnavailable, apsw.IOError)
    monkeypatch.setattr("vault.adapters.sqlite.database.translated", mutant)
    found = await fail(SEED, 2, tmp_path)
    assert any("a broken store still answers" in each for each in found.violations)


async def test_a_full_disk_that_is_told_as_something_else_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant = told_as(Conflict, apsw.FullError)
    monkeypatch.setattr("vault.adapters.sqlite.database.translated", mutant)
    found = await fill(SEED, 2, tmp_path)
    assert any("not refused, or not whole" in each for each in found.violations)
