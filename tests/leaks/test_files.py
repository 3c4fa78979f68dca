"""No file holds a number in clear, but the one that an import is given.

While `cardvault import` runs, when it is killed half-way, when its rows or the vault fail, when it
is through, and after exports of the audit: the vault's directory with database, journal and
events, the temporary and the working directory are searched.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from tests.doubles.vault_site import VaultSite, new_pan, vault_site
from tests.leaks.places import Places
from vault.adapters.audit_verify.dump import open_dump
from vault.cli.commands import cardvault

BY_DESIGN: Final = {"working/cards.csv"}
"""What the operator gives an import to read, and removes afterwards: nothing of ours writes it."""
ROWS: Final = 12
BATCH: Final = 4


class _Gate:
    """Lets some calls of the ledger through, and then none until it is opened."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.waiting = asyncio.Event()
        self.opened = asyncio.Event()

    def before(self, apply: Any) -> Any:
        async def guarded(ledger: Any, entries: Sequence[Any]) -> Any:
            if len(entries) == BATCH and not self.opened.is_set():
                self.free -= 1
                if self.free < 0:
                    self.waiting.set()
                    await self.opened.wait()
            return await apply(ledger, entries)

        return guarded


def _arguments(site: VaultSite) -> list[str]:
    return [
        *("import", "--csv", "cards.csv", "--batch", str(BATCH)),
        *("--server", site.address, "--dir", str(site.directory)),
    ]


async def _run(*arguments: str) -> Result:
    # A thread of its own, with a loop of its own: the command calls asyncio.run.
    return await asyncio.to_thread(CliRunner().invoke, cardvault, list(arguments))


async def test_an_import_leaves_no_number_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, numbers = Places(tmp_path), [new_pan() for _ in range(ROWS)]
    rows = "".join(f"{number},12,2029\n" for number in numbers)
    (places.working / "cards.csv").write_text(f"number,expiry_month,expiry_year\n{rows}")
    gate = _Gate(free=1)
    with places.used():
        async with vault_site(tmp_path / "site") as site:
            kind = type(site.running.ledger)
            monkeypatch.setattr(kind, "apply", gate.before(kind.apply))
            command = (sys.executable, "-m", "vault", *_arguments(site))
            child = await asyncio.create_subprocess_exec(*command, env=places.environment)
            await asyncio.wait_for(gate.waiting.wait(), 30)
            half_way = places.with_numbers(numbers, child.pid)
            child.send_signal(signal.SIGKILL)
            assert await child.wait() == -signal.SIGKILL
            assert (places.working / "cards.tokens.csv.part").exists()
            killed = places.with_numbers(numbers)
            gate.opened.set()
            through = await _run(*_arguments(site))
            assert f"imported {ROWS} cards" in through.output
            while_serving = places.with_numbers(numbers)
            exported = await _exported(site, places, numbers)
        stopped = places.with_numbers(numbers)
    found = (half_way, killed, while_serving, exported, stopped)
    assert found == (BY_DESIGN,) * 5
    assert list(places.temporary.iterdir()) == []
    assert places.searched > 60


async def _exported(site: VaultSite, places: Places, numbers: Sequence[str]) -> set[str]:
    """Export the audit, and open the dump, which is unpacked for that; search meanwhile."""
    database, dump = str(site.directory / "vault.db"), places.working / "audit.jsonl"
    result = await _run("audit", "export", "--database", database, "--output", str(dump))
    assert result.exit_code == 0, result.output
    assert dump.stat().st_mode & 0o777 == 0o600
    assert dump.read_bytes().count(b'"record"') > ROWS // BATCH
    with open_dump(dump):
        assert len(list(places.temporary.iterdir())) == 1
        return places.with_numbers(numbers)


async def test_an_import_that_fails_leaves_none_either(tmp_path: Path) -> None:
    places, numbers = Places(tmp_path), [new_pan() for _ in range(3)]
    source = places.working / "cards.csv"
    with places.used():
        async with vault_site(tmp_path / "site") as site:
            for rows in (
                f"number\n{numbers[0]}\n{numbers[1]},x\n{numbers[2]}0\n",  # rows that are none
                f"number\n{numbers[0]}\n\x00{numbers[1]}\n",  # no CSV from there on
                f"{numbers[2]}\n{numbers[1]}\n",  # no first line
            ):
                source.write_text(rows)
                assert (await _run(*_arguments(site))).exit_code in {1, 2}
                assert places.with_numbers(numbers) == BY_DESIGN
    assert list(places.temporary.iterdir()) == []


def test_a_number_in_a_file_without_a_name_is_found(tmp_path: Path) -> None:
    places, number = Places(tmp_path), new_pan()
    with places.used(), tempfile.TemporaryFile() as file:
        assert places.with_numbers([number]) == set()
        file.write(number.encode())
        file.flush()
        (found,) = places.with_numbers([number])
    assert found.startswith(str(places.temporary))
    (places.temporary / "etilqs_1").write_bytes(b"\0" + number.encode("utf-16-le"))
    assert places.with_numbers([number]) == {"temporary/etilqs_1"}
