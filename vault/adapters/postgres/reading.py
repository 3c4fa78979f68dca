"""What a flush reads: one statement, of the parts that the flush needs, in one snapshot.

Every part is a branch of one UNION ALL with the same columns: a number that says which part a row
is of, twelve for keys and small values, then a card's, then a version's. All parts search by a full
key. Texts differ only in which parts they have, so few of them are ever prepared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from chassis.postgres.sql import Arguments, listed
from vault.adapters.postgres.branches import CARD_AT, SMALL, VERSION_AT, branch, places
from vault.adapters.postgres.reading_parked import (
    PARKED,
    PARKED_DAYS,
    of_days,
    of_ids,
    of_numbers,
    take_day,
    take_parked,
)
from vault.adapters.postgres.sql import CARD, IMPRINT, REQUEST
from vault.domain.audit import GENESIS, ChainHead
from vault.domain.card import Card, CardKey, Edition, ExistingKey, Version
from vault.domain.imprint import Imprint
from vault.usecases.ledger.links import HOLDERS as MOST_HOLDERS
from vault.usecases.ledger.links import SIBLINGS
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

HEAD, CARDS, REQUESTS, NUMBERS, POINTERS, VERSIONS, HOLDERS, BEFORE, ANSWERS, IMPRINTS = range(10)
EDITION: Final = ("tenant", "token", *Edition._fields)
_KEY: Final = {"tenant": "text", "token": "text"}
_NUMBER: Final = {"tenant": "text", "mac": "bytea"}
_ASKED: Final = {**_NUMBER, "customer": "text", "kind": "text", "token_format": "text"}
_MOVE: Final = {**_KEY, "number_tenant": "text", "mac": "bytea"}
_REQUEST: Final = {"tenant": "text", "principal": "text", "request_id": "text"}
_ANSWER: Final = {"tenant": "text", "update_id": "text", "token": "text"}

_OF_CARD: Final = "c.tenant = k.tenant AND c.token = k.token"
_POINTER: Final = {
    "t1": "e.tenant",
    "t2": "e.fingerprint",
    "t3": "e.customer",
    "t4": "e.kind",
    "t5": "e.token_format",
    "t6": "e.token",
}
_AT_POINTER: Final = (
    " LEFT JOIN cards AS c ON c.tenant = e.tenant AND c.token = e.token AND e.tenant = k.tenant"
)


def reading(chain: str, want: Want) -> tuple[str, list[Any]]:
    """Return the statement that reads what a flush named and what hangs on it, and its values."""
    arguments = Arguments()
    head = branch(
        HEAD,
        f"control AS w LEFT JOIN chains AS h ON h.chain = {arguments.one(chain, 'text')}"
        " WHERE w.id = 1",
        i1="w.seal_epoch",
        i2="w.key_epoch",
        i3="h.sequence",
        b1="h.hash",
        o1="h.ended",
    )
    branches = [head]
    for name, parts in _PARTS:
        rows = getattr(want, name)
        if rows:
            branches += parts(arguments, list(rows))
    return "(" + ") UNION ALL (".join(branches) + ")", arguments.values


def cards_reading(keys: Iterable[CardKey]) -> tuple[str, list[Any]]:
    """Return the statement that reads cards by their keys, and its values."""
    arguments = Arguments()
    source = arguments.rows(list(set(keys)), _KEY)
    text = f"SELECT {listed(CARD, 'c')} FROM {source} JOIN cards AS c ON {_OF_CARD}"  # noqa: S608
    return text, arguments.values


def editions_reading(keys: Iterable[CardKey]) -> tuple[str, list[Any]]:
    """Return the statement that reads which state cards are in, and its values."""
    arguments = Arguments()
    source = arguments.rows(list(set(keys)), _KEY)
    text = (
        f"SELECT {listed(EDITION, 'c')} FROM {source}"  # noqa: S608 - constants only
        f" JOIN cards AS c ON {_OF_CARD}"
    )
    return text, arguments.values


def _cards(arguments: Arguments, keys: Sequence[CardKey]) -> list[str]:
    return [branch(CARDS, f"{arguments.rows(keys, _KEY)} JOIN cards AS c ON {_OF_CARD}", card="c")]


def _requests(arguments: Arguments, keys: Sequence[RequestKey]) -> list[str]:
    source = (
        f"{arguments.rows(keys, _REQUEST)} JOIN requests AS r ON r.tenant = k.tenant"
        " AND r.principal = k.principal AND r.request_id = k.request_id"
        " LEFT JOIN cards AS c ON c.tenant = r.tenant AND c.token = r.token"
    )
    return [
        branch(
            REQUESTS,
            source,
            card="c",
            t1="r.tenant",
            t2="r.principal",
            t3="r.request_id",
            b1="r.mac_key",
            b2="r.mac",
            t4="r.token",
            t5="r.outcome",
            i1="r.create_time",
        )
    ]


_REQUEST_AT: Final = tuple(
    1 + list(SMALL).index(name) for name in ("t1", "t2", "t3", "b1", "b2", "t4", "t5", "i1")
)
assert len(_REQUEST_AT) == len(REQUEST)  # noqa: S101 - two lists of one tuple's columns


def _numbers(arguments: Arguments, keys: Sequence[NumberKey]) -> list[str]:
    source = (
        f"{arguments.rows(keys, _NUMBER)}"
        " JOIN fingerprints AS f ON f.tenant = k.tenant AND f.mac = k.mac"
    )
    return [branch(NUMBERS, source, t1="f.tenant", b1="f.mac", t2="f.fingerprint")]


def _existing(arguments: Arguments, asked: Sequence[Any]) -> list[str]:
    source = (
        f"{arguments.rows(asked, _ASKED)}"
        " JOIN fingerprints AS f ON f.tenant = k.tenant AND f.mac = k.mac"
        " JOIN existing_cards AS e ON e.tenant = k.tenant AND e.fingerprint = f.fingerprint"
        " AND e.customer = k.customer AND e.kind = k.kind AND e.token_format = k.token_format"
        f"{_AT_POINTER}"
    )
    return [branch(POINTERS, source, card="c", **_POINTER)]


def _moves(arguments: Arguments, moves: Sequence[Any]) -> list[str]:
    """Return the pointers at the numbers that cards may move to."""
    rows = [(*key, *number) for key, number in moves]
    source = (
        f"{arguments.rows(rows, _MOVE)}"
        " JOIN cards AS m ON m.tenant = k.tenant AND m.token = k.token AND m.customer <> ''"
        " JOIN fingerprints AS f ON f.tenant = k.number_tenant AND f.mac = k.mac"
        " JOIN existing_cards AS e ON e.tenant = k.tenant AND e.fingerprint = f.fingerprint"
        " AND e.customer = m.customer AND e.kind = m.kind AND e.token_format = m.token_format"
        f"{_AT_POINTER}"
    )
    return [branch(POINTERS, source, card="c", **_POINTER)]


def _siblings(arguments: Arguments, keys: Sequence[CardKey]) -> list[str]:
    """Return the pointers of these cards' groups, and the oldest live cards of each group."""
    rows = arguments.rows(keys, _KEY)
    most = arguments.one(SIBLINGS + len(keys), "bigint")
    group = (
        "(SELECT DISTINCT m.tenant, m.fingerprint, m.customer, m.kind, m.token_format"  # noqa: S608
        f" FROM {rows} JOIN cards AS m ON m.tenant = k.tenant AND m.token = k.token"
        " WHERE m.customer <> '' AND m.fingerprint <> '') AS k"
    )
    pointers = (
        f"{group} JOIN existing_cards AS e ON e.tenant = k.tenant AND e.fingerprint = k.fingerprint"
        " AND e.customer = k.customer AND e.kind = k.kind AND e.token_format = k.token_format"
        f"{_AT_POINTER}"
    )
    siblings = (
        f"{group} CROSS JOIN LATERAL (SELECT {listed(CARD, 's')} FROM cards AS s"  # noqa: S608
        " WHERE s.tenant = k.tenant AND s.fingerprint = k.fingerprint AND s.fingerprint <> ''"
        " AND s.customer = k.customer AND s.kind = k.kind AND s.token_format = k.token_format"
        " AND s.status IN ('ACTIVE', 'NEEDS_CARDHOLDER') AND s.expire_time = 0"
        f" ORDER BY s.create_time, s.token LIMIT {most}) AS c"
    )
    return [
        branch(POINTERS, pointers, card="c", **_POINTER),
        branch(CARDS, siblings, card="c"),
    ]


