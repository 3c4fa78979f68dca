"""What a flush reads before it decides, and what it wants read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from vault.domain.audit import ChainHead
from vault.domain.card import Card, CardKey, ExistingKey, Version
from vault.domain.imprint import Imprint
from vault.domain.parked import ParkedDay, ParkedKey, ParkedRow


class RequestKey(NamedTuple):
    """A request id means something only for the principal and tenant that sent it."""

    tenant: str
    principal: str
    request_id: str


class RequestRecord(NamedTuple):
    """An applied request. `outcome` is small JSON without card data; `token` may be empty."""

    tenant: str
    principal: str
    request_id: str
    mac_key: bytes
    mac: bytes
    token: str
    outcome: str
    create_time: int


class NumberKey(NamedTuple):
    """A card number, as its lookup MAC."""

    tenant: str
    mac: bytes


class Holder(NamedTuple):
    """What a search by number tells of a card that has (`current`) or had the number."""

    credential_version: int  # the newest one with the number
    current: bool
    status: str
    kind: str
    expire_time: int


class NumberOf(NamedTuple):
    """Whether a customer already keeps this number: resolved through the fingerprint."""

    tenant: str
    mac: bytes
    customer: str
    kind: str
    token_format: str


class AppliedKey(NamedTuple):
    """An updater's answer, once per card."""

    tenant: str
    update_id: str
    token: str


class Control(NamedTuple):
    """The one control row: a change of either number bites at the next flush."""

    seal_epoch: int = 0
    key_epoch: int = 0


@dataclass(slots=True)
class Want:
    """What the entries of a flush name. A store may read more, never less."""

    cards: set[CardKey] = field(default_factory=set)
    siblings: set[CardKey] = field(default_factory=set)  # cards of one customer and number
    versions: set[CardKey] = field(default_factory=set)
    requests: set[RequestKey] = field(default_factory=set)
    numbers: set[NumberKey] = field(default_factory=set)
    existing: set[NumberOf] = field(default_factory=set)
    moves: set[tuple[CardKey, NumberKey]] = field(default_factory=set)  # a card may take it
    holders: set[NumberKey] = field(default_factory=set)  # the cards that hold or held it
    applied: set[AppliedKey] = field(default_factory=set)
    imprints: set[CardKey] = field(default_factory=set)  # cards that may go back to an old version
    parked: set[NumberKey] = field(default_factory=set)  # what waits for a number
    parked_ids: set[ParkedKey] = field(default_factory=set)
    parked_days: set[ParkedDay] = field(default_factory=set)  # how many
    follow: bool = False  # what is found by a number names more: see `decide.follow`
    # How many decisions on cards the answers by number come to.
    width: int = field(default=0, compare=False)


@dataclass(slots=True)
class State:
    """What was read, kept up to date while a flush decides, entry by entry."""

    head: ChainHead
    control: Control = field(default_factory=Control)
    cards: dict[CardKey, Card] = field(default_factory=dict)
    versions: dict[CardKey, list[Version]] = field(default_factory=dict)
    requests: dict[RequestKey, RequestRecord] = field(default_factory=dict)
    numbers: dict[NumberKey, str] = field(default_factory=dict)
    existing: dict[ExistingKey, str] = field(default_factory=dict)
    applied: dict[AppliedKey, str] = field(default_factory=dict)
    imprints: dict[CardKey, list[Imprint]] = field(default_factory=dict)
    parked: dict[ParkedKey, ParkedRow] = field(default_factory=dict)
    waiting: dict[NumberKey, dict[str, ParkedRow]] = field(default_factory=dict)  # the same rows
    parked_days: dict[ParkedDay, int] = field(default_factory=dict)
    # Who has or had a number, at most `links.HOLDERS` of each; in `cut`, where there are more.
    held: dict[NumberKey, dict[CardKey, Holder]] = field(default_factory=dict)
    cut: set[NumberKey] = field(default_factory=set)

    def hold(self, number: NumberKey, card: CardKey, holder: Holder) -> None:
        """Note who has or had a number, by the newest version."""
        holders = self.held.setdefault(number, {})
        known = holders.get(card)
        if known is None or known.credential_version < holder.credential_version:
            holders[card] = holder

    def park(self, row: ParkedRow) -> None:
        """Note a parked answer as it now is."""
        self.parked[row.key] = row
        number = NumberKey(row.tenant, row.mac)
        self.waiting.setdefault(number, {})[row.update_id] = row

    def unpark(self, row: ParkedRow) -> None:
        """Forget a parked answer."""
        self.parked.pop(row.key, None)
        self.waiting.get(NumberKey(row.tenant, row.mac), {}).pop(row.update_id, None)

    def waiting_for(self, numbers: Iterable[NumberKey]) -> list[ParkedRow]:
        """Return the parked answers about a number, known by its keys, in order of arrival."""
        if not self.parked:
            return []
        rows = [row for number in numbers for row in self.waiting.get(number, {}).values()]
        return sorted(rows, key=lambda row: (row.time, row.update_id))
