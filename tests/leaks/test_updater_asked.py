"""Every port of the updater raises with a card number in hand, while every RPC is called.

That all methods are in a table is checked beside the updater at work (`test_updater_ports.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.logged import logged
from tests.doubles.rpc_canary import Canaries
from tests.doubles.rpc_wire import send, short
from tests.doubles.updater_requests import GOOD, keep, kept_exception, one_cycle, updater_routes
from tests.doubles.updater_site import updater_site
from tests.leaks.port_methods import listed, raising
from tests.leaks.updater_port_methods import ASKED, AT_WORK, PLACES
from updater.adapters.sqlite.requests import SqliteRequests
from updater.adapters.vault_client import VaultClient
from updater.rpc.calls import LOGGED

NUMBER: Final = number_for_test(Brand.VISA, 9_753_113)
CANARIES: Final = Canaries((NUMBER,))
SERVED: Final[Mapping[str, type]] = {**PLACES, "RequestStore": SqliteRequests, "Vault": VaultClient}
TURNS_ALONE: Final = frozenset({"Clock", "Duty"})
"""The service's own clock runs on, and no RPC asks who is on duty."""
REACHED: Final = frozenset(
    {
        *(("RequestStore", "known"), ("InquiryStore", "by_request"), ("FeedStore", "release")),
        *(("FeedStore", "answers"), ("FeedStore", "page"), ("IncidentStore", "settle")),
        *(("EnrolmentStore", "page"), ("PauseStore", "pause"), ("PauseStore", "resume")),
        *(("Vault", "revert"), ("Vault", "card"), ("Exchange", "reopen"), ("Marks", "page")),
    }
)
"""What some RPC cannot do without: it is INTERNAL while that raises."""


async def test_no_port_that_raises_makes_a_number_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    leaks, met = [], set()
    with logged("updater", level="DEBUG", fields=LOGGED) as log:
        async with updater_site(tmp_path / "site") as site:
            channel, cycle = await site.channel("root"), await one_cycle(site)
            for port, name in listed(AT_WORK, ASKED):
                if port in TURNS_ALONE:
                    continue
                kept = await keep(site, cycle)
                about_a_card = await kept_exception(site, kept.held, token=kept.token)
                kept = replace(kept, exception=about_a_card)
                with monkeypatch.context() as patch:
                    patch.setattr(SERVED[port], name, raising(NUMBER))
                    for route in updater_routes():
                        answer = await send(channel, route, GOOD[short(route)](kept))
                        raw = answer.refusal.raw if answer.refusal else b""
                        if CANARIES.found_in(raw):
                            leaks.append(f"{port}.{name}: {short(route)}")
                        if answer.code == "INTERNAL":
                            met.add((port, name))
    assert leaks == []
    assert met >= REACHED, REACHED - met
    assert "unexpected error" in log.getvalue()
    assert not CANARIES.found_in(log.getvalue().encode())
    assert not CANARIES.found_in("".join(capfd.readouterr()).encode())
    assert CANARIES.files_with(tmp_path) == []
