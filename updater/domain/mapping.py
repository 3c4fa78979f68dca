"""What a channel's code says: one table, (channel, network, level, code, reason) to outcome.

Never by code alone: one letter means opposite things at two networks (`account-updater.md`,
section B, "Traps"). Then the data has its say: a "new number" equal to the old one is none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cards.brands import Brand
from cards.outcomes import BRINGS_EXPIRY, Outcome


class Level(StrEnum):
    """What a code is about: one record, or the file as a whole."""

    RECORD = "RECORD"
    FILE = "FILE"


class Network(StrEnum):
    """Whose vocabulary a code belongs to; ANY where the channel has one of its own for all."""

    ANY = "*"
    VISA = "VISA"
    MASTERCARD = "MASTERCARD"
    AMEX = "AMEX"
    DISCOVER = "DISCOVER"


@dataclass(frozen=True, slots=True)
class Key:
    """Where a code was read. `reason` is empty for channels, or rows, that have none."""

    channel: str
    network: Network
    level: Level
    code: str
    reason: str = ""


_BRAND_NETWORKS: Final[Mapping[Brand, Network]] = {
    Brand.VISA: Network.VISA,
    Brand.MASTERCARD: Network.MASTERCARD,
    Brand.MAESTRO: Network.MASTERCARD,
    Brand.AMEX: Network.AMEX,
    Brand.DISCOVER: Network.DISCOVER,
    Brand.DINERS: Network.DISCOVER,
}


def network_of(brand: Brand) -> Network:
    """Return the network that answers for a brand; ANY where no updater programme does."""
    return _BRAND_NETWORKS.get(brand, Network.ANY)


CYBERSOURCE: Final = "cybersource-au-csv"

# (code, reasons, outcome, network): section 4.1 for the codes, section B for the outcomes.
_CYBERSOURCE: Final = (
    ("NAN", ("800", ""), Outcome.PAN_UPDATED, Network.ANY),
    ("NED", ("800", ""), Outcome.EXPIRY_UPDATED, Network.ANY),
    ("ACL", ("800", ""), Outcome.CLOSED, Network.ANY),
    ("CCH", ("800", ""), Outcome.CONTACT_CARDHOLDER, Network.ANY),
    ("CUR", ("800", ""), Outcome.VALID_NO_CHANGE, Network.ANY),
    ("NUP", ("800", ""), Outcome.NO_MATCH, Network.ANY),
    ("UNA", ("800", ""), Outcome.NOT_PARTICIPATING, Network.ANY),
    ("DEC", ("801", "802", "803", "805"), Outcome.REJECTED_INPUT, Network.ANY),
    ("DEC", ("850", "851", "852"), Outcome.REJECTED_INPUT, Network.ANY),
    ("DEC", ("804", "806"), Outcome.UNSUPPORTED, Network.ANY),
    ("DEC", ("810",), Outcome.REJECTED_MERCHANT, Network.ANY),
    ("DEC", ("853",), Outcome.REJECTED_DUPLICATE, Network.ANY),
    ("DEC", ("861",), Outcome.REJECTED_DUPLICATE, Network.AMEX),
    ("DEC", ("862",), Outcome.OPTED_OUT, Network.AMEX),
    ("ERR", ("801", "802", "803", "808", "811"), Outcome.REJECTED_INPUT, Network.ANY),
    ("ERR", ("804",), Outcome.UNSUPPORTED, Network.ANY),
    ("ERR", ("807",), Outcome.REJECTED_MERCHANT, Network.ANY),
    ("ERR", ("809",), Outcome.CHANNEL_ERROR, Network.ANY),
)


def _rows() -> Iterator[tuple[Key, Outcome]]:
    for code, reasons, outcome, network in _CYBERSOURCE:
        for reason in reasons:
            yield Key(CYBERSOURCE, network, Level.RECORD, code, reason), outcome


TABLE: Final[Mapping[Key, Outcome]] = dict(_rows())


def outcome_of(key: Key) -> Outcome:
    """Return what the code says, looking at the network's rows first; UNKNOWN, never an error."""
    found = TABLE.get(key)
    if found is None and key.network is not Network.ANY:
        found = TABLE.get(Key(key.channel, Network.ANY, key.level, key.code, key.reason))
    return Outcome.UNKNOWN if found is None else found


class Datum(StrEnum):
    """How a value in an answer compares with the one that was asked about."""

    ABSENT = "ABSENT"
    SAME = "SAME"
    OTHER = "OTHER"
    INVALID = "INVALID"


class Note(StrEnum):
    """What made an answer's outcome differ from its code."""

    DATA_CONTRADICTS_CODE = "DATA_CONTRADICTS_CODE"
    NOTHING_NEW = "NOTHING_NEW"
    DATA_MISSING = "DATA_MISSING"
    NEW_NUMBER_INVALID = "NEW_NUMBER_INVALID"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer says, after code and data; and which of its data is to be used."""

    outcome: Outcome
    takes_number: bool = False
    takes_expiry: bool = False
    note: Note | None = None


def judge(mapped: Outcome, *, number: Datum, brand_differs: bool, expiry: Datum) -> Verdict:
    """Let the data confirm or overrule the code (section B, "derive from data as well as code").

    Data beside an outcome that brings none (a closed account's number, say) is ignored.
    """
    if mapped not in BRINGS_EXPIRY:
        return Verdict(mapped)
    if number is Datum.INVALID:
        return Verdict(Outcome.REJECTED_INPUT, note=Note.NEW_NUMBER_INVALID)
    if mapped is Outcome.CORRECTED:  # a correction may repeat or take back anything: the vault's
        return Verdict(mapped, number is not Datum.ABSENT, expiry is not Datum.ABSENT)
    contradiction = Note.DATA_CONTRADICTS_CODE
    if number is Datum.OTHER:
        outcome = Outcome.BRAND_CHANGED if brand_differs else Outcome.PAN_UPDATED
        note = contradiction if mapped is Outcome.EXPIRY_UPDATED else None
        return Verdict(
            outcome, takes_number=True, takes_expiry=expiry is not Datum.ABSENT, note=note
        )
    if expiry is Datum.OTHER:
        note = None if mapped is Outcome.EXPIRY_UPDATED else contradiction
        return Verdict(Outcome.EXPIRY_UPDATED, takes_expiry=True, note=note)
    if number is Datum.ABSENT and expiry is Datum.ABSENT:
        return Verdict(Outcome.UNKNOWN, note=Note.DATA_MISSING)
    return Verdict(Outcome.VALID_NO_CHANGE, note=Note.NOTHING_NEW)
