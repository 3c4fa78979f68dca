"""A card as the vault keeps it: one row, its plain columns and its sealed contents.

Rows are tuples, because a flush handles hundreds of them: building a frozen dataclass of this
width costs five times as much. The three text fields hold canonical JSON, parsed on demand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from cards.brands import Brand


class Kind(StrEnum):
    """What sort of number a card holds; only FPANs are ever asked about at a network."""

    FPAN = "FPAN"
    DPAN = "DPAN"
    MPAN = "MPAN"
    NETWORK_TOKEN = "NETWORK_TOKEN"  # noqa: S105 - a kind of number, not a secret


class TokenFormat(StrEnum):
    """The shape of a card's token; both are random, nothing is computed from the number."""

    OPAQUE = "OPAQUE"
    CARD_SHAPED = "CARD_SHAPED"


class Status(StrEnum):
    """Where a card stands; `vault.domain.lifecycle` has the arrows between them."""

    ACTIVE = "ACTIVE"
    NEEDS_CARDHOLDER = "NEEDS_CARDHOLDER"
    CLOSED = "CLOSED"
    DELETED = "DELETED"


class HoldType(StrEnum):
    """A brake on a card; all but the legal hold belong to one merchant account."""

    RECURRING_STOPPED = "RECURRING_STOPPED"
    UPDATER_OPTED_OUT = "UPDATER_OPTED_OUT"
    LEGAL_HOLD = "LEGAL_HOLD"


class Agreement(StrEnum):
    """What the cardholder agreed to when the card was stored."""

    ONE_TIME = "ONE_TIME"
    RECURRING = "RECURRING"
    INSTALLMENT = "INSTALLMENT"
    UNSCHEDULED = "UNSCHEDULED"


class Cause(StrEnum):
    """Who made a credential version: the cardholder's side, a network, an operator, an undoing."""

    CARDHOLDER = "CARDHOLDER"
    NETWORK = "NETWORK"
    OPERATOR = "OPERATOR"
    IMPORT = "IMPORT"
    REVERTED = "REVERTED"  # a network's answers were undone


class Times(NamedTuple):
    """What an answer knows about its own age; microseconds since the epoch, 0 for unknown."""

    event: int = 0
    file: int = 0
    asked: int = 0


class Hold(NamedTuple):
    """One brake; `merchant_account` is empty for a legal hold."""

    type: HoldType
    merchant_account: str = ""


class StoredCredential(NamedTuple):
    """A merchant account's agreement with the cardholder; times in microseconds, 0 for none."""

    merchant_account: str
    agreement: str
    initiator: str
    consent_time: int
    consent_reference: str
    withdraw_time: int
    network_transaction_ids: tuple[tuple[str, str], ...] = ()

    @property
    def covers_updates(self) -> bool:
        """Tell whether this agreement allows asking a network about the card."""
        return bool(self.consent_time) and not self.withdraw_time and self.agreement != "ONE_TIME"


class CardKey(NamedTuple):
    """A card's address."""

    tenant: str
    token: str


class Edition(NamedTuple):
    """Which state of a card: its revision and the time of its last change, in microseconds.

    The time tells apart what a restored backup, or a failover that lost an unacknowledged change,
    would let happen twice under one revision.
    """

    revision: int
    update_time: int


