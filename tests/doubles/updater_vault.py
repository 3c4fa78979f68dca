"""A vault for the updater's tests: what `Vault` promises, with the real semantics, in memory."""

import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import BRINGS_EXPIRY, Outcome
from cards.pan import Pan
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_vault_undo import Change, change_of, undo
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Credential
from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.usecases.ports_vault import (
    CardUpdate,
    CredentialPage,
    MaskedCard,
    NotRevealed,
    Revealed,
    RevertedPage,
    UpdateResult,
)

_EXPIRY = Expiry(2027, 11)
_STATUS_AFTER = {
    Outcome.CLOSED: CardStatus.CLOSED,
    Outcome.CONTACT_CARDHOLDER: CardStatus.NEEDS_CARDHOLDER,
    Outcome.CLOSED_OR_CONTACT: CardStatus.NEEDS_CARDHOLDER,
}


@dataclass
class KeptCard:
    """One card: its versions' contents, the last of them current."""

    token: str
    versions: list[tuple[Pan, Expiry | None]]
    covered: frozenset[str]
    fingerprint: str = ""
    status: CardStatus = CardStatus.ACTIVE
    opted_out: frozenset[str] = frozenset()
    fpan: bool = True
    revision: int = 1
    changed: int = 0

    @property
    def number(self) -> Pan:
        return self.versions[-1][0]

    @property
    def expiry(self) -> Expiry | None:
        return self.versions[-1][1]

    @property
    def enrolled(self) -> frozenset[str]:
        return self.covered - self.opted_out

    def seen(self) -> Credential:
        return Credential(
            token=self.token,
            revision=self.revision,
            credential_version=len(self.versions),
            fpan=self.fpan,
            status=self.status,
            brand=self.number.brand,
            fingerprint=self.fingerprint,
            expiry=None if self.expiry is None else self.expiry.as_int,
            covered=self.covered,
            opted_out=self.opted_out,
        )


