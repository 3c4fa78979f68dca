"""The plain model with answers by number: who had which number, and what waits for one."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.doubles.decide_bench import DAY_US
from tests.doubles.decide_model import Answer, Model, Modelled

LOOK_US = 60_000_000
ORDER = ("APPLIED", "CONFLICT", "REJECTED", "NO_CHANGE", "STALE", "DUPLICATE")
Bearers = list[tuple[Modelled, int, bool]]


@dataclass
class Waiting:
    """A parked answer."""

    tenant: str
    update_id: str
    number: int
    said: Answer
    event: int
    time: int
    look: int
    purge: int


@dataclass
class NumberModel(Model):
    """All cards, and what is parked."""

    parked: dict[tuple[str, str], Waiting] = field(default_factory=dict)
    due: dict[tuple[str, int], None] = field(default_factory=dict)

    def sweep(self, now: int) -> None:
        """Erase and purge what is due, then look again at what has waited for a minute."""
        super().sweep(now)
        looked: list[Waiting] = []
        for row in list(self.parked.values()):
            if row.purge <= now:
                del self.parked[row.tenant, row.update_id]
            elif 0 < row.look <= now:
                looked.append(row)
        looked.sort(key=lambda row: row.look)
        self.due.update({(row.tenant, row.number): None for row in looked})
        self.release(now)

    def moved(self, card: Modelled, before: int, now: int) -> None:
        """Mark what waits for a number that a card has got: it is decided in the next flush."""
        tenant, number = card.tenant, card.now_kept.number
        for waiting in self.parked.values() if number != before else ():
            if (waiting.tenant, waiting.number) == (tenant, number) and waiting.purge > now:
                waiting.look = now
                self.due[tenant, number] = None

    def answer_number(
        self, tenant: str, now: int, update_id: str, number: int, said: Answer, event: int
    ) -> tuple[str, dict[str, str]]:
        """Take in an updater's answer about a number: what became of it, and of each card."""
        bearers = [
            bearer for bearer in self._bearers(tenant, number) if bearer[0].created != now
        ]  # what the same flush makes might as well have come later
        told = self._tell(bearers, now, update_id, said, event)
        if told:
            self.records += len(told) - 1
            return min(told.values(), key=ORDER.index), told
        if bearers or not (said.number or said.expiry):
            return "NOT_FOUND", {}
        if (tenant, update_id) not in self.parked:
            self.parked[tenant, update_id] = Waiting(
                tenant, update_id, number, said, event, now, now + LOOK_US, now + 10 * DAY_US
            )
        return "PARKED", {}

    def release(self, now: int) -> None:
        """Decide again what has become decidable, and what that makes decidable."""
        while self.due:
            due, self.due = list(self.due), {}
            for tenant, number in due:
                self._release(tenant, number, now)

    def _release(self, tenant: str, number: int, now: int) -> None:
        rows = [row for row in self.parked.values() if (row.tenant, row.number) == (tenant, number)]
        for row in sorted(rows, key=lambda row: (row.time, row.update_id)):
            if not row.look or row.purge <= now:
                continue
            bearers = [pair for pair in self._bearers(tenant, number) if pair[2]]
            told = self._tell(bearers, now, row.update_id, row.said, row.event)
            self.records += len(told) or 1
            row.look = 0
            if told:
                del self.parked[tenant, row.update_id]

    def _bearers(self, tenant: str, number: int) -> list[tuple[Modelled, int, bool]]:
        """Return who has or had a number, with the newest version that did, and who made that."""
        found = []
        for card in sorted(self.cards.values(), key=lambda card: card.token):
            had = [at for at, kept in enumerate(card.versions, 1) if kept.number == number]
            had = [at for at in had if not card.versions[at - 1].gone]
            if card.tenant == tenant and had and not card.erased:
                found.append((card, had[-1], card.versions[had[-1] - 1].network))
        return found

    def _tell(
        self,
        bearers: list[tuple[Modelled, int, bool]],
        now: int,
        update_id: str,
        said: Answer,
        event: int,
    ) -> dict[str, str]:
        told = {}
        for card, asked, _network in bearers:
            barred = card.opted_out and said.outcome != "OPTED_OUT"
            if barred and (update_id, card.token) not in self.answers:
                continue
            if not card.deleted_at(now):
                told[card.token] = self.answer(
                    card, now, update_id, asked, said, event, by_number=True
                )
        return told
