"""A vault for the updater's tests: what `Vault` promises, with the real semantics, in memory."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from cards.brands import Brand
from cards.expiry import Expiry
from cards.outcomes import BRINGS_EXPIRY, Outcome
from cards.pan import Pan
from cards.testcards import test_pan as number_for_test
from updater.domain.dispositions import Disposition
from updater.domain.enrolment import CardStatus, Credential
from updater.domain.errors import VaultRefused, VaultUnavailable
from updater.usecases.ports import (
    CardUpdate,
    CredentialPage,
    NotRevealed,
    Revealed,
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

    async def apply(self, tenant: str, updates: Sequence[CardUpdate]) -> Sequence[UpdateResult]:
        self._check()
        assert 1 <= len(updates) <= 1000
        self.batches.append(len(updates))
        return [
            UpdateResult(update.update_id, update.token, self._apply(tenant, update))
            for update in updates
        ]

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

    def _apply(self, tenant: str, update: CardUpdate) -> Disposition:
        key = (update.update_id, update.token)
        if key in self.told:
            return Disposition.DUPLICATE
        self.told[key] = self._decide(tenant, update)
        return self.told[key]

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
