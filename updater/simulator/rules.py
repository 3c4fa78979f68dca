"""Bundle what decides every answer: format, seed and script. Two runs with equal rules agree."""

import hashlib
from typing import Final

from updater.simulator.fate import Fates
from updater.simulator.formats import Format
from updater.simulator.ledger import IssuerLedger
from updater.simulator.script import Script
from updater.simulator.script_file import check_script


class Rules:
    """Hold format, seed and script, and what is drawn from them. Raises SimulatorError."""

    def __init__(self, form: Format, seed: int, script: Script) -> None:
        check_script(script, form)
        rates = script.disturbances
        self.form: Final = form
        self.seed: Final = seed
        self.script: Final = script
        self.fates: Final = Fates(seed, script.days, rates)
        self.ledger: Final = IssuerLedger(
            seed, script.rates, chains=rates.chains, cycles=rates.cycles
        )
        text = f"{form.name} {seed} {script.text()}"
        self.digest: Final = hashlib.sha256(text.encode()).hexdigest()

    @property
    def all_days(self) -> int:
        """Return on how many days there may be a file: the script's, and some for what follows."""
        return len(self.script.days) + self.script.disturbances.extra_days

    def others(self) -> "Rules":
        """Return rules that agree but for the seed: for answers that contradict these."""
        return Rules(self.form, self.seed + 1, self.script)