@dataclass
class DoubleVault:
    """Cards by (tenant, token); deduplicates by (update_id, token) as the real one does."""

    cards: dict[tuple[str, str], KeptCard] = field(default_factory=dict)
    told: dict[tuple[str, str], Disposition] = field(default_factory=dict)
    revealed: list[str] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    down: bool = False
    page: int = 2
    now_us: Callable[[], int] = lambda: 0
    counter: int = 1000
    parked: list[tuple[str, CardUpdate]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    listens: Callable[[CardUpdate], object] = lambda _update: None

    def add(
        self,
        token: str,
        *,
        tenant: str = "demo",
        brand: Brand = Brand.VISA,
        expiry: Expiry | None = _EXPIRY,
        covered: frozenset[str] = frozenset({"shop"}),
        same_number_as: str = "",
    ) -> KeptCard:
        """Keep a card under a test number of its own, or under that of another one."""
        self.counter += 1
        digits = number_for_test(brand, self.counter)
        fingerprint = f"fp_{self.counter}"
        number = Pan(digits)
        if same_number_as:
            other = self.cards[tenant, same_number_as]
            number, fingerprint = other.number, other.fingerprint
        card = KeptCard(token, [(number, expiry)], covered, fingerprint)
        self.cards[tenant, token] = card
        self.touch(card)
        return card

    def touch(self, card: KeptCard) -> None:
        """Note a change: streams show the card again to those who ask for changes since then."""
        card.changed = self.now_us()
        card.revision += 1

    async def credentials(
        self, tenant: str, cursor: str, changed_since: int
    ) -> AsyncIterator[CredentialPage]:
        """Go by token, as the real one does: what changes behind the cursor isn't shown again."""
        self._check()
        after = self._after(cursor, changed_since)
        while part := self._page(tenant, after, changed_since):
            after = part[-1].token
            yield CredentialPage([card.seen() for card in part], f"{changed_since}/{after}")

    @staticmethod
    def _after(cursor: str, changed_since: int) -> str:
        since, _, token = cursor.partition("/")
        if cursor and since != str(changed_since):  # a cursor belongs to its filters
            raise VaultRefused("another stream's cursor")
        return token

    def _page(self, tenant: str, after: str, changed_since: int) -> Sequence[KeptCard]:
        found = [
            card
            for (of, token), card in sorted(self.cards.items())
            if of == tenant and token > after and card.changed >= changed_since
        ]
        return found[: self.page]

    async def reveal(self, tenant: str, tokens: Sequence[str]) -> Sequence[Revealed | NotRevealed]:
        self._check()
        assert len(tokens) <= 1000
        return [self._reveal(tenant, token) for token in tokens]

    async def revert(
        self, tenant: str, channel: str, feed_id: str, *, request_id: str, dry_run: bool
    ) -> AsyncIterator[RevertedPage]:
        self._check()
        uuid.UUID(request_id)  # raises for what is none
        yield RevertedPage(undo(self, tenant, (channel, feed_id), dry_run=dry_run))

    async def card(self, tenant: str, token: str) -> MaskedCard | None:
        self._check()
        found = self.cards.get((tenant, token))
        if found is None:
            return None
        number = found.number
        shown = (number.brand, number.bin(6), number.last4, found.expiry, found.status.value)
        return MaskedCard(token, *shown)

    async def apply(self, tenant: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        self._check()
        assert 1 <= len(updates) <= 1000
        self.batches.append(len(updates))
        for update in updates:
            self.listens(update)
        return [self._answered(tenant, update) for update in updates]

    def _check(self) -> None:
        if self.down:
            raise VaultUnavailable("down")

    def _reveal(self, tenant: str, token: str) -> Revealed | NotRevealed:
        card = self.cards.get((tenant, token))
        if card is None or card.status is CardStatus.DELETED:
            return NotRevealed(token, "CARD_NOT_FOUND")
        if card.status is CardStatus.CLOSED:
            return NotRevealed(token, "STATUS_FORBIDS")
        self.revealed.append(token)
        brand = card.number.brand
        return Revealed(token, len(card.versions), card.number, card.expiry, brand)

    def _answered(self, tenant: str, update: CardUpdate) -> UpdateResult:
        before = {key: replace(card) for key, card in self.cards.items()}
        versions = {key: list(card.versions) for key, card in self.cards.items()}
        told, parked, changes = dict(self.told), list(self.parked), list(self.changes)
        result = self._told(tenant, update)
        if update.dry_run:  # in place: tests hold on to cards
            self.told, self.parked, self.changes = told, parked, changes
            for key, card in before.items():
                vars(self.cards[key]).update(vars(card) | {"versions": versions[key]})
        return result

    def _told(self, tenant: str, update: CardUpdate) -> UpdateResult:
        update_id = update.update_id
        if update.token:
            first = self._first(update_id, [update.token])
            done = self._apply(tenant, update)
            return UpdateResult(update_id, update.token, done, first=first)
        number = update.number
        assert number is not None
        bearers = self.bearers(tenant, number)
        touched = [card for card in bearers if update.merchant_account in card.enrolled]
        first = self._first(update_id, [each.token for each in touched])
        cards = [
            (each.token, self._apply(tenant, _about(update, each, number))) for each in touched
        ]
        if cards:
            return UpdateResult(update_id, "", cards[0][1], cards=cards, first=first)
        return UpdateResult(update_id, "", self._apply_to_none(tenant, update, bearers))

    def _first(self, update_id: str, tokens: Sequence[str]) -> dict[str, Disposition]:
        """Return what an answer did to cards when it came before."""
        before = {token: self.told.get((update_id, token)) for token in tokens}
        return {token: was for token, was in before.items() if was is not None}

    def bearers(self, tenant: str, number: Pan) -> list[KeptCard]:
        """Return the tenant's cards that hold or held a number, by token."""
        found = [card for (of, _), card in sorted(self.cards.items()) if of == tenant]
        alive = [card for card in found if card.status is not CardStatus.DELETED]
        return [card for card in alive if number in {each for each, _ in card.versions}]

    def _apply_to_none(
        self, tenant: str, update: CardUpdate, bearers: Sequence[KeptCard]
    ) -> Disposition:
        key = (update.update_id, "")
        if key in self.told:
            return Disposition.DUPLICATE
        if bearers or update.outcome not in BRINGS_EXPIRY:
            return Disposition.NOT_FOUND
        self.told[key] = Disposition.PARKED
        self.parked.append((tenant, update))
        return Disposition.PARKED

    def _apply(self, tenant: str, update: CardUpdate) -> Disposition:
        key = (update.update_id, update.token)
        if key in self.told:
            return Disposition.DUPLICATE
        before = change_of(self, tenant, update)
        self.told[key] = self._decide(tenant, update)
        if self.told[key] is Disposition.APPLIED:
            self.changes.append(before)
            self._release(tenant, self.cards[tenant, update.token])
        return self.told[key]

    def _release(self, tenant: str, card: KeptCard) -> None:
        """Decide again what was parked for the number that a network's answer has made current."""
        for of, parked in list(self.parked):
            number = parked.number
            if of == tenant and number == card.number and parked.merchant_account in card.enrolled:
                self.parked.remove((of, parked))
                self._apply(tenant, _about(parked, card, card.number))

    def _decide(self, tenant: str, update: CardUpdate) -> Disposition:
        card = self.cards.get((tenant, update.token))
        if card is None or card.status is CardStatus.DELETED:
            return Disposition.NOT_FOUND
        if update.outcome in BRINGS_EXPIRY:
            return self._new_version(card, update)
        if update.outcome is Outcome.OPTED_OUT:
            card.opted_out |= {update.merchant_account}
            self.touch(card)
            return Disposition.APPLIED
        status = _STATUS_AFTER.get(update.outcome)
        if status is None or status is card.status:
            return Disposition.NO_CHANGE
        if update.credential_version != len(card.versions):
            return Disposition.STALE
        card.status = status
        self.touch(card)
        return Disposition.APPLIED

    def _new_version(self, card: KeptCard, update: CardUpdate) -> Disposition:
        new = (update.new_number or card.number, update.new_expiry or card.expiry)
        if update.credential_version != len(card.versions):
            return Disposition.DUPLICATE if new == card.versions[-1] else Disposition.STALE
        if new == card.versions[-1]:
            return Disposition.NO_CHANGE
        backwards = new[1] is not None and card.expiry is not None and new[1] < card.expiry
        if update.outcome is Outcome.EXPIRY_UPDATED and backwards:
            return Disposition.REJECTED
        card.versions.append(new)
        card.fingerprint = card.fingerprint if new[0] == card.versions[-2][0] else f"fp_{id(new)}"
        card.status = CardStatus.ACTIVE
        self.touch(card)
        return Disposition.APPLIED

    def contents(self) -> dict[tuple[str, str], tuple[object, ...]]:
        """Return what tests compare: versions, status and holds of every card."""
        return {
            key: (tuple(card.versions), card.status, card.opted_out)
            for key, card in self.cards.items()
        }


def _about(update: CardUpdate, card: KeptCard, number: Pan) -> CardUpdate:
    """Return an answer by number as one about a card: about the newest version that had it."""
    versions = [at for at, (each, _) in enumerate(card.versions, start=1) if each == number]
    return replace(update, token=card.token, credential_version=versions[-1], number=None)