class Card(NamedTuple):
    """The current state of one card. Times are microseconds since the epoch, 0 for none."""

    tenant: str
    token: str
    revision: int
    credential_version: int
    kind: str
    token_format: str
    status: str
    status_before: str
    brand: str
    bin: str
    last4: str
    expiry: int  # yyyymm, 0 for unknown
    expiry_unconfirmed: bool
    fingerprint: str
    customer: str
    create_time: int
    update_time: int
    expire_time: int
    purge_time: int  # when a deleted card's contents go
    sealed: bytes | None
    sealed_revision: int
    version_cause: str
    version_source: str
    version_time: int
    event_time: int  # of the last network answer that changed the card; see `Times`
    file_time: int
    asked_time: int
    holds: str
    stored_credentials: str
    metadata: str
    details: str  # funding, issuer_country, par, last_decline_code, last_decline_time

    @property
    def key(self) -> CardKey:
        """The card's address."""
        return CardKey(self.tenant, self.token)

    @property
    def edition(self) -> Edition:
        """Which state of the card this is."""
        return Edition(self.revision, self.update_time)

    @property
    def times(self) -> Times:
        """The ages of the last network answer that changed this card."""
        return Times(self.event_time, self.file_time, self.asked_time)

    def expired_at(self, now: int) -> bool:
        """Tell whether the card's time to live has run out; it then counts as deleted."""
        return bool(self.expire_time) and self.expire_time <= now

    def status_at(self, now: int) -> str:
        """Return the status that a caller sees."""
        return "DELETED" if self.expire_time and self.expire_time <= now else self.status

    def live_at(self, now: int) -> bool:
        """Tell whether the card is ACTIVE or NEEDS_CARDHOLDER and not past its time to live."""
        return self.status in LIVE and not self.expired_at(now)

    @property
    def key_id(self) -> bytes:
        """The data key that sealed the contents (empty once erased): see `crypto.blob`."""
        return self.sealed[2:10] if self.sealed else b""


LIVE = frozenset({"ACTIVE", "NEEDS_CARDHOLDER"})


class Version(NamedTuple):
    """A superseded credential version, kept until its retention ends."""

    tenant: str
    token: str
    credential_version: int
    brand: str
    bin: str
    last4: str
    expiry: int
    fingerprint: str
    cause: str
    source: str
    create_time: int
    superseded_time: int
    purge_time: int
    event_time: int
    file_time: int
    asked_time: int
    sealed: bytes
    sealed_revision: int


class ExistingKey(NamedTuple):
    """What Tokenize looks an existing card up by."""

    tenant: str
    fingerprint: str
    customer: str
    kind: str
    token_format: str


_ENCODE = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=True).encode


def pack(value: Any) -> str:
    """Return canonical JSON, or the empty string for an empty value."""
    return _ENCODE(value) if value else ""


def holds_of(card: Card) -> frozenset[Hold]:
    """Parse a card's holds."""
    if not card.holds:
        return frozenset()
    return frozenset(Hold(HoldType(kind), account) for kind, account in json.loads(card.holds))


def pack_holds(holds: frozenset[Hold]) -> str:
    """Return the stored form of holds: sorted, so that equal sets are equal text."""
    return pack(sorted([hold.type.value, hold.merchant_account] for hold in holds))


def stored_credentials_of(card: Card) -> tuple[StoredCredential, ...]:
    """Parse a card's agreements, in the order of their merchant accounts."""
    if not card.stored_credentials:
        return ()
    return tuple(
        StoredCredential._make((*row[:6], tuple((name, value) for name, value in row[6])))
        for row in json.loads(card.stored_credentials)
    )


def pack_stored_credentials(rows: tuple[StoredCredential, ...]) -> str:
    """Return the stored form of agreements, sorted by merchant account."""
    return pack(sorted([*row[:6], sorted(row.network_transaction_ids)] for row in rows))


def metadata_of(card: Card) -> Mapping[str, str]:
    """Parse a card's metadata."""
    return dict(json.loads(card.metadata)) if card.metadata else {}


def details_of(card: Card) -> dict[str, Any]:
    """Parse what is known of a card beside its number: funding, country, PAR, last decline."""
    return dict(json.loads(card.details)) if card.details else {}


def existing_key(card: Card, now: int) -> ExistingKey | None:
    """Return the key under which Tokenize may find this card, or None where it may not.

    Only live cards of a customer and without a time to live are ever found again.
    """
    if not card.customer or card.expire_time or not card.live_at(now):
        return None
    return ExistingKey(card.tenant, card.fingerprint, card.customer, card.kind, card.token_format)


def known_brand(card: Card) -> Brand:
    """Return the card's brand as the enum."""
    return Brand(card.brand)
