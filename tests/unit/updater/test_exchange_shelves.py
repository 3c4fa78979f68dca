"""A file that is done with can be read again, until it is purged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from updater.adapters.exchange_directory import ExchangeDirectory
from updater.adapters.exchange_on_duty import ExchangeOnDuty
from updater.domain.errors import StandsBy
from updater.usecases.ports_exchange import Shelf


class OffDuty:
    """`Duty` of a process whose work another one has."""

    async def taken(self) -> None:
        """Return, as if there was anything to do."""

    async def lost(self) -> None:
        """Return: it is lost."""

    async def confirm(self) -> None:
        """Refuse."""
        raise StandsBy("another updater process has taken over")


@pytest.mark.parametrize("shelf", list(Shelf))
async def test_what_was_shelved_is_read_again(tmp_path: Path, shelf: Shelf) -> None:
    exchange = ExchangeDirectory(tmp_path)
    assert await exchange.reopen("a", limit=99) is None
    (tmp_path / "inbox" / "a").write_bytes(b"sealed")
    assert await exchange.reopen("a", limit=99) is None  # not done with yet
    await exchange.shelve("a", shelf)
    assert await exchange.read("a", limit=99) is None
    assert await exchange.reopen("a", limit=99) == b"sealed"
    assert await exchange.reopen("a", limit=3) == b"sea"
    assert await ExchangeOnDuty(exchange, OffDuty()).reopen("a", limit=99) == b"sealed"
    await exchange.purge(timedelta(seconds=-5))
    assert await exchange.reopen("a", limit=99) is None


async def test_what_was_put_in_a_files_place_is_read(tmp_path: Path) -> None:
    exchange = ExchangeDirectory(tmp_path)
    (tmp_path / "inbox" / "a").write_bytes(b"plain")
    await exchange.shelve("a", Shelf.QUARANTINE, instead=b"sealed")
    assert await exchange.reopen("a", limit=99) == b"sealed"


async def test_no_path_and_no_link_leads_out_of_the_shelves(tmp_path: Path) -> None:
    exchange = ExchangeDirectory(tmp_path / "exchange")
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises(ValueError, match="not a path"):
        await exchange.reopen("../../secret", limit=9)
    (tmp_path / "exchange" / "done" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        await exchange.reopen("link", limit=9)
