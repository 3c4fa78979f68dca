"""What the vault should do, written once more in the plainest way: lists, numbers, no bytes.

Card numbers are small integers here (the counters of test numbers), so all of it may be printed.
Every method answers what the vault should say: "ok", a reason, or a disposition.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.doubles.decide_bench import DAY_US

RETENTION_US = 180 * DAY_US
LIVE = ("ACTIVE", "NEEDS_CARDHOLDER")


@dataclass
class Kept:
    """One credential version. `purge` is when it may go, 0 while it is current."""

    number: int
    expiry: int
    network: bool = False
    purge: int = 0
    gone: bool = False
    unconfirmed: bool = False  # the expiry is the old number's


@dataclass
class Modelled:
    """One card."""

    tenant: str
    token: str
    customer: str
    created: int
    expires: int
    name: str
    versions: list[Kept]
    status: str = "ACTIVE"
    before: str = ""
    revision: int = 1
    purge: int = 0
    legal: bool = False
    opted_out: bool = False
    heard: int = 0  # the time of the last network event that changed this version
    erased: bool = False

    @property
    def now_kept(self) -> Kept:
        return self.versions[-1]

    def deleted_at(self, now: int) -> bool:
        return self.status == "DELETED" or self.erased or 0 < self.expires <= now

    def status_at(self, now: int) -> str:
        return "DELETED" if self.deleted_at(now) else self.status

    def findable_at(self, now: int) -> bool:
        live = self.status in LIVE and not self.deleted_at(now)
        return live and bool(self.customer) and not self.expires

    def confirmed_by(self, number: int, said: Answer) -> bool:
        """Tell whether an answer says the expiry that was kept without being said."""
        kept = self.now_kept
        return kept.unconfirmed and (number, said.expiry) == (kept.number, kept.expiry)

    def confirm(self, old: Kept, said: Answer) -> None:
        """Note whether the version that an answer left has its expiry from its number's issuer."""
        if self.now_kept.number != old.number or said.expiry:
            self.now_kept.unconfirmed = not said.expiry

    def put(self, now: int, number: int, expiry: int, *, network: bool) -> None:
        """Make a version, if this is one."""
        old = self.now_kept
        if (number, expiry) != (old.number, old.expiry):
            old.purge = now + RETENTION_US
            self.versions.append(Kept(number, expiry, network))
            self.heard = 0


