"""What a format's code says: one table, (format, network, level, code, reason) to outcome.

Never by code alone: one letter means opposite things at two networks (`account-updater.md`,
section B, "Traps"). Then the data has its say: a "new number" equal to the old one is none.
"""

from collections.abc import Mapping
from typing import Final

from cards.outcomes import Outcome
from updater.domain.mapping.keys import (
    Key,
    Level,
    Network,
    Sheet,
    network_for,
    network_of,
    table_of,
)
from updater.domain.mapping.networks import GP_BIGBATCH
from updater.domain.mapping.networks import SHEETS as _NETWORKS
from updater.domain.mapping.services import CYBERSOURCE, MES_AUS
from updater.domain.mapping.services import SHEETS as _SERVICES
from updater.domain.mapping.verdict import Datum, Note, Verdict, judge, type_contradicts

SHEETS: Final[tuple[Sheet, ...]] = (*_SERVICES, *_NETWORKS)
"""The table as it is written down: one sheet for each vocabulary."""

TABLE: Final[Mapping[Key, Outcome]] = table_of(SHEETS)


def outcome_of(key: Key) -> Outcome:
    """Return what the code says, looking at the network's rows first; UNKNOWN, never an error."""
    found = TABLE.get(key)
    if found is None and key.network is not Network.ANY:
        found = TABLE.get(Key(key.channel, Network.ANY, key.level, key.code, key.reason))
    return Outcome.UNKNOWN if found is None else found


__all__ = [
    "CYBERSOURCE",
    "GP_BIGBATCH",
    "MES_AUS",
    "SHEETS",
    "TABLE",
    "Datum",
    "Key",
    "Level",
    "Network",
    "Note",
    "Sheet",
    "Verdict",
    "judge",
    "network_for",
    "network_of",
    "outcome_of",
    "table_of",
    "type_contradicts",
]
