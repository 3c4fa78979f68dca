"""The networks' own vocabularies, and the carriers that pass them on as they are.

Source: `account-updater.md` sections 1 to 3, 4.4, 4.9 and B. Codes that section B has no outcome
for (VAU013, Discover's 17 and 18) are left out: an operator sees them as UNKNOWN.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from cards.outcomes import Outcome
from updater.domain.mapping.keys import Codes, Level, Network, Sheet

GP_BIGBATCH: Final = "gp-bigbatch-80"
VAU_BATCH: Final = "vau-batch"
VAU_API: Final = "vau-api-json"
VAU_PUSH: Final = "vau-push"
VAU_REALTIME: Final = "vau-realtime"
ABU_BATCH: Final = "abu-batch"
ABU_API: Final = "abu-api-json"
ABU_PUSH: Final = "abu-push"
DISCOVER_BATCH: Final = "discover-batch"
PAYSAFE: Final = "paysafe-csv"
MONERIS: Final = "moneris-csv"

_VISA: Final[Codes] = {
    Outcome.PAN_UPDATED: ("A",),
    Outcome.EXPIRY_UPDATED: ("E",),
    Outcome.CLOSED: ("C",),
    Outcome.CONTACT_CARDHOLDER: ("Q",),
    Outcome.OPTED_OUT: ("O",),
    Outcome.VALID_NO_CHANGE: ("V",),
    Outcome.NO_MATCH: ("P",),
    Outcome.NOT_PARTICIPATING: ("N",),
}
_VISA_UK: Final[Codes] = {
    **_VISA,
    Outcome.UPDATE_EXPIRED: ("F",),
    Outcome.UNSUPPORTED: ("G",),
}
_VISA_REJECTS: Final[Codes] = {
    Outcome.REJECTED_INPUT: ("1", "3", "4", "5", "M"),
    Outcome.REJECTED_DUPLICATE: ("D",),
}
_VISA_REQUEST: Final[Codes] = {
    Outcome.REJECTED_MERCHANT: (("409", "A"), ("409", "M"), ("409", "X")),
    Outcome.REJECTED_DUPLICATE: ("303",),
    Outcome.CHANNEL_ERROR: (("400", "B"), ("500", "E"), "202"),
}
_VISA_REALTIME: Final[Codes] = {
    Outcome.UNSUPPORTED: (
        *("VAU001", "VAU002", "VAU003", "VAU004", "VAU005", "VAU006", "VAU007"),
        "VAU015",
    ),
    Outcome.REJECTED_MERCHANT: ("VAU008", "VAU010"),
    Outcome.NOT_PARTICIPATING: ("VAU009",),
    Outcome.STOP_RECURRING: ("VAU011",),
    Outcome.VALID_NO_CHANGE: ("VAU012",),
    Outcome.OPTED_OUT: ("VAU014", "VAU016"),
}

_MASTERCARD_ERRORS: Final[Codes] = {
    Outcome.REJECTED_INPUT: ("000101", "000102", "000103", "000105"),
    Outcome.REJECTED_MERCHANT: ("000104", "000122"),
}
_MASTERCARD: Final[Codes] = {
    Outcome.PAN_UPDATED: (("UPDATE", "R"),),
    Outcome.BRAND_CHANGED: (("UPDATE", "B"),),
    Outcome.EXPIRY_UPDATED: (("EXPIRY", "E"),),
    Outcome.CLOSED_OR_CONTACT: (("CONTAC", "C"),),
    Outcome.VALID_NO_CHANGE: (("VALID", "V"),),
    Outcome.NO_MATCH: (("UNKNWN", "P"),),
    Outcome.NOT_PARTICIPATING: (("UNKNWN", "N"),),
    **_MASTERCARD_ERRORS,
}
# Without the response indicator, another brand shows in the data, and whether the issuer takes
# part doesn't show at all: UNKNWN is "not found" either way.
_MASTERCARD_BARE: Final[Codes] = {
    Outcome.PAN_UPDATED: ("UPDATE",),
    Outcome.EXPIRY_UPDATED: ("EXPIRY",),
    Outcome.CLOSED_OR_CONTACT: ("CONTAC",),
    Outcome.VALID_NO_CHANGE: ("VALID",),
    Outcome.NO_MATCH: ("UNKNWN",),
    **_MASTERCARD_ERRORS,
}
_MASTERCARD_API: Final[Codes] = {
    Outcome.PAN_UPDATED: ("ACCOUNT_UPDATE",),
    Outcome.EXPIRY_UPDATED: ("EXPIRY",),
    Outcome.CLOSED_OR_CONTACT: ("CONTACT",),
    Outcome.VALID_NO_CHANGE: ("VALID",),
    Outcome.NO_MATCH: ("UNKNOWN",),
    Outcome.NOT_PARTICIPATING: ("NON_PARTICIPATING",),
}
_MASTERCARD_API_REQUEST: Final[Codes] = {
    Outcome.REJECTED_INPUT: (("400", "INVALID_INPUT_FORMAT"), ("400", "INVALID_EXPIRY_DATE")),
    Outcome.REJECTED_MERCHANT: (
        ("400", "INVALID_PARAM"),
        ("400", "ICA_VALUE_REQUIRED"),
        "401",
        ("401", "AUTHENTICATION_FAILED"),
    ),
    Outcome.CHANNEL_ERROR: (("400", "SYSTEM_ERROR"), "429"),
}
_MASTERCARD_PUSH: Final[Codes] = {
    Outcome.PAN_UPDATED: ("A",),
    Outcome.EXPIRY_UPDATED: ("E",),
    Outcome.CLOSED_OR_CONTACT: ("C",),
}
# Paysafe's CONTACT is glossed as "closed", and still stands in section B's row for both.
_MASTERCARD_PAYSAFE: Final[Codes] = {
    Outcome.PAN_UPDATED: ("UPDATE",),
    Outcome.EXPIRY_UPDATED: ("EXPIRY",),
    Outcome.CONTACT_CARDHOLDER: ("CONTACH",),
    Outcome.CLOSED_OR_CONTACT: ("CONTACT", "CONTAC"),
    Outcome.STOP_RECURRING: ("34",),
    Outcome.VALID_NO_CHANGE: ("VALID",),
    Outcome.NO_MATCH: ("MC_P",),
    Outcome.NOT_PARTICIPATING: ("MC_N",),
    Outcome.UNSUPPORTED: ("43",),
    **_MASTERCARD_ERRORS,
}

_DISCOVER_REASONS: Final[Mapping[Outcome, str]] = {
    Outcome.PAN_UPDATED: "A",
    Outcome.EXPIRY_UPDATED: "E",
    Outcome.CORRECTED: "O",
    Outcome.CLOSED: "C",
    Outcome.CONTACT_CARDHOLDER: "Q",
    Outcome.VALID_NO_CHANGE: "N",
}
_DISCOVER_ERRORS: Final[Mapping[Outcome, tuple[str, ...]]] = {
    Outcome.REJECTED_INPUT: ("15", "16", "19", "22", "23"),
    Outcome.REJECTED_MERCHANT: ("09", "10"),
    Outcome.REJECTED_DUPLICATE: ("20", "21", "24", "25"),
    Outcome.CHANNEL_ERROR: ("11", "12", "13", "14", "26", "27"),
}


def _discover() -> Codes:
    """Return reason codes alone, and errors beside any of them: the error is what counts."""
    letters = ("", *_DISCOVER_REASONS.values())
    return {
        **{outcome: (letter,) for outcome, letter in _DISCOVER_REASONS.items()},
        **{
            outcome: tuple((letter, error) for error in errors for letter in letters)
            for outcome, errors in _DISCOVER_ERRORS.items()
        },
    }


def _visa(channels: Iterable[str]) -> Iterable[Sheet]:
    return (Sheet(channel, Network.VISA, "1.1", _VISA) for channel in channels)


SHEETS: Final[tuple[Sheet, ...]] = (
    Sheet(GP_BIGBATCH, Network.VISA, "4.4, 1.1", _VISA),
    Sheet(GP_BIGBATCH, Network.MASTERCARD, "4.4, 2.1", _MASTERCARD_BARE),
    Sheet(GP_BIGBATCH, Network.DISCOVER, "4.4, 3", _discover()),
    *_visa((VAU_BATCH, VAU_API, VAU_PUSH)),
    Sheet(VAU_API, Network.VISA, "1.2, rejects", _VISA_REJECTS),
    Sheet(VAU_API, Network.VISA, "1.2", _VISA_REQUEST, Level.FILE),
    Sheet(VAU_REALTIME, Network.VISA, "1.8", _VISA_REALTIME),
    Sheet(ABU_BATCH, Network.MASTERCARD, "2.1", _MASTERCARD),
    Sheet(ABU_API, Network.MASTERCARD, "2.1", _MASTERCARD_API),
    Sheet(ABU_API, Network.MASTERCARD, "2.2", _MASTERCARD_API_REQUEST, Level.FILE),
    Sheet(ABU_PUSH, Network.MASTERCARD, "2.1, 2.2", _MASTERCARD_PUSH),
    Sheet(DISCOVER_BATCH, Network.DISCOVER, "3", _discover()),
    Sheet(PAYSAFE, Network.VISA, "4.9, 1.1", _VISA_UK),
    Sheet(PAYSAFE, Network.MASTERCARD, "4.9, 2.1", _MASTERCARD_PAYSAFE),
    Sheet(MONERIS, Network.MASTERCARD, "4.10, 2.1", _MASTERCARD_BARE),
)
