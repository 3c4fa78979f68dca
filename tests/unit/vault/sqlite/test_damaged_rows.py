"""A row that a disk has changed is its own card's matter: not its neighbours', nor the caller's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.vault_ledger import add, records, rename, reveal, running, tokenize
from vault.adapters.sqlite.database import Database, open_database
from vault.adapters.sqlite.open import engine_over
from vault.domain.card import Card, CardKey
from vault.domain.outcome import Applied, Refused
from vault.domain.reasons import Reason
from vault.usecases.one_by_one import read_each
from vault.usecases.ports import DataDamaged

CORRUPT = Refused(Reason.DATA_CORRUPT)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "vault.db") as opened:
        yield opened


async def spoil(database: Database, card: Card, column: str, value: str) -> None:
    """Store what no caller can: bytes that are no text, a name that none has."""
    statement = f"UPDATE cards SET {column} = {value} WHERE token = ?"  # noqa: S608 - a literal

    await database.write(lambda db: db.execute(statement, (card.token,)))


HITS = pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "'ACTIVF'"),
        ("brand", "'VISB'"),
        ("holds", '\'[["LEGAL_IOLD",""]]\''),
        ("metadata", '\'{"a":"b"\''),
        ("status", "CAST(x'41ff' AS TEXT)"),
        ("stored_credentials", "CAST(x'5bc3' AS TEXT)"),
        ("fingerprint", "CAST(x'ff' AS TEXT)"),
    ],
    ids=["status", "brand", "hold", "json", "no text", "no json text", "no fingerprint"],
)


@HITS
async def test_it_is_refused_alone_and_no_reveal_of_it_is_recorded(
    database: Database, column: str, value: str
) -> None:
    engine = engine_over(database)
    async with running(engine) as ledger:
        cards = await tokenize(ledger, *[add(number) for number in range(5)])
        hit = cards[2]
        await spoil(database, hit, column, value)
        outcomes = await ledger.apply([reveal(card.token) for card in cards])
        assert outcomes[2] == CORRUPT
        assert [isinstance(each, Applied) for each in outcomes].count(True) == 4
        assert await ledger.apply([rename(hit.token, "Other")]) == [CORRUPT]
        told = [row for row in await records(engine) if row["token"] == hit.token]
        assert [row["result"] for row in told if row["action"] == "card.reveal"] in (
            [],
            ["refused"],
        )


@pytest.mark.parametrize("count", [1, 2, 7])
async def test_a_read_of_many_finds_which_it_is(database: Database, count: int) -> None:
    engine = engine_over(database)
    async with running(engine) as ledger:
        cards = await tokenize(ledger, *[add(number) for number in range(count)])
        hit = cards[count // 2]
        await spoil(database, hit, "brand", "CAST(x'ff' AS TEXT)")
        with pytest.raises(DataDamaged):
            await ledger.read([hit.key])
        keys = [*[card.key for card in cards], CardKey("demo", "tok_none")]
        found, unread = await read_each(ledger.read, keys)
        assert unread == {hit.key}
        assert set(found) == {card.key for card in cards} - unread