def _versions(arguments: Arguments, keys: Sequence[CardKey]) -> list[str]:
    source = (
        f"{arguments.rows(keys, _KEY)}"
        " JOIN card_versions AS v ON v.tenant = k.tenant AND v.token = k.token"
    )
    return [branch(VERSIONS, source, version="v")]


def _imprints(arguments: Arguments, keys: Sequence[CardKey]) -> list[str]:
    """Return what answers left on cards, and the pointers at the numbers that these had."""
    rows = arguments.rows(keys, _KEY)
    imprints = f"{rows} JOIN imprints AS i ON i.tenant = k.tenant AND i.token = k.token"
    pointers = (
        f"{rows} JOIN cards AS m ON m.tenant = k.tenant AND m.token = k.token"
        " AND m.customer <> ''"
        " JOIN card_versions AS v ON v.tenant = k.tenant AND v.token = k.token"
        " JOIN existing_cards AS e ON e.tenant = k.tenant AND e.fingerprint = v.fingerprint"
        " AND e.customer = m.customer AND e.kind = m.kind AND e.token_format = m.token_format"
        f"{_AT_POINTER}"
    )
    columns = {small: f"i.{name}" for name, small in _IMPRINT.items()}
    return [
        branch(IMPRINTS, imprints, **columns),
        branch(POINTERS, pointers, card="c", **_POINTER),
    ]


