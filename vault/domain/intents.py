"""What a caller wants: one intent an entry, applied whole or not at all.

Not printed anywhere: several hold card numbers, so none of those has a generated `repr`. The two
of the hot path are tuples, as a card's row is: a frozen dataclass of their width takes four times
as long to make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan
from vault.domain.audit import ChainHead
from vault.domain.card import CardKey, Hold, Kind, Status, StoredCredential, Times, TokenFormat
from vault.domain.contents import Contents


@dataclass(slots=True, frozen=True)
class Caller:
    """Who asks: recorded with everything that is decided. `tenant` comes from the identity."""

    tenant: str
    principal: str
    origin: str = ""
    traceparent: str = field(default="", compare=False)
    """What names a sampled call's span to whoever hears of the change; empty for all others."""


class RequestMark(NamedTuple):
    """A request id and the canonical bytes of the request it stands for (AIP-155)."""

    request_id: str
    body: bytes

    def __repr__(self) -> str:
        return f"<RequestMark {self.request_id}>"


class AddCard(NamedTuple):
    """Tokenize."""

    contents: Contents
    kind: Kind = Kind.FPAN
    token_format: TokenFormat = TokenFormat.OPAQUE
    customer: str = ""
    stored_credentials: tuple[StoredCredential, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    ttl_us: int = 0
    on_existing: str = "RETURN"  # RETURN | UPDATE | NEW

    def __repr__(self) -> str:
        return "<AddCard>"


@dataclass(slots=True, frozen=True, repr=False)
class EditCard:
    """UpdateCard: the fields named in `mask` take these values."""

    token: str
    expected_revision: int  # 0: not compared
    mask: frozenset[str]  # card.number card.expiry card.cardholder_name card.billing_address …
    pan: Pan | None = None
    expiry: int = 0
    cardholder_name: str = ""
    billing_address: str = ""
    stored_credentials: tuple[StoredCredential, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True, frozen=True)
class SetStatus:
    """SetCardStatus: a new status, holds to place and to release."""

    token: str
    expected_revision: int
    status: Status | None
    place: frozenset[Hold] = frozenset()
    release: frozenset[Hold] = frozenset()
    note: str = ""


@dataclass(slots=True, frozen=True)
class NoteDecline:
    """ReportDecline."""

    token: str
    code: str
    declined_at: int


@dataclass(slots=True, frozen=True)
class DeleteCard:
    """DeleteCard; contents go when `grace_us` is over."""

    token: str
    expected_revision: int
    grace_us: int


@dataclass(slots=True, frozen=True)
class UndeleteCard:
    """UndeleteCard, possible until the grace is over."""

    token: str
    expected_revision: int


class Reveal(NamedTuple):
    """Detokenize: `allowed` are the statuses in which this purpose may see the number."""

    token: str
    purpose: str
    allowed: frozenset[str]
    credential_version: int = 0  # 0: the current one
    superseded_too: bool = False  # may see versions that are no longer current
    with_security_code: bool = False  # recorded; the code itself is not the ledger's business
    request_id: str = ""  # for the audit: a reveal is never replayed


@dataclass(slots=True, frozen=True, repr=False)
class FindNumber:
    """FindByNumber: the tokens that hold or held a number."""

    pan: Pan
    purpose: str


@dataclass(slots=True, frozen=True, repr=False)
class ApplyUpdate:
    """One answer of an account updater about the version that was asked about."""

    update_id: str
    token: str
    asked_version: int
    merchant_account: str
    outcome: UpdateOutcome
    new_pan: Pan | None
    new_expiry: int
    times: Times
    channel: str
    file: str
    record: str
    raw_code: str
    dry_run: bool = False
    number_unusable: bool = False  # a new number came that is no card number
    by_number: bool = False  # the answer named a number; which version that is, the vault found

    @property
    def source_name(self) -> str:
        """Name the channel and file that this came from, as versions and events record it."""
        return f"{self.channel}/{self.file}"


@dataclass(slots=True, frozen=True, repr=False)
class ApplyByNumber:
    """One answer of an account updater about a number: `said` has no token and no version."""

    pan: Pan
    said: ApplyUpdate


@dataclass(slots=True, frozen=True, repr=False)
class ReleaseParked:
    """The vault's own: decide again the parked answers about a number, known by its lookup MAC."""

    mac: bytes


@dataclass(slots=True, frozen=True)
class RevertUpdates:
    """Undo what a file's answers did to one card, or the answer that made one of its versions."""

    token: str
    source: str = ""  # `channel/file`, as `ApplyUpdate.source_name`; empty: by version
    version: int = 0  # 0: by source
    dry_run: bool = False
    request_id: str = ""  # for the audit: undoing twice is undoing once


@dataclass(slots=True, frozen=True)
class DropParked:
    """Drop an answer of a file that is undone, if it is still parked."""

    update_id: str
    source: str
    dry_run: bool = False
    request_id: str = ""  # for the audit


@dataclass(slots=True, frozen=True)
class EraseCard:
    """The sweeper's: remove all contents of a card whose time has come."""

    token: str


@dataclass(slots=True, frozen=True)
class PurgeVersion:
    """The sweeper's: remove a superseded version whose retention has ended."""

    token: str
    credential_version: int


@dataclass(slots=True, frozen=True)
class Note:
    """Nothing but an audit record: a refusal, or an act that changes no card."""

    action: str
    result: str
    reason: str = ""
    token: str = ""
    purpose: str = ""
    note: str = ""


@dataclass(slots=True, frozen=True)
class EndChains:
    """The reaper's: end the audit chains of dead processes, as they stand, and record it."""

    heads: tuple[ChainHead, ...]


Intent = (
    AddCard
    | EditCard
    | SetStatus
    | NoteDecline
    | DeleteCard
    | UndeleteCard
    | Reveal
    | FindNumber
    | ApplyUpdate
    | ApplyByNumber
    | ReleaseParked
    | RevertUpdates
    | DropParked
    | EraseCard
    | PurgeVersion
    | Note
    | EndChains
)


@dataclass(slots=True, eq=False, repr=False)
class Entry:
    """All that one caller's intent changes, to be applied together or not at all.

    `still_wanted` is asked once, when the entry is picked for a flush: a caller that gave up
    before is dropped then, never after.
    """

    caller: Caller
    intent: Intent
    mark: RequestMark | None = None
    size: int = 512  # bytes this entry may hold in the queue
    still_wanted: Callable[[], bool] | None = None
    # A new card's number as its lookup MACs, one for each index key: made when a flush asks what
    # is to be read, and used when it decides.
    lookups: Sequence[bytes] = ()

    @property
    def card_key(self) -> CardKey | None:
        """The one card this entry is about, if it names one."""
        token = getattr(self.intent, "token", "")
        return CardKey(self.caller.tenant, token) if token else None
