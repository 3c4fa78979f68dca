"""A file that is done with can be read again, until it is purged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.contract.updater_rows import a_file
from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.exchange_on_duty import ExchangeOnDuty
from updater.domain.errors import StandsBy
from updater.domain.feed import FeedFile
from updater.usecases.ports_exchange import Shelf


class OffDuty:
    """`Duty` of a process whose work another one has."""

    async def taken(self) -> None:
        """Return, as if there was anything to do."""

    async def lost(self) -> None:
        """Return: it is lost."""

    async def wanted(self) -> None:
        """Return, as if another one wanted it."""

    async def hand_over(self) -> bool:
        """Say that it is left already."""
        return True

    async def confirm(self) -> None:
        """Refuse."""
        raise StandsBy("another updater process has taken over")


def a_feed(name: str = "a", feed_id: str = "feed_1") -> FeedFile:
    return a_file(feed_id, name=name)


@pytest.mark.parametrize("shelf", list(Shelf))
async def test_what_was_shelved_is_read_again(tmp_path: Path, shelf: Shelf) -> None:
    exchange, file = ExchangeDirectory(tmp_path), a_feed()
    assert await exchange.reopen(file, limit=99) is None
    (tmp_path / "inbox" / "a").write_bytes(b"sealed")
    assert await exchange.reopen(file, limit=99) is None  # not done with yet
    await exchange.shelve("a", shelf, file)
    assert await exchange.read("a", limit=99) is None
    assert await exchange.reopen(file, limit=99) == b"sealed"
    assert await exchange.reopen(file, limit=3) == b"sea"
    assert await ExchangeOnDuty(exchange, OffDuty()).reopen(file, limit=99) == b"sealed"
    await exchange.purge(timedelta(seconds=-5))
    assert await exchange.reopen(file, limit=99) is None


async def test_what_was_put_in_a_files_place_is_read(tmp_path: Path) -> None:
    exchange, file = ExchangeDirectory(tmp_path), a_feed()
    (tmp_path / "inbox" / "a").write_bytes(b"plain")
    await exchange.shelve("a", Shelf.QUARANTINE, file, instead=b"sealed")
    assert await exchange.reopen(file, limit=99) == b"sealed"


@pytest.mark.parametrize("shelf", list(Shelf))
@pytest.mark.parametrize("instead", [None, b"in its place"], ids=["moved", "replaced"])
async def test_files_of_one_name_lie_beside_each_other(
    tmp_path: Path, shelf: Shelf, instead: bytes | None
) -> None:
    exchange = ExchangeDirectory(tmp_path)
    files = [a_feed(feed_id=f"feed_{each}") for each in ("one", "two")]
    for file in files:
        for _ in range(2):  # as after a crash, and when the same file comes again
            (tmp_path / "inbox" / "a").write_bytes(file.feed_id.encode())
            await exchange.shelve("a", shelf, file, instead=instead)
            await exchange.shelve("a", shelf, file, instead=instead)
    assert [each.name for each in await exchange.arrivals()] == []
    found = [await exchange.reopen(file, limit=99) for file in files]
    assert found == [instead or file.feed_id.encode() for file in files]
    names = sorted(path.name for path in (tmp_path / shelf.value).iterdir())
    assert names == ["a~feed_one", "a~feed_two"]


@pytest.mark.parametrize("letter", ["a", "\u00e9"], ids=["one byte", "two bytes"])
async def test_the_longest_names_have_a_place_each(tmp_path: Path, letter: str) -> None:
    exchange = ExchangeDirectory(tmp_path)
    name = letter * (255 // len(letter.encode()))
    for feed_id in ("feed_one", "feed_two"):
        (tmp_path / "inbox" / name).write_bytes(feed_id.encode())
        await exchange.shelve(name, Shelf.DONE, a_feed(name, feed_id))
    found = [
        await exchange.reopen(a_feed(name, each), limit=99) for each in ("feed_one", "feed_two")
    ]
    assert found == [b"feed_one", b"feed_two"]


@pytest.mark.parametrize("shelf", list(Shelf))
async def test_what_a_release_before_has_shelved_is_found(tmp_path: Path, shelf: Shelf) -> None:
    exchange = ExchangeDirectory(tmp_path)
    (tmp_path / shelf.value / "a").write_bytes(b"before")
    assert await exchange.reopen(a_feed(), limit=99) == b"before"
    (tmp_path / "inbox" / "a").write_bytes(b"now")
    await exchange.shelve("a", Shelf.QUARANTINE, a_feed())
    assert await exchange.reopen(a_feed(), limit=99) == b"now"
    assert await exchange.reopen(a_feed(feed_id="feed_2"), limit=99) == b"before"


async def test_no_path_and_no_link_leads_out_of_the_shelves(tmp_path: Path) -> None:
    exchange = ExchangeDirectory(tmp_path / "exchange")
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises(ValueError, match="not a path"):
        await exchange.reopen(a_feed("../../secret"), limit=9)
    (tmp_path / "exchange" / "done" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        await exchange.reopen(a_feed("link"), limit=9)
