"""A vault's process whose wall clock is set under load, by libfaketime; its monotonic one runs on.

The library is Debian's (`libfaketime`). OpenSSL's and BoringSSL's clock is set with it: whether a
certificate is accepted shows on new connections.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from cardvault.vault.v1 import vault_service_pb2 as pb
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.pki import LEAF_LIFETIME
from tests.e2e.kills.checker import violations
from tests.e2e.kills.evidence import add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Method, Stubs
from tests.e2e.kills.survey import survey
from tests.e2e.processes import Site
from tests.timejumps.trial import DAY, JUMPS

LIBRARY: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
# Beside the jumps: within the certificate's life, and just behind its end.
SETTINGS: Final[Mapping[str, float]] = {
    **JUMPS,
    "29 days forward": 29 * DAY,
    "31 days forward": 31 * DAY,
}
_KNOCKS: Final = 4
_SKEW_S: Final = 300.0  # that much before they are made certificates are valid
_CLIENTS: Final = 4
_PATIENCE: Final = 80
# Whether a grace lasts goes by the host's time. Nothing is erased: what is, shows in its revision.
_LATE: Final = "CARD_ERASED to card.undelete"
_LOOK_S: Final = 2.5  # the library reads the file each second, the sweeper sweeps each second


class Door(Stubs):
    """Methods that ask again where the door said no: nothing was done then.

    It does so while the vault's clock is out of the certificate's life, on open connections, too.
    """

    refused = 0

    def __getitem__(self, name: str) -> Method:
        method = super().__getitem__(name)

        async def insist(request: Any, **options: Any) -> Any:
            for _time in range(_PATIENCE):
                try:
                    return await method(request, **options)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                        raise
                self.refused += 1
                await asyncio.sleep(0.25)
            return await method(request, **options)

        return insist


@dataclass(slots=True)
class Faked:
    """What came of it."""

    met: Counter[str] = field(default_factory=Counter)
    history: History = field(default_factory=History)
    found: list[str] = field(default_factory=list)


async def set_clocks(seed: str, jumps: int, place: Path) -> Faked:
    """Set a serving vault's clock so many times, and right again each time; then look at all."""
    faked, chance = Faked(), random.Random(seed)
    offset = place / "offset"
    offset.write_text("+0")
    settings = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "CARDVAULT_SWEEP_INTERVAL": "PT1S",
    }
    async with Site.temporary(place / "site", settings) as site, Door.to(site) as stubs:
        await site.start_vault(60.0)
        async with load([stubs], faked.history, seed, _CLIENTS):
            names = list(SETTINGS)
            for number in range(jumps):
                name = names[number] if number < len(names) else chance.choice(names)
                offset.write_text(f"{SETTINGS[name]:+.0f}")
                await asyncio.sleep(_LOOK_S)
                await _knock(site, SETTINGS[name], name, faked)
                offset.write_text("+0")
                await asyncio.sleep(chance.uniform(1.2, 2.0))
                await _knock(site, 0.0, name, faked)
        faked.met["calls refused on open connections"] = stubs.refused
        unexpected = faked.history.unexpected
        faked.history.unexpected = [each for each in unexpected if not each.endswith(_LATE)]
        late = len(unexpected) - len(faked.history.unexpected)
        faked.met["graces over by that clock"] = late
        evidence = await survey(stubs, faked.history)
        if status := await site.vault.stop():
            faked.found.append(f"the vault ended with {status}")
        add_files(evidence, site.data / "vault.db", site.data / "events.jsonl")
        faked.found += map(str, violations(faked.history, evidence))
        faked.found += audit_of(site)
    return faked


def trusted_at(offset_s: float) -> bool:
    """Tell whether the certificates of a site made just now are valid by a clock so far off."""
    return -_SKEW_S < offset_s < LEAF_LIFETIME.total_seconds()


async def _knock(site: Site, offset_s: float, name: str, faked: Faked) -> None:
    """Connect anew: a certificate that is not valid by the vault's clock opens nothing."""
    valid = trusted_at(offset_s)
    for _time in range(_KNOCKS):  # the machine may be busy, and the clock is read now and then
        async with site.channel("app") as channel:
            try:
                await VaultServiceStub(channel).ListCards(
                    pb.ListCardsRequest(page_size=1), timeout=4.0
                )
            except grpc.aio.AioRpcError as error:
                served, said = False, error.code().name
            else:
                served, said = True, "OK"
        if served == valid:
            break
        faked.met["knocked again"] += 1
        await asyncio.sleep(1.0)
    faked.met["served" if served else "refused at the door"] += 1
    if served != valid:
        faked.found.append(f"{name}, {offset_s:+.0f} s: a new connection was told {said}")


def audit_of(site: Site) -> list[str]:
    """Verify the audit as an auditor would, by the right time."""
    database, public = str(site.data / "vault.db"), str(site.data / "public-keys-of-the-trial.pem")
    site.run("-m", "vault", "audit", "public-key", "--output", public)
    verify = ("-m", "vault", "audit", "verify", "--database", database, "--public-key", public)
    done = site.run(*verify, accept=range(256))
    if b"audit intact" in done.stdout:
        return []
    return [f"audit verify: {done.stdout.decode()[-300:]}"]
