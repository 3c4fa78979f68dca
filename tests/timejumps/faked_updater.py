"""An updater's process whose wall clock is set, by libfaketime, beside a vault with the right time.

Nothing that it does may come early, and while a certificate of either side is not valid by its
clock it must not speak to the vault on new connections; its old ones end by their age.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_processes import agreed_card
from tests.e2e.processes import Site
from tests.timejumps.faked import LIBRARY, SETTINGS, audit_of, trusted_at

_AGE_S: Final = 2.0  # of the vault's connections
_LOOK_S: Final = 2.5  # the library reads the file each second, the updater asks each second
_FORGET_S: Final = 3.0  # by then no connection of before is left
_ASKED_S: Final = 30.0
_RECORDS: Final = "SELECT coalesce(sum(records), 0) FROM inquiries"


@dataclass(slots=True)
class FakedUpdater:
    """What came of it."""

    met: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)


async def set_updaters_clock(seed: str, jumps: int, place: Path) -> FakedUpdater:
    """Set a serving updater's clock so many times, and right again each time."""
    faked, chance = FakedUpdater(), random.Random(seed)
    offset = place / "offset"
    offset.write_text("+0")
    settings = {"CARDVAULT_CONNECTION_AGE": f"PT{_AGE_S:.0f}S"}
    async with Site.temporary(place / "site", settings) as site:
        site.run("-m", "updater", "init", "--dir", str(site.data))
        preloaded = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # files have the right time
            "CARDVAULT_UPDATER_ASK_INTERVAL": "PT1S",
            "CARDVAULT_UPDATER_POLL_INTERVAL": "PT0.2S",
        }
        beside = Site(site.data, place / "updater-logs", site.addresses, {**settings, **preloaded})
        try:
            await site.start_vault(60.0)
            await beside.start_updater(60.0)
            watcher = _Watcher(site, faked)
            await watcher.card_is_asked("before any jump", 0.0)
            names = list(SETTINGS)
            for number in range(jumps):
                name = names[number] if number < len(names) else chance.choice(names)
                offset.write_text(f"{SETTINGS[name]:+.0f}")
                await asyncio.sleep(_LOOK_S + _FORGET_S)
                await watcher.card_is_asked(name, SETTINGS[name])
                offset.write_text("+0")
                await asyncio.sleep(_LOOK_S)
                await watcher.all_are_asked(f"right after {name}")
                faked.met["jumps"] += 1
            if not beside.updater.running or await beside.updater.stop():
                faked.found.append("the updater did not live through it")
        finally:
            beside.close()
        await site.vault.stop()
        faked.found += audit_of(site)
    faked.met["cards"] = watcher.stored
    return faked


class _Watcher:
    """Stores cards, and sees which of them were asked about, in files that nobody collects."""

    def __init__(self, site: Site, faked: FakedUpdater) -> None:
        self._site: Final = site
        self._faked: Final = faked
        self.stored = 0

    async def card_is_asked(self, when: str, offset_s: float) -> None:
        """Store a card; it is asked about soon, unless no certificate is valid by that clock."""
        await self._store()
        if trusted_at(offset_s):
            await self.all_are_asked(when)
            return
        await asyncio.sleep(2 * _LOOK_S)
        if self._asked() >= self.stored:
            self._faked.found.append(f"{when}: the updater spoke to a vault it must not trust")
        self._faked.met["times without trust"] += 1
        self._nothing_early(when)

    async def all_are_asked(self, when: str) -> None:
        """Wait until every card was asked about, once."""
        until = time.monotonic() + _ASKED_S
        while self._asked() < self.stored and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.2)  # another process's files: nothing to wait on
        if self._asked() != self.stored:
            self._faked.found.append(f"{when}: {self._asked()} of {self.stored} cards were asked")
        self._nothing_early(when)

    def _nothing_early(self, when: str) -> None:
        files = list((self._site.exchange / "outbox").iterdir())
        sent = self._counted("SELECT count(*) FROM inquiries WHERE state = 'SENT'")
        every = self._counted("SELECT count(*) FROM inquiries WHERE sent_at IS NOT NULL")
        for what, count in (
            ("inquiries were given up", every - sent),
            ("files that nobody has collected were deleted", every - len(files)),
            ("cards were asked about again", self._counted(_RECORDS) - self._asked()),
        ):
            if count > 0:
                self._faked.found.append(f"{when}: {count} {what}")

    def _asked(self) -> int:
        return self._counted("SELECT count(DISTINCT token) FROM question_cards")

    def _counted(self, sql: str) -> int:
        path = self._site.data / "updater.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            [count] = db.execute(sql).fetchone()
        return int(count)

    async def _store(self) -> None:
        request = agreed_card(number_for_test(Brand.VISA, self.stored), expiry_year=2029)
        async with self._site.channel("app") as channel:
            vault: Any = VaultServiceStub(channel)
            await vault.Tokenize(request, timeout=20.0)
        self.stored += 1
