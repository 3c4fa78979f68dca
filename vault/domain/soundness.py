"""Tell whether a stored card can be what was stored: a disk may have changed a bit of it.

The seal answers for a card's contents and for what they are bound to. The columns beside them are
looked at here, before anything is decided on them, or recorded: a caller hears DATA_LOSS of that
card, and nothing of an enum without a name. What is still a good card, if another one, goes
unnoticed; only the seal could tell.
"""

from __future__ import annotations

import json
from itertools import product
from typing import Any, Final, get_type_hints

from cards.brands import Brand
from vault.domain.card import Card, HoldType, Kind, Status, TokenFormat
from vault.domain.reasons import Reason, VaultError

# As plain strings: a StrEnum compares equal, but its hash takes a call into Python.
_NAMES: Final = frozenset(
    (kind.value, shape.value, status.value, brand.value)
    for kind, shape, status, brand in product(Kind, TokenFormat, Status, Brand)
)
_BEFORE: Final = frozenset({"", *[status.value for status in Status]})
_HOLDS: Final = frozenset(each.value for each in HoldType)
_FUNDING: Final = frozenset({"", "CREDIT", "DEBIT", "PREPAID", "CHARGE"})
_MOST_COUNT: Final = (1 << 63) - 1
_MOST_TIME: Final = 1 << 57  # microseconds: the year 6537, and a Timestamp ends in 9999
_MOST_EXPIRY: Final = 9999_12


def damaged(card: Card) -> bool:
    """Tell whether a card's plain columns can't be what was stored, in a third of a microsecond.

    Some more where it has holds, agreements, metadata or details, which are parsed.
    """
    if (card.kind, card.token_format, card.status, card.brand) not in _NAMES:
        return True
    try:
        # One look at all of them: a bit too many, or a sign, stays in what they come to together,
        # and of anything but integers they come to nothing.
        times = card.create_time | card.update_time | card.expire_time | card.purge_time
        if (
            not 0 <= times <= _MOST_TIME
            or not 0 < (card.revision | card.credential_version) <= _MOST_COUNT
            or not 0 <= (card.expiry | 0) <= _MOST_EXPIRY
        ):
            return True
    except TypeError:
        return True
    if card.status_before not in _BEFORE:
        return True
    if card.holds or card.stored_credentials or card.metadata or card.details:
        return _texts_damaged(card)
    return False


def must_be_sound(card: Card) -> None:
    """Go on only with a card that can be what was stored. Raises VaultError(DATA_CORRUPT)."""
    if damaged(card):
        raise VaultError(Reason.DATA_CORRUPT)


def mistyped(row: tuple[Any, ...]) -> bool:
    """Tell whether a row of any table has a value of another type than its column: slow."""
    kinds = get_type_hints(type(row)).values()
    return not all(map(isinstance, row, kinds))


def _texts_damaged(card: Card) -> bool:
    """Look at the JSON without making anything of it: that alone would take twice as long."""
    words: list[str] = []
    try:
        if card.holds:
            for kind, account in json.loads(card.holds):
                if kind not in _HOLDS:
                    return True
                words.append(account)
        if card.stored_credentials and not _agreements(card.stored_credentials, words):
            return True
        if card.metadata:
            metadata = json.loads(card.metadata)
            words += metadata.keys()
            words += metadata.values()
        if card.details and not _details(json.loads(card.details), words):
            return True
        "".join(words).encode()  # anything but text, or half a character, has no such form
    except (ValueError, TypeError, AttributeError, RecursionError):
        return True
    return False


def _agreements(text: str, words: list[str]) -> bool:
    for account, agreement, initiator, consented, reference, withdrawn, ids in json.loads(text):
        if not 0 <= (consented | withdrawn) <= _MOST_TIME:
            return False
        words += (account, agreement, initiator, reference)
        for brand, number in ids:
            words += (brand, number)
    return True


def _details(details: dict[str, Any], words: list[str]) -> bool:
    declined = details.pop("last_decline_time", 0)
    words += details.keys()
    words += details.values()
    return details.get("funding", "") in _FUNDING and 0 <= (declined | 0) <= _MOST_TIME
