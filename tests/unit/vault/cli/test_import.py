"""`cardvault import` against a served vault: in, again, with bad rows, refused."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path

import pytest
from cardvault.vault.v1.reveal_service_pb2 import BatchDetokenizeRequest
from click.testing import CliRunner, Result

from tests.doubles.vault_site import VaultSite, new_pan, vault_site
from vault.cli.importing import import_cards

HEADER = "number,expiry_month,expiry_year,customer"


async def _import(site: VaultSite, source: Path, *more: str) -> Result:
    arguments = ["--csv", str(source), "--server", site.address, "--dir", str(site.directory)]
    # A thread of its own, with a loop of its own: the command calls asyncio.run.
    return await asyncio.to_thread(CliRunner().invoke, import_cards, [*arguments, *more])


def _write(path: Path, numbers: list[str]) -> Path:
    rows = [f"{number},12,2029,customer-{place}" for place, number in enumerate(numbers)]
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def _mapping(path: Path) -> dict[int, tuple[str, str]]:
    with path.open(newline="") as file:
        return {int(row["row"]): (row["token"], row["created"]) for row in csv.DictReader(file)}


async def test_brings_cards_in_and_replays(tmp_path: Path) -> None:
    numbers = [new_pan() for _ in range(25)]
    source = _write(tmp_path / "cards.csv", numbers)
    async with vault_site(tmp_path / "site") as site:
        first = await _import(site, source, "--batch", "10")
        assert first.exit_code == 0, first.output
        assert "imported 25 cards, 0 known before, 0 failed" in first.output
        mapping = _mapping(tmp_path / "cards.tokens.csv")
        assert list(mapping) == list(range(1, 26))
        psp = await site.client("psp")
        tokens = [token for token, _ in mapping.values()]
        shown = await psp.reveal.BatchDetokenize(
            BatchDetokenizeRequest(tokens=tokens, purpose="payment")
        )
        right = [result.response.card.number for result in shown.results] == numbers
        assert right
        again = await _import(site, source, "--batch", "7")
        assert again.exit_code == 0
        assert _mapping(tmp_path / "cards.tokens.csv") == mapping
        leaked = any(number in first.output + again.output for number in numbers)
        assert not leaked


async def test_another_import_of_known_cards_makes_no_second_token(tmp_path: Path) -> None:
    numbers = [new_pan() for _ in range(3)]
    source = _write(tmp_path / "cards.csv", numbers)
    async with vault_site(tmp_path / "site") as site:
        await _import(site, source)
        other = await _import(site, source, "--mapping", str(tmp_path / "other.csv"))
        assert "imported 0 cards, 3 known before, 0 failed" in other.output
        assert {created for _, created in _mapping(tmp_path / "other.csv").values()} == {"no"}


async def test_bad_rows_are_named_and_the_others_stored(tmp_path: Path) -> None:
    good = new_pan()
    wrong_digit = good[:-1] + str((int(good[-1]) + 1) % 10)
    source = tmp_path / "cards.csv"
    source.write_text(f"{HEADER}\n{wrong_digit},1,2029,a\n{good},1,2029,b\n{good},x,2029,c\n")
    async with vault_site(tmp_path / "site") as site:
        result = await _import(site, source)
        assert result.exit_code == 1
        assert "row 1: CARD_NUMBER_INVALID (card.number)" in result.output
        assert "row 3: expiry_month is not a month" in result.output
        assert "imported 1 cards, 0 known before, 2 failed" in result.output
        assert list(_mapping(tmp_path / "cards.tokens.csv")) == [2]
        leaked = good in result.output or wrong_digit in result.output
        assert not leaked


async def test_a_changed_file_is_noticed_by_its_request_ids(tmp_path: Path) -> None:
    source = _write(tmp_path / "cards.csv", [new_pan()])
    async with vault_site(tmp_path / "site") as site:
        await _import(site, source)
        _write(source, [new_pan()])
        result = await _import(site, source)
        assert (result.exit_code, "row 1: REQUEST_ID_REUSED" in result.output) == (1, True)


async def test_a_caller_without_permission_is_refused_whole(tmp_path: Path) -> None:
    source = _write(tmp_path / "cards.csv", [new_pan()])
    async with vault_site(tmp_path / "site") as site:
        result = await _import(site, source, "--identity", "psp")
        assert (result.exit_code, "refused: PERMISSION_DENIED" in result.output) == (1, True)
        assert not (tmp_path / "cards.tokens.csv").exists()
        result = await _import(site, source, "--identity", "stranger")
        assert (result.exit_code, "a TLS file can't be read" in result.output) == (2, True)


@pytest.mark.parametrize("content", ["", "what,is,this\n"])
async def test_a_file_that_is_no_import_is_refused(tmp_path: Path, content: str) -> None:
    source = tmp_path / "cards.csv"
    source.write_text(content)
    async with vault_site(tmp_path / "site") as site:
        result = await _import(site, source)
        assert (result.exit_code, "--csv:" in result.output) == (2, True)
        (tmp_path / "cards.tokens.csv.import-id").write_text("nonsense")
        result = await _import(site, source)
        assert (result.exit_code, "holds no import id" in result.output) == (2, True)