@dataclass
class Model:
    """All cards, and how much was done."""

    cards: dict[str, Modelled] = field(default_factory=dict)
    reveals: int = 0
    records: int = 0
    answers: set[tuple[str, str]] = field(default_factory=set)

    def found(self, tenant: str, customer: str, number: int, now: int) -> Modelled | None:
        """Return the card that Tokenize finds: the oldest live one of customer and number."""
        alike = [
            card
            for card in self.cards.values()
            if (card.tenant, card.customer, card.now_kept.number) == (tenant, customer, number)
            and card.findable_at(now)
        ]
        return min(alike, key=lambda card: (card.created, card.token)) if alike else None

    def edit(self, card: Modelled, now: int, revision: int, number: int, expiry: int) -> str:
        """Change number or expiry (0: as it is)."""
        if card.deleted_at(now):
            return "CARD_DELETED"
        if revision and revision != card.revision:
            return "REVISION_CONFLICT"
        old = card.now_kept
        said, number, expiry = expiry, number or old.number, expiry or old.expiry
        if number != old.number or (expiry != old.expiry and card.status == "NEEDS_CARDHOLDER"):
            card.status = "ACTIVE"
        card.put(now, number, expiry, network=False)
        if said:
            card.now_kept.unconfirmed = False
        card.revision += 1
        return "ok"

    def set_status(self, card: Modelled, now: int, status: str, legal: bool | None) -> str:
        """Set a status (or "") and the legal hold (None: as it is)."""
        if card.deleted_at(now) and (status or legal is None):
            return "CARD_DELETED"
        if card.erased:
            return "CARD_ERASED"
        card.status = status or card.status
        card.legal = card.legal if legal is None else legal
        card.revision += 1
        return "ok"

    def delete(self, card: Modelled, now: int, grace: int) -> str:
        if card.deleted_at(now):
            return "CARD_DELETED"
        card.before, card.status, card.purge = card.status, "DELETED", now + grace
        card.revision += 1
        return "ok"

    def undelete(self, card: Modelled, now: int) -> str:
        if not card.deleted_at(now):
            return "CARD_NOT_DELETED"
        if card.erased or 0 < card.expires <= now or card.purge <= now:
            return "CARD_ERASED"
        card.status, card.before, card.purge = card.before, "", 0
        card.revision += 1
        return "ok"

    def reveal(self, card: Modelled, now: int, allowed: frozenset[str], version: int) -> str | Kept:
        """Return the version that is revealed, or why not; 0 is the current one."""
        if card.deleted_at(now):
            return "CARD_DELETED"
        if card.status not in allowed:
            return "STATUS_FORBIDS"
        index = (version or len(card.versions)) - 1
        if index >= len(card.versions) or card.versions[index].gone:
            return "VERSION_NOT_FOUND"
        self.reveals += 1
        return card.versions[index]

    def sweep(self, now: int) -> None:
        """Erase and purge what is due."""
        for card in self.cards.values():
            due = card.deleted_at(now) and (0 < card.expires <= now or card.purge <= now)
            if due and not card.erased and not card.legal:
                card.erased, card.status, card.customer = True, "DELETED", ""
                card.opted_out, card.revision = False, card.revision + 1
                self.records += 1
            for kept in card.versions[:-1]:
                if not kept.gone and (card.erased or (kept.purge <= now and not card.legal)):
                    kept.gone = True
                    self.records += not card.erased

    def answer(
        self,
        card: Modelled,
        now: int,
        update_id: str,
        asked: int,
        said: Answer,
        event: int,
        *,
        by_number: bool = False,
    ) -> str:
        """Take in an updater's answer about version `asked`."""
        if card.deleted_at(now):
            return "NOT_FOUND"
        if (update_id, card.token) in self.answers:
            return "DUPLICATE"
        self.answers.add((update_id, card.token))
        if said.outcome == "OPTED_OUT":
            return self._opt_out(card, asked)
        if card.opted_out:
            return "REJECTED"
        news = self._news(card, asked, said)
        if news is not None:
            return news
        old = card.now_kept
        if by_number and card.versions[asked - 1].number != old.number:
            return self._superseded(card, said, event)
        number, expiry = said.number or old.number, said.expiry or old.expiry
        status = self._status(card, said, number, expiry)
        changes = (number, expiry, status) != (old.number, old.expiry, card.status)
        follows = by_number and self._follows(card, said, number)
        late = None if follows else self._late(card, event, changes=changes)
        if late is not None:
            return late
        if number == old.number and expiry < old.expiry:
            return "REJECTED"
        if not changes and not card.confirmed_by(number, said):
            return "NO_CHANGE"
        card.put(now, number, expiry, network=True)
        card.confirm(old, said)
        card.status, card.heard, card.revision = status, event, card.revision + 1
        self.moved(card, old.number, now)
        return "APPLIED"

    @staticmethod
    def _late(card: Modelled, event: int, *, changes: bool) -> str | None:
        if card.heard and event < card.heard:
            return "STALE"
        return "CONFLICT" if changes and card.heard and event == card.heard else None

    @staticmethod
    def _superseded(card: Modelled, said: Answer, event: int) -> str:
        """Answer for a number that another one replaced: the current one stays as it is."""
        kept = card.now_kept
        if said.number == kept.number and said.expiry in {0, kept.expiry}:
            return "NO_CHANGE"
        return "STALE" if event < card.heard else "CONFLICT"

    @staticmethod
    def _follows(card: Modelled, said: Answer, number: int) -> bool:
        """Tell whether an answer can only come behind the one that brought the card's number."""
        versions = card.versions
        at = len(versions) - 1
        former: list[int] = []
        while at > 0 and versions[at].network and not versions[at - 1].gone:
            at -= 1
            former.append(versions[at].number)
        brought = bool(former) and former[0] != card.now_kept.number
        before = {each for each in former if each != card.now_kept.number}
        if card.status != "ACTIVE" or not brought or not (said.number or said.expiry):
            return False
        if number == card.now_kept.number:
            return card.now_kept.unconfirmed
        return number not in before

    def moved(self, card: Modelled, before: int, now: int) -> None:
        """Hear what a network made of a card, and which number it had before."""

    @staticmethod
    def _status(card: Modelled, said: Answer, number: int, expiry: int) -> str:
        closed, old = card.status == "CLOSED", card.now_kept
        if said.outcome == "CLOSED":
            return "CLOSED"
        if said.outcome == "CONTACT_CARDHOLDER":
            return "CLOSED" if closed else "NEEDS_CARDHOLDER"
        if (number, expiry) == (old.number, old.expiry) or (closed and number == old.number):
            return card.status
        return "ACTIVE"

    @staticmethod
    def _since(card: Modelled, asked: int) -> list[Kept] | None:
        """Return the versions since the one asked about; None if a person made one, or it went."""
        way = card.versions[asked - 1 :]
        if any(kept.gone for kept in way) or not all(kept.network for kept in way[1:]):
            return None
        return way

    def _opt_out(self, card: Modelled, asked: int) -> str:
        if self._since(card, asked) is None:
            return "STALE"
        if card.opted_out:
            return "NO_CHANGE"
        card.opted_out, card.revision = True, card.revision + 1
        return "APPLIED"

    def _news(self, card: Modelled, asked: int, said: Answer) -> str | None:
        way = self._since(card, asked)
        if way is None:
            return "STALE"
        if not said.number and way[0].number != card.now_kept.number:
            return "STALE"
        number = said.number or way[0].number
        known = [kept for kept in way[1:] if kept.number == number]
        brings = bool(said.number or said.expiry)
        repeated = any(not said.expiry or said.expiry == kept.expiry for kept in known)
        if brings and repeated and not card.confirmed_by(number, said):
            return "NO_CHANGE"
        return None


@dataclass(frozen=True)
class Answer:
    """What an answer says; 0 where it says nothing."""

    outcome: str
    number: int = 0
    expiry: int = 0
