"""What a flush reads: every statement searches by a full key, whatever the table's size.

`CROSS JOIN` fixes the order and `INDEXED BY` the way: SQLite, left alone, has taken a tenant's
index where a token's was meant, and read the whole tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import apsw

from vault.adapters.sqlite.rows import (
    CARD_COLUMNS,
    CARD_WIDTH,
    PARKED_COLUMNS,
    VERSION_COLUMNS,
    card_of,
)
from vault.adapters.sqlite.sql import Row, Rows, columns, filled, rows_of
from vault.domain.audit import GENESIS, ChainHead
from vault.domain.card import Card, CardKey, Edition, ExistingKey, Version
from vault.domain.imprint import Imprint
from vault.domain.parked import ParkedDay, ParkedRow
from vault.usecases.ledger.links import HOLDERS, SIBLINGS, linked_pointers, sibling_groups
from vault.usecases.ledger.state import (
    AppliedKey,
    Control,
    Holder,
    NumberKey,
    RequestKey,
    RequestRecord,
    State,
    Want,
)
from vault.usecases.ports import StoreBroken


def _cards(text: str, width: int, **parts: str) -> Rows:
    return Rows(filled(text, CARD=CARD_COLUMNS, VERSION=VERSION_COLUMNS, **parts), width)


HEAD: Final = (
    "SELECT w.seal_epoch, w.key_epoch, h.sequence, h.hash, h.ended"
    " FROM control AS w LEFT JOIN chains AS h ON h.chain = ? WHERE w.id = 1"
)
CARDS: Final = _cards(
    "SELECT $CARD FROM ($ROWS) AS k"
    " CROSS JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = k.column1"
    " AND c.token = k.column2",
    2,
)
EDITIONS: Final = Rows(
    "SELECT c.tenant, c.token, c.revision, c.update_time FROM ($ROWS) AS k"
    " CROSS JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = k.column1"
    " AND c.token = k.column2",
    2,
)
REQUESTS: Final = _cards(
    "SELECT $REQUEST, $CARD FROM ($ROWS) AS k"
    " CROSS JOIN requests AS r ON r.tenant = k.column1 AND r.principal = k.column2"
    " AND r.request_id = k.column3"
    " LEFT JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = r.tenant AND c.token = r.token",
    3,
    REQUEST=columns(RequestRecord._fields, "r"),
)
NUMBERS: Final = Rows(
    "SELECT f.tenant, f.mac, f.fingerprint FROM ($ROWS) AS k"
    " CROSS JOIN fingerprints AS f ON f.tenant = k.column1 AND f.mac = k.column2",
    2,
)
POINTERS: Final = _cards(
    "SELECT $EXISTING, e.token, $CARD FROM ($ROWS) AS k"
    " CROSS JOIN existing_cards AS e ON e.tenant = k.column1 AND e.fingerprint = k.column2"
    " AND e.customer = k.column3 AND e.kind = k.column4 AND e.token_format = k.column5"
    " LEFT JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = e.tenant AND c.token = e.token",
    5,
    EXISTING=columns(ExistingKey._fields, "e"),
)
SIBLING_CARDS: Final = _cards(
    "SELECT $CARD FROM ($ROWS) AS k"
    " CROSS JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = k.column1 AND c.token IN ("
    "SELECT s.token FROM cards AS s INDEXED BY cards_by_fingerprint"
    " WHERE s.tenant = k.column1 AND s.fingerprint = k.column2 AND s.fingerprint <> ''"
    " AND s.customer = k.column3 AND s.kind = k.column4 AND s.token_format = k.column5"
    " AND s.status IN ('ACTIVE', 'NEEDS_CARDHOLDER') AND s.expire_time = 0"
    " ORDER BY s.create_time, s.token LIMIT ?)",
    5,
)
VERSIONS: Final = _cards(
    "SELECT $VERSION FROM ($ROWS) AS k"
    " CROSS JOIN card_versions AS v INDEXED BY card_versions_by_number ON v.tenant = k.column1"
    " AND v.token = k.column2"
    " ORDER BY v.tenant, v.token, v.credential_version",
    2,
)
# One number at a time, for each its own bound: a join on a bounded subquery may become a scan.
HOLDERS_NOW: Final = (
    "SELECT c.token, c.credential_version, 1, c.status, c.kind, c.expire_time"
    " FROM cards AS c INDEXED BY cards_by_fingerprint"
    " WHERE c.tenant = ? AND c.fingerprint = ? AND c.fingerprint <> '' LIMIT ?"
)
HOLDERS_BEFORE: Final = (
    "SELECT v.token, v.credential_version, c.fingerprint = v.fingerprint, c.status, c.kind,"
    " c.expire_time FROM card_versions AS v INDEXED BY card_versions_by_fingerprint"
    " CROSS JOIN cards AS c INDEXED BY cards_by_token ON c.tenant = v.tenant AND c.token = v.token"
    " WHERE v.tenant = ? AND v.fingerprint = ? LIMIT ?"
)
APPLIED: Final = Rows(
    "SELECT a.tenant, a.update_id, a.token, a.disposition FROM ($ROWS) AS k"
    " CROSS JOIN applied_updates AS a ON a.tenant = k.column1 AND a.update_id = k.column2"
    " AND a.token = k.column3",
    3,
)


IMPRINTS: Final = Rows(
    filled(
        "SELECT $IMPRINT FROM ($ROWS) AS k CROSS JOIN imprints AS i INDEXED BY imprints_by_card"
        " ON i.tenant = k.column1 AND i.token = k.column2",
        IMPRINT=columns(Imprint._fields, "i"),
    ),
    2,
)
PARKED: Final = Rows(
    filled(
        "SELECT $PARKED FROM ($ROWS) AS k"
        " CROSS JOIN parked_updates AS p INDEXED BY parked_updates_by_number"
        " ON p.tenant = k.column1 AND p.mac = k.column2",
        PARKED=PARKED_COLUMNS,
    ),
    2,
)
PARKED_IDS: Final = Rows(
    filled(
        "SELECT $PARKED FROM ($ROWS) AS k"
        " CROSS JOIN parked_updates AS p INDEXED BY parked_updates_by_id"
        " ON p.tenant = k.column1 AND p.update_id = k.column2",
        PARKED=PARKED_COLUMNS,
    ),
    2,
)
PARKED_DAYS: Final = Rows(
    "SELECT k.column1, k.column2, k.column3,"
    " (SELECT count(*) FROM parked_updates AS p INDEXED BY parked_updates_by_day"
    " WHERE p.tenant = k.column1 AND p.channel = k.column2 AND p.day = k.column3)"
    " FROM ($ROWS) AS k WHERE k.column1 IS NOT NULL",
    3,
)


def read_state(db: apsw.Connection, chain: str, want: Want) -> State:
    """Read, in the caller's snapshot, what a flush named and what hangs on it."""
    state = _head(db, chain)
    if want.cards:
        _keep(state, CARDS.fetch(db, list(want.cards)))
    if want.requests:
        _requests(db, state, list(want.requests))
    if want.numbers:
        for row in NUMBERS.fetch(db, list(want.numbers)):
            state.numbers[NumberKey(row[0], row[1])] = row[2]
    if want.versions:
        for row in VERSIONS.fetch(db, list(want.versions)):
            version = Version._make(row)
            state.versions.setdefault(CardKey(version.tenant, version.token), []).append(version)
    _pointers(db, state, want)
    if want.holders:
        _holders(db, state, want.holders)
    _answers(db, state, want)
    _parked(db, state, want)
    return state