_IMPRINT: Final = {
    "tenant": "t1",
    "token": "t2",
    "revision": "i1",
    "update_id": "t3",
    "source": "t4",
    "version_before": "i2",
    "version_after": "i3",
    "kept": "t5",
    "undone": "t6",
    "time": "i4",
}
_IMPRINT_AT: Final = places(_IMPRINT, IMPRINT)


def _holders(arguments: Arguments, keys: Sequence[NumberKey]) -> list[str]:
    numbers = (
        f"{arguments.rows(keys, _NUMBER)}"
        " JOIN fingerprints AS f ON f.tenant = k.tenant AND f.mac = k.mac"
    )
    most = arguments.one(MOST_HOLDERS + 1, "bigint")
    now = (
        f"{numbers} CROSS JOIN LATERAL (SELECT s.token, s.status, s.kind, s.expire_time,"  # noqa: S608
        " s.fingerprint, s.credential_version FROM cards AS s WHERE s.tenant = k.tenant"
        " AND s.fingerprint = f.fingerprint"
        f" AND s.fingerprint <> '' LIMIT {most}) AS c"
    )
    before = (
        f"{numbers} CROSS JOIN LATERAL (SELECT o.tenant, o.token, o.credential_version"  # noqa: S608
        " FROM card_versions AS o WHERE o.tenant = k.tenant AND o.fingerprint = f.fingerprint"
        f" LIMIT {most}) AS v CROSS JOIN LATERAL (SELECT s.token, s.status, s.kind, s.expire_time,"
        " s.fingerprint FROM cards AS s WHERE s.tenant = v.tenant AND s.token = v.token"
        " LIMIT 1) AS c"  # one at a time, by its whole key: a join may read a tenant's cards
    )
    held = {
        "t1": "k.tenant",
        "b1": "k.mac",
        "t2": "c.token",
        "t3": "c.status",
        "t4": "c.kind",
        "i2": "c.expire_time",
        "o1": "c.fingerprint = f.fingerprint",
    }
    return [
        branch(HOLDERS, now, **held, i1="c.credential_version"),
        branch(BEFORE, before, **held, i1="v.credential_version"),
    ]


