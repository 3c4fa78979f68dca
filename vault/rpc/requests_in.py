"""Requests on their way in: from messages that passed their rules to values that mean something.

What a message's own rules cannot say is checked here: Luhn, month with year, hold with merchant
account, card numbers where none belong. Paths in refusals name fields, never values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cardvault.vault.v1 import card_pb2 as pb
from cardvault.vault.v1 import vault_service_pb2 as api

from cards.brands import Brand, rule
from cards.expiry import Expiry, expiry_of
from cards.masking import holds_card_number, is_card_number
from cards.pan import Pan, PanInvalid
from vault.domain.card import Hold, HoldType, Kind, StoredCredential, TokenFormat
from vault.domain.contents import Contents
from vault.domain.intents import AddCard
from vault.domain.reasons import Reason, VaultError
from vault.rpc.cards_out import address_text
from vault.rpc.enums import AGREEMENT, FORMAT, HOLD, INITIATOR, KIND, ON_EXISTING, STATUS
from vault.rpc.times import micros

MAX_METADATA_BYTES = 4096
UNDELETED = ("ACTIVE", "NEEDS_CARDHOLDER", "CLOSED")
# By number, made once: looking an enum's member up by its value costs half a microsecond.
_KINDS = {number: Kind(name or "FPAN") for number, name in KIND.name.items()}
_FORMATS = {number: TokenFormat(name or "OPAQUE") for number, name in FORMAT.name.items()}
_ACCOUNT_HOLDS = frozenset({"RECURRING_STOPPED", "UPDATER_OPTED_OUT"})


def pan_in(number: str, path: str) -> Pan:
    """Return a card number, or refuse it by its path."""
    try:
        return Pan(number)
    except PanInvalid:
        raise VaultError(Reason.CARD_NUMBER_INVALID, path) from None


def expiry_in(message: pb.CardDetails | pb.CardChanges, path: str) -> Expiry | None:
    """Return an expiry; a month without year or a year without month is refused."""
    month, year = message.HasField("expiry_month"), message.HasField("expiry_year")
    if month != year:
        raise VaultError(Reason.EXPIRY_INVALID, f"{path}.expiry_{'year' if month else 'month'}")
    return expiry_of(message.expiry_year, message.expiry_month) if month else None


def no_number_in_text(text: str, path: str) -> str:
    """Refuse a card number inside a name or a note."""
    if text and holds_card_number(text):
        raise VaultError(Reason.CARD_NUMBER_IN_OTHER_FIELD, path)
    return text


def no_number_as_id(value: str, path: str) -> str:
    """Refuse an identifier that is a card number as a whole."""
    if value and is_card_number(value):
        raise VaultError(Reason.CARD_NUMBER_IN_OTHER_FIELD, path)
    return value


def contents_in(card: pb.CardDetails, path: str = "card") -> Contents:
    """Return what will be sealed."""
    pan = pan_in(card.number, f"{path}.number")
    return Contents(
        pan,
        expiry_in(card, path),
        no_number_in_text(card.cardholder_name, f"{path}.cardholder_name"),
        address_in(card, path),
    )


def address_in(card: pb.CardDetails | pb.CardChanges, path: str) -> str:
    """Return the canonical text of a billing address, empty for none."""
    if not card.HasField("billing_address"):
        return ""
    return no_number_in_text(address_text(card.billing_address), f"{path}.billing_address")


def metadata_in(metadata: Mapping[str, str], path: str = "metadata") -> tuple[tuple[str, str], ...]:
    """Return metadata pairs, sorted; at most 4 KiB, keys and values together."""
    pairs = tuple(sorted(metadata.items()))
    if sum([len(key.encode()) + len(value.encode()) for key, value in pairs]) > MAX_METADATA_BYTES:
        raise VaultError(Reason.METADATA_TOO_LARGE, path)
    for key, value in pairs:
        # The key is input too: it is never part of the path.
        no_number_in_text(key, path)
        no_number_in_text(value, path)
    return pairs


def agreements_in(
    rows: Iterable[pb.StoredCredential], path: str = "stored_credentials"
) -> tuple[StoredCredential, ...]:
    """Return agreements by merchant account: one each, no withdrawal before its consent."""
    found: dict[str, StoredCredential] = {}
    for index, row in enumerate(rows):
        here = f"{path}[{index}]"
        agreement = _agreement_in(row, here)
        if agreement.merchant_account in found:
            raise VaultError(Reason.STORED_CREDENTIAL_INVALID, f"{here}.merchant_account")
        found[agreement.merchant_account] = agreement
    return tuple(found[account] for account in sorted(found))


def _agreement_in(row: pb.StoredCredential, path: str) -> StoredCredential:
    consent = time_in(row.consent_time, f"{path}.consent_time")
    withdrawn = time_in(row.withdraw_time, f"{path}.withdraw_time")
    if withdrawn and withdrawn < consent:
        raise VaultError(Reason.STORED_CREDENTIAL_INVALID, f"{path}.withdraw_time")
    for network, transaction in row.network_transaction_ids.items():
        no_number_as_id(network, f"{path}.network_transaction_ids")
        # Those of 15 digits are let through: Visa's have as many, and one in some hundred of them
        # would pass for an American Express number.
        if len(transaction) != 15:
            no_number_as_id(transaction, f"{path}.network_transaction_ids")
    return StoredCredential(
        no_number_as_id(row.merchant_account, f"{path}.merchant_account"),
        AGREEMENT.name[row.agreement],
        INITIATOR.name[row.initiator],
        consent,
        no_number_as_id(row.consent_reference, f"{path}.consent_reference"),
        withdrawn,
        tuple(sorted(row.network_transaction_ids.items())),
    )


def time_in(value: object, path: str) -> int:
    """Return microseconds; nanoseconds out of range are refused (the rules do not look there)."""
    nanos = getattr(value, "nanos", 0)
    if not 0 <= nanos < 1_000_000_000:
        raise VaultError(Reason.INVALID_FIELD, path)
    return micros(value)  # type: ignore[arg-type]


def hold_in(hold: pb.Hold, path: str) -> Hold:
    """Return a hold: all but the legal one belong to a merchant account."""
    kind = HOLD.name[hold.type]
    if (kind in _ACCOUNT_HOLDS) != bool(hold.merchant_account):
        raise VaultError(Reason.HOLD_INVALID, f"{path}.merchant_account")
    account = no_number_as_id(hold.merchant_account, f"{path}.merchant_account")
    return Hold(HoldType(kind), account)


def code_length_in(code: str, brand: Brand, path: str = "security_code") -> None:
    """Refuse a security code of another length than the brand's codes."""
    allowed = rule(brand).security_code_lengths
    if allowed and len(code) not in allowed:
        raise VaultError(Reason.SECURITY_CODE_INVALID, path)


def add_card_in(request: api.TokenizeRequest) -> AddCard:
    """Return what a TokenizeRequest means. Raises VaultError."""
    contents = contents_in(request.card)
    return AddCard(
        contents=contents,
        kind=_KINDS[request.kind],
        token_format=_FORMATS[request.token_format],
        customer=no_number_as_id(request.customer, "customer"),
        stored_credentials=agreements_in(request.stored_credentials)
        if request.stored_credentials
        else (),
        metadata=metadata_in(request.metadata) if request.metadata else (),
        ttl_us=time_in(request.ttl, "ttl") if request.HasField("ttl") else 0,
        on_existing=ON_EXISTING.name[request.on_existing] or "RETURN",
    )


def statuses_in(values: Sequence[int]) -> tuple[str, ...]:
    """Return the statuses of a filter; none named means all but DELETED."""
    return names_in(values, STATUS.name) or UNDELETED


def names_in(values: Sequence[int], names: Mapping[int, str]) -> tuple[str, ...]:
    """Return the names of enum numbers that the rules have checked."""
    return tuple(names[value] for value in values)