def read_cards(db: apsw.Connection, keys: Iterable[CardKey]) -> Mapping[CardKey, Card]:
    """Read cards by their keys."""
    return {card.key: card for card in map(card_of, CARDS.fetch(db, list(set(keys))))}


def read_editions(db: apsw.Connection, keys: Iterable[CardKey]) -> Mapping[CardKey, Edition]:
    """Read which state cards are in, by their keys."""
    return {CardKey(*row[:2]): Edition(*row[2:]) for row in EDITIONS.fetch(db, list(set(keys)))}


def _head(db: apsw.Connection, chain: str) -> State:
    seal, key, sequence, digest, ended = db.execute(HEAD, (chain,)).get
    if ended:
        raise StoreBroken("a successor has ended this process's audit chain")
    head = ChainHead(chain, 0, GENESIS)
    return State(
        head if sequence is None else ChainHead(chain, sequence, digest), Control(seal, key)
    )


def _keep(state: State, rows: Iterable[Row]) -> None:
    for row in rows:
        card = card_of(row)
        state.cards[card.key] = card


def _requests(db: apsw.Connection, state: State, keys: list[RequestKey]) -> None:
    for row in REQUESTS.fetch(db, keys):
        record = RequestRecord._make(row[:-CARD_WIDTH])
        state.requests[RequestKey(*record[:3])] = record
        if row[-1] is not None:
            _keep(state, (row[-CARD_WIDTH:],))


def _pointers(db: apsw.Connection, state: State, want: Want) -> None:
    keys = linked_pointers(want, state)
    if keys:
        for row in POINTERS.fetch(db, list(keys)):
            state.existing[ExistingKey._make(row[:5])] = row[5]
            if row[-1] is not None:
                _keep(state, (row[6:],))
    groups = sibling_groups(want, state)
    if groups:
        _keep(state, SIBLING_CARDS.fetch(db, list(groups), SIBLINGS + len(want.siblings)))


def _answers(db: apsw.Connection, state: State, want: Want) -> None:
    if want.imprints:
        for row in IMPRINTS.fetch(db, list(want.imprints)):
            imprint = Imprint._make(row)
            state.imprints.setdefault(CardKey(imprint.tenant, imprint.token), []).append(imprint)
    if want.applied:
        for row in APPLIED.fetch(db, list(want.applied)):
            state.applied[AppliedKey(row[0], row[1], row[2])] = row[3]


def _parked(db: apsw.Connection, state: State, want: Want) -> None:
    found: list[Row] = []
    if want.parked:
        found += PARKED.fetch(db, list(want.parked))
    if want.parked_ids:
        found += PARKED_IDS.fetch(db, list(want.parked_ids))
    for row in found:
        state.park(ParkedRow._make(row))
    if want.parked_days:
        for *day, count in PARKED_DAYS.fetch(db, list(want.parked_days)):
            state.parked_days[ParkedDay._make(day)] = count


def _holders(db: apsw.Connection, state: State, wanted: Iterable[NumberKey]) -> None:
    numbers: dict[tuple[str, str], list[NumberKey]] = {}
    for number in wanted:
        fingerprint = state.numbers.get(number)
        if fingerprint is not None:
            numbers.setdefault((number.tenant, fingerprint), []).append(number)
    for (tenant, fingerprint), keys in numbers.items():
        for statement in (HOLDERS_NOW, HOLDERS_BEFORE):
            rows = rows_of(db, statement, (tenant, fingerprint, HOLDERS + 1))
            for token, version, current, *more in rows:
                for number in keys:
                    state.hold(number, CardKey(tenant, token), Holder(version, current == 1, *more))
            if len(rows) > HOLDERS:
                state.cut.update(keys)
