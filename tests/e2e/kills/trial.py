"""One trial of `proof.py`: an installation, its clients, kills; then all is read back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.deadly import ALL_PHASES
from tests.e2e.kills.checker import Breach, Violation, violations
from tests.e2e.kills.evidence import Evidence, add_files
from tests.e2e.kills.history import History
from tests.e2e.kills.lives import Killable, Lives
from tests.e2e.kills.load import load
from tests.e2e.kills.stubs import Stubs
from tests.e2e.kills.survey import survey
from tests.e2e.processes import Site, killable_vault
from tests.parts.envoy.running import envoy_site, killable_envoy
from tests.parts.failover.evidence import add_database
from tests.parts.servers.postgres import as_superuser
from vault.usecases.ledger.phases import PHASES

_DATABASE: Final = "CARDVAULT_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Ground:
    """A store and a transport."""

    name: str
    killable: Killable
    phases: Sequence[str]
    envoy: bool = False
    postgres: bool = False


ENVOY_ON_SQLITE: Final = Ground("SQLite, Envoy", killable_envoy, ALL_PHASES, envoy=True)
GROUNDS: Final = (
    Ground("SQLite, grpcio", killable_vault, ALL_PHASES),
    ENVOY_ON_SQLITE,
    # What PostgreSQL writes is written by its own processes: the failovers kill those.
    Ground("PostgreSQL, grpcio", killable_vault, PHASES, postgres=True),
    Ground("PostgreSQL, Envoy", killable_envoy, PHASES, envoy=True, postgres=True),
)


@dataclass(slots=True)
class Trial:
    """What came of it."""

    ground: Ground
    seed: str
    history: History = field(default_factory=History)
    lives: Lives = field(default_factory=Lives)
    found: list[Violation] = field(default_factory=list)
    ended: str = ""  # by what, where it did not come to its end: a vault that did not come back

    @property
    def broken(self) -> list[str]:
        """Return every broken promise, as sentences."""
        return [*map(str, self.found), *filter(None, [self.ended])]

    def __str__(self) -> str:
        return (
            f"{self.lives}; {self.history.acknowledged()} calls answered,"
            f" {self.history.in_doubt()} in doubt for good, {len(self.broken)} violations"
        )


async def run_trial(
    ground: Ground,
    seed: str,
    directory: Path,
    plan: Sequence[tuple[str, int]],
    clients: int,
    database: str = "",
) -> Trial:
    """Run the whole; `found` names every broken promise. `database`: a DSN, for PostgreSQL."""
    trial = Trial(ground, seed, lives=Lives(killable=ground.killable))
    settings = {_DATABASE: database} if database else {}
    async with _site(ground, directory, settings) as site, Stubs.to(site) as stubs:
        async with load([stubs], trial.history, seed, clients):
            await trial.lives.live_through(site, plan)
            await trial.lives.start(site, site.vault)
        evidence = await survey(stubs, trial.history)
        if status := await site.vault.stop():
            trial.found.append(Violation(Breach.UNEXPECTED_STATUS, f"it ended with {status}"))
        await _read(evidence, site, settings)
        trial.found += [*violations(trial.history, evidence), *_audit(site, settings)]
    return trial


@asynccontextmanager
async def _site(
    ground: Ground, directory: Path, settings: Mapping[str, str]
) -> AsyncIterator[Site]:
    if ground.envoy:
        with envoy_site(**settings) as site:
            yield site
        return
    # Bytecode is kept for the run, as an installation has it: without, each start compiles it all.
    kept = {"PYTHONPYCACHEPREFIX": str(directory / "bytecode"), "PYTHONDONTWRITEBYTECODE": ""}
    async with Site.temporary(directory, {**kept, **settings}) as site:
        yield site


async def _read(evidence: Evidence, site: Site, settings: Mapping[str, str]) -> None:
    events = site.data / "events.jsonl"
    if dsn := settings.get(_DATABASE):
        await add_database(evidence, as_superuser(dsn), events.read_bytes())
    else:
        add_files(evidence, site.data / "vault.db", events)


def _audit(site: Site, settings: Mapping[str, str]) -> list[Violation]:
    """Verify the audit as an auditor would."""
    dsn = settings.get(_DATABASE)
    database = as_superuser(dsn) if dsn else str(site.data / "vault.db")
    command = ("-m", "vault", "audit", "verify", "--database", database)
    public = str(site.data / "public-keys-of-the-trial.pem")  # of the keys that this store has
    site.run("-m", "vault", "audit", "public-key", "--output", public)
    done = site.run(*command, "--public-key", public, accept=range(256))
    if b"audit intact" in done.stdout:
        return []
    return [Violation(Breach.DAMAGED_FILE, f"audit verify: {done.stdout.decode()[-300:]}")]
