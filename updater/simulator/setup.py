"""Put an acquirer together from paths, as the command line names them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from updater.simulator.acquirer import Acquirer
from updater.simulator.clock import real_time
from updater.simulator.exchange import Exchange
from updater.simulator.faults import Faults
from updater.simulator.formats import DEFAULT_FORMAT, FORMATS
from updater.simulator.journal import Journal
from updater.simulator.pgp import load_keys
from updater.simulator.rules import Rules
from updater.simulator.script import Script
from updater.simulator.script_file import read_script

JOURNAL: Final = Path(".simulator") / "journal.jsonl"
NO_FAULTS: Final = Faults()


def rules_from(form_name: str, seed: int, script: Path | None) -> Rules:
    """Return the rules of a format, a seed and a script file, if any. Raises SimulatorError."""
    form = FORMATS[form_name]
    return Rules(form, seed, read_script(script, form) if script else Script())


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Say where an exchange and its keys are, and what decides the answers."""

    exchange: Path  # holds outbox/ and inbox/
    keys: Path  # updater.cert and acquirer.cert
    simulator_keys: Path  # acquirer.tsk
    seed: int
    form_name: str = DEFAULT_FORMAT
    script: Path | None = None
    journal: Path | None = None  # default: <exchange>/.simulator/journal.jsonl

    @contextmanager
    def acquirer(
        self,
        *,
        faults: Faults = NO_FAULTS,
        wait: Callable[[float], object] = lambda _: None,
        clock: Callable[[], datetime] = real_time,
    ) -> Iterator[Acquirer]:
        """Hold the journal's lock while the acquirer works. Raises SimulatorError, OSError."""
        rules = rules_from(self.form_name, self.seed, self.script)
        with Journal(self.journal or self.exchange / JOURNAL) as journal:
            yield Acquirer(
                exchange=Exchange(self.exchange, rules.form),
                journal=journal,
                keys=load_keys(self.keys, self.simulator_keys),
                rules=rules,
                faults=faults,
                wait=wait,
                clock=clock,
            )
