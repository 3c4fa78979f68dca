"""Every port of the updater raises with card numbers in hand, while it works and while it is asked.

At work the method raises at its first call, lets the next one through and raises again, and the
turns go on as the service's do. No log line, metric or file has any part of a number, but the file
that was delivered in clear.
"""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.logged import logged
from tests.doubles.rpc_canary import Canaries
from tests.doubles.updater_crashes import world_at
from tests.doubles.updater_world import World
from tests.leaks.port_methods import broken, listed, methods, preceded
from tests.leaks.updater_port_methods import ASKED, AT_WORK, PLACES
from updater import wiring
from updater.adapters.openpgp import OpenPgp
from updater.adapters.unsealing import _in_memory
from updater.adapters.unsealing_process import decrypted
from updater.domain.mapping import GP_BIGBATCH
from updater.metrics import UpdaterMetrics
from updater.rpc.calls import LOGGED
from updater.usecases import ports, ports_exchange, ports_store, ports_vault
from updater.usecases.worker import Turns

NUMBER: Final = number_for_test(Brand.VISA, 9_753_112)
ONCE: Final = frozenset({("FeedStore", "report")})
"""What is asked for once, whatever becomes of it: for the report of a turn."""
TURNS: Final = 4
"""Enough for a step to fail, to be done, to fail for another file, and to be done with that."""


def test_every_method_of_every_port_is_in_a_table() -> None:
    found = listed(AT_WORK, ASKED)
    assert len(found) == len(set(found))
    modules = (ports, ports_store, ports_vault, ports_exchange)
    assert set(found) == set().union(*map(methods, modules))
    assert len(found) > 70


class _Now:
    """Raises at every other call, the first one included."""

    def __init__(self) -> None:
        self.calls = 0
        self.raised = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls % 2:
            self.raised += 1
            raise broken(NUMBER)


class _Service:
    """The turns of a service over a world: its own way to tell what came of each."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.registry = CollectorRegistry()
        counted = UpdaterMetrics(self.registry)
        self._turns = Turns(
            on_report=lambda phase, report: wiring._reported(counted, "csv", phase, report),
            on_failure=lambda phase, error: wiring._failed(counted, "csv", phase, error),
        )

    async def work(self) -> None:
        """Ask, be answered, once in clear, and listen; each as often as it may take."""
        async with self._world.running() as updater:
            for _turn in range(TURNS):
                await self._turns.take("enrol", updater.enrolment.enrolling)
                await self._turns.take("ask", updater.channels[0].cycle.ask)
            await self._answered()
            for _turn in range(TURNS):
                await self._turns.take("listen", updater.channels[0].cycle.listen)

    async def _answered(self) -> None:
        acquirer = self._world.acquirer
        for asked in acquirer.collect():
            records = acquirer.respond(asked)
            acquirer.answer(asked, records)
            acquirer.deliver(f"plain-{asked.batch}.txt", acquirer.plain(asked, records))


def _world(root: Path) -> tuple[World, Canaries]:
    """Return a world that asks two files' worth, and its numbers to be looked for."""
    world = world_at(root, GP_BIGBATCH)
    world.vault.add("tok_other", covered=frozenset({"other-shop"}))
    asked = [pan.reveal() for card in world.vault.cards.values() for pan, _ in card.versions]
    got = [number_for_test(Brand.VISA, int(each[-6:-1]) + 50_000) for each in asked]
    return world, Canaries((NUMBER, *asked, *got))


def unseal_here(sealed: bytes, keys: bytes, *, mode: str, limit: int) -> tuple[int, bytes]:
    """Open a message as its process does, in this one: for speed."""
    with _in_memory("sealed", sealed) as given, _in_memory("plain", b"") as plain:
        paths = [f"/proc/self/fd/{each}" for each in (given, plain)]
        status = decrypted(keys, mode, *paths)
        return status, os.pread(plain, limit, 0)


@pytest.mark.parametrize(("port", "method"), listed(AT_WORK), ids=lambda each: each)
async def test_a_port_that_raises_at_work_makes_no_number_known(
    port: str,
    method: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    world, canaries = _world(tmp_path / "world")
    monkeypatch.setattr("updater.adapters.openpgp.unseal", unseal_here)
    service, now = _Service(world), _Now()
    original = inspect.getattr_static(PLACES[port], method)
    monkeypatch.setattr(PLACES[port], method, preceded(original, now))
    with logged("updater", level="DEBUG", fields=LOGGED) as log:
        await service.work()
    told = log.getvalue()
    assert now.raised >= (1 if (port, method) in ONCE else 2)
    # By its type: as a turn's failure, or as why a file has to wait.
    assert "Broken" in told
    seen = (told.encode(), "".join(capfd.readouterr()).encode(), generate_latest(service.registry))
    assert [canaries.found_in(each) for each in seen] == [False] * 3
    waiting = {path.name for path in (world.root / "exchange" / "inbox").glob("plain-*.txt")}
    assert set(canaries.files_with(tmp_path)) <= waiting


async def test_the_work_is_done_where_nothing_raises(tmp_path: Path) -> None:
    world, canaries = _world(tmp_path / "world")
    with logged("updater", fields=LOGGED) as log:
        await _Service(world).work()
    assert "Broken" not in log.getvalue()
    assert canaries.files_with(tmp_path) == []
    assert len(world.acquirer.asked) == 2


async def test_a_log_with_an_exception_s_text_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("updater.adapters.openpgp.unseal", unseal_here)
    monkeypatch.setattr(wiring, "describe", lambda error: {"problem": str(error)})
    monkeypatch.setattr("chassis.logs.Redact.__call__", lambda _self, _log, _name, event: event)
    world, canaries = _world(tmp_path / "world")
    monkeypatch.setattr(OpenPgp, "seal", preceded(OpenPgp.seal, _Now()))
    with logged("updater", fields=LOGGED) as log:
        await _Service(world).work()
    assert canaries.found_in(log.getvalue().encode())
