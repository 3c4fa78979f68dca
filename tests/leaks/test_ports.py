"""Every port of the vault raises with a card number in hand, while every RPC is called.

The ports are found by looking at the protocols: a new method is in the table, or the test fails.
Meanwhile nothing is put into temporary files, not even into such as have no name any more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from cards.brands import Brand
from cards.testcards import test_pan
from tests.doubles.logged import logged
from tests.doubles.rpc_canary import Canaries
from tests.doubles.rpc_requests import card_for, good_request
from tests.doubles.rpc_wire import send, short, vault_routes
from tests.doubles.vault_site import VaultSite, vault_site
from tests.leaks.places import unnamed_files
from tests.leaks.port_methods import BEHIND, CALLED, listed, methods, raising
from vault.adapters.memory_codes import MemorySecurityCodes
from vault.usecases import ports

NUMBER: Final = test_pan(Brand.VISA, 9_753_110)
CANARIES: Final = Canaries((NUMBER,))


def test_every_method_of_every_port_is_in_a_table() -> None:
    found = listed(CALLED, BEHIND)
    assert len(found) == len(set(found))
    assert set(found) == methods(ports)
    assert len(found) > 35


async def _unreadable(*_args: Any) -> Any:
    raise ports.DataDamaged("a row")  # only then the tokens alone are asked for


def _targets(site: VaultSite) -> Mapping[str, type]:
    engine, ledger = site.running.engine, site.running.ledger
    return {
        "Ledger": type(ledger),
        "CardReader": type(engine.reader),
        "FileReader": type(engine.files),
        "AuditStore": type(engine.audit),
        "SecurityCodes": MemorySecurityCodes,
        "Keyring": type(ledger._keyring),
    }


async def test_no_port_that_raises_makes_a_number_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    leaks, met = [], set()
    with logged("vault", level="DEBUG") as log:
        async with vault_site(tmp_path / "site") as site:
            root = await site.client("root")
            routes = vault_routes()
            cards = {short(route): await card_for(short(route), root) for route in routes}
            for port, names in CALLED.items():
                for name in names:
                    with monkeypatch.context() as patch:
                        if name == "list_tokens":
                            patch.setattr(_targets(site)[port], "list_cards", _unreadable)
                        patch.setattr(_targets(site)[port], name, raising(NUMBER))
                        for route in routes:
                            request = good_request(short(route), cards[short(route)])
                            answer = await send(root.channel, route, request)
                            raw = answer.refusal.raw if answer.refusal else b""
                            if CANARIES.found_in(raw):
                                leaks.append(f"{port}.{name}: {short(route)}")
                            if answer.code == "INTERNAL":
                                met.add((port, name))
            unnamed = unnamed_files(CANARIES)
    assert (leaks, unnamed) == ([], [])
    assert leaks == []
    lists = {("CardReader", "list_cards"), ("CardReader", "list_tokens")}
    assert {("Ledger", "apply"), ("AuditStore", "audit_rows")} | lists <= met
    assert not CANARIES.found_in(log.getvalue().encode())
    assert not CANARIES.found_in("".join(capfd.readouterr()).encode())
    assert "unexpected error" in log.getvalue()
    assert list(temporary.iterdir()) == []


def test_the_search_finds_a_file_without_a_name() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(NUMBER.encode())
        file.flush()
        assert len(unnamed_files(CANARIES)) == 1
