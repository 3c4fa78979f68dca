"""Where a code was read: never a code alone, for one letter means opposite things at two networks.

`account-updater.md`, section B, "Traps".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cards.brands import Brand
from cards.outcomes import Outcome


class Level(StrEnum):
    """What a code is about: one record, or the file (the request, at an API) as a whole."""

    RECORD = "RECORD"
    FILE = "FILE"


class Network(StrEnum):
    """Whose vocabulary a code belongs to; ANY where the format has one of its own for all."""

    ANY = "*"
    VISA = "VISA"
    MASTERCARD = "MASTERCARD"
    AMEX = "AMEX"
    DISCOVER = "DISCOVER"


@dataclass(frozen=True, slots=True)
class Key:
    """Where a code was read. `channel` is the format's name, whatever the feed is called.

    `reason` is empty for formats, or rows, that have none.
    """

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
_LETTERS: Final[Mapping[str, Network]] = {
    "V": Network.VISA,
    "M": Network.MASTERCARD,
    "D": Network.DISCOVER,
}


def network_of(brand: Brand | None) -> Network:
    """Return the network that answers for a brand; ANY where no updater programme does."""
    return Network.ANY if brand is None else _BRAND_NETWORKS.get(brand, Network.ANY)


def network_for(letter: str, brand: Brand | None) -> Network:
    """Return whose vocabulary an answer's codes are.

    `letter` is what the record says of it (`AnswerRecord.network`); where it says "", it is the
    vocabulary for the old number's brand, if the format has one.
    """
    return _LETTERS[letter] if letter else network_of(brand)


Codes = Mapping[Outcome, tuple[str | tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One vocabulary: a format's codes for a network at a level, by what they say.

    A code is a text, or code and reason. `source` is where it is published: sections of
    `account-updater.md`.
    """

    channel: str
    network: Network
    source: str
    codes: Codes
    level: Level = Level.RECORD

    def rows(self) -> Iterator[tuple[Key, Outcome]]:
        """Yield the sheet row by row."""
        for outcome, codes in self.codes.items():
            for each in codes:
                code, reason = (each, "") if isinstance(each, str) else each
                yield Key(self.channel, self.network, self.level, code, reason), outcome


def table_of(sheets: Iterable[Sheet]) -> Mapping[Key, Outcome]:
    """Return all rows of some sheets. Raises ValueError for a key that stands there twice."""
    table: dict[Key, Outcome] = {}
    for sheet in sheets:
        for key, outcome in sheet.rows():
            if key in table:
                raise ValueError(f"two rows for {key}")
            table[key] = outcome
    return table