def _answers(arguments: Arguments, keys: Sequence[AppliedKey]) -> list[str]:
    source = (
        f"{arguments.rows(keys, _ANSWER)} JOIN applied_updates AS a ON a.tenant = k.tenant"
        " AND a.update_id = k.update_id AND a.token = k.token"
    )
    return [
        branch(ANSWERS, source, t1="a.tenant", t2="a.update_id", t3="a.token", t4="a.disposition")
    ]


_PARTS: Final = (
    ("cards", _cards),
    ("requests", _requests),
    ("numbers", _numbers),
    ("existing", _existing),
    ("moves", _moves),
    ("siblings", _siblings),
    ("versions", _versions),
    ("holders", _holders),
    ("applied", _answers),
    ("imprints", _imprints),
    ("parked", of_numbers),
    ("parked_ids", of_ids),
    ("parked_days", of_days),
)


def state_of(chain: str, rows: Iterable[Sequence[Any]]) -> State:
    """Return what was read. Raises StoreBroken where a successor has ended this chain."""
    state: State | None = None
    late: list[tuple[Any, ...]] = []
    for row in rows:
        if row[0] == HEAD:
            state = _head(chain, row)
        else:
            late.append(tuple(row))
    if state is None:
        raise StoreBroken("this database has no control row")
    for row in late:
        _TAKE[row[0]](state, row)
    if state.held:
        found = Counter((row[0], row[1], row[7]) for row in late if row[0] in {HOLDERS, BEFORE})
        state.cut = {NumberKey(*key) for (_, *key), n in found.items() if n > MOST_HOLDERS}
    for versions in state.versions.values():
        versions.sort(key=lambda old: old.credential_version)
    return state


def _head(chain: str, row: Sequence[Any]) -> State:
    small = dict(zip(SMALL, row[1:CARD_AT], strict=True))
    if small["o1"]:
        raise StoreBroken("a successor has ended this process's audit chain")
    head = ChainHead(chain, 0, GENESIS)
    if small["i3"] is not None:
        head = ChainHead(chain, small["i3"], small["b1"])
    return State(head, Control(small["i1"], small["i2"]))


def _take_card(state: State, row: Sequence[Any]) -> Card | None:
    if row[CARD_AT] is None:
        return None
    card = Card._make(row[CARD_AT:VERSION_AT])
    state.cards[card.key] = card
    return card


def _take_request(state: State, row: Sequence[Any]) -> None:
    record = RequestRecord._make([row[at] for at in _REQUEST_AT])
    state.requests[RequestKey(*record[:3])] = record
    _take_card(state, row)


def _take_number(state: State, row: Sequence[Any]) -> None:
    state.numbers[NumberKey(row[1], row[7])] = row[2]


def _take_pointer(state: State, row: Sequence[Any]) -> None:
    state.existing[ExistingKey._make(row[1:6])] = row[6]
    _take_card(state, row)


def _take_version(state: State, row: Sequence[Any]) -> None:
    version = Version._make(row[VERSION_AT:])
    state.versions.setdefault(CardKey(version.tenant, version.token), []).append(version)


def _take_holder(state: State, row: Sequence[Any]) -> None:
    small = dict(zip(SMALL, row[1:CARD_AT], strict=True))
    holder = Holder(small["i1"], small["o1"], small["t3"], small["t4"], small["i2"])
    card = CardKey(small["t1"], small["t2"])
    state.hold(NumberKey(small["t1"], small["b1"]), card, holder)


def _take_answer(state: State, row: Sequence[Any]) -> None:
    state.applied[AppliedKey(row[1], row[2], row[3])] = row[4]


def _take_imprint(state: State, row: Sequence[Any]) -> None:
    imprint = Imprint._make([row[at] for at in _IMPRINT_AT])
    state.imprints.setdefault(CardKey(imprint.tenant, imprint.token), []).append(imprint)


_TAKE: Final[Mapping[int, Any]] = {
    CARDS: _take_card,
    REQUESTS: _take_request,
    NUMBERS: _take_number,
    POINTERS: _take_pointer,
    VERSIONS: _take_version,
    HOLDERS: _take_holder,
    BEFORE: _take_holder,
    ANSWERS: _take_answer,
    IMPRINTS: _take_imprint,
    PARKED: take_parked,
    PARKED_DAYS: take_day,
}
