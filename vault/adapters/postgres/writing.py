"""What a flush writes: one statement, and so one round trip, one transaction and one commit.

Every table's change is a common table expression. A row that must not be there fails its INSERT; a
row that must say something is matched by it and counted. The last expression compares the counts,
and divides by zero where one is off: that ends the transaction (`faults.MISMATCH`).

All parts see the database as it was before the statement, none sees another's rows. So what the
flush itself adds and takes away again is settled here, before it is sent.

A lock makes a second flush wait for the first, and then compare the row as it has become; rows that
the first has added it still doesn't see. So a flush that must see them locks in a statement before
(`locking`), on the row that the other one locks or changes, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chassis.postgres.sql import NOW, Arguments, Columns, Row, inserting
from vault.adapters.postgres.sql import (
    APPLIED,
    AUDIT,
    CARD,
    IMPRINT,
    IMPRINT_KEY,
    LEASE_US,
    NUMBER,
    OUTBOX,
    PARKED,
    POINTER,
    REQUEST,
    VERSION,
)
from vault.usecases.ledger.delta import Delta

_CHANGED: Final = {name: kind for name, kind in CARD.items() if name not in ("tenant", "token")}
_CHAIN: Final = {"chain": "text", "sequence": "bigint", "hash": "bytea"}
_VERSION_KEY: Final = {"tenant": "text", "token": "text", "credential_version": "bigint"}
_CARD_KEY: Final = {"tenant": "text", "token": "text"}
_PARKED_KEY: Final = {"tenant": "text", "update_id": "text", "look_time": "bigint"}
_RELIED: Final = {"tenant": "text", "token": "text", "revision": "bigint"}
_HEIR: Final = {**POINTER, "create_time": "bigint"}
_MAC: Final = {"tenant": "text", "mac": "bytea"}
_POINTER_IS: Final = (
    "e.tenant = k.tenant AND e.fingerprint = k.fingerprint AND e.customer = k.customer"
    " AND e.kind = k.kind AND e.token_format = k.token_format AND e.token = k.token"
)


@dataclass(slots=True)
class _Statement:
    arguments: Arguments = field(default_factory=Arguments)
    parts: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        """Add a change that needs no count: what is there already fails it."""
        self.parts.append(f"{name} AS ({text})")

    def insert(self, table: str, columns: Columns, rows: Sequence[Row]) -> None:
        """Insert rows, if there are any."""
        if rows:
            self.add(f"add_{table}", inserting(self.arguments, table, columns, rows))

    def counted(self, name: str, text: str, rows: int) -> None:
        """Add a change or a lock that must find this many rows."""
        self.add(name, text)
        expected = self.arguments.one(rows, "bigint")
        self.checks.append(f"(SELECT count(*) FROM {name}) = {expected}")  # noqa: S608

    def text(self) -> str:
        """Return the whole statement."""
        return (
            f"WITH {', '.join(self.parts)}"
            f" SELECT 1 / (CASE WHEN {' AND '.join(self.checks)} THEN 1 ELSE 0 END)"
        )


def writing(delta: Delta) -> tuple[str, list[Any]]:
    """Return the statement that writes a flush, and its values."""
    made = _Statement()
    added = set(delta.dropped_versions) & {tuple(v[:3]) for v in delta.versions}
    versions = [v for v in delta.versions if tuple(v[:3]) not in added]
    dropped_versions = [key for key in dict.fromkeys(delta.dropped_versions) if key not in added]
    dropped_numbers = _dropped_numbers(delta, versions)
    numbers = [
        (*key, fingerprint)
        for key, fingerprint in delta.numbers.items()
        if key not in dropped_numbers
    ]
    _head(made, delta)
    _known_numbers(made, delta)
    _relied(made, delta)
    _heirs(made, delta)
    _cards(made, delta)
    _pointers(made, delta)
    made.insert("audit", AUDIT, delta.audit)
    made.insert("card_versions", VERSION, versions)
    made.insert("fingerprints", NUMBER, numbers)
    made.insert("requests", REQUEST, delta.requests)
    made.insert("applied_updates", APPLIED, [(*key, *rest) for key, *rest in delta.applied])
    _imprints(made, delta)
    _parked(made, delta)
    made.insert("outbox", OUTBOX, delta.outbox)
    if dropped_versions:
        rows = made.arguments.rows(dropped_versions, _VERSION_KEY)
        made.counted(
            "drop_versions",
            f"DELETE FROM card_versions AS v USING {rows} WHERE v.tenant = k.tenant"  # noqa: S608
            " AND v.token = k.token AND v.credential_version = k.credential_version RETURNING 1",
            len(dropped_versions),
        )
    gone = [key for key in dropped_numbers if key not in delta.numbers]
    if gone:
        _drop_numbers(made, delta, dropped_versions, gone)
    return made.text(), made.arguments.values


def locking(delta: Delta) -> tuple[str, list[Any]] | None:
    """Return what comes before a flush that forgets numbers, or takes pointers from cards.

    It locks the numbers and the cards, sorted. The statement behind it then sees every card that
    another process gave such a number, or left behind such a pointer's: who does that locks the
    card as `_relied` does, and so either has committed before this lock, or waits for this flush
    and then finds the card changed.
    """
    arguments = Arguments()
    parts = []
    if delta.dropped_numbers:
        keys = sorted({tuple(key) for key, _fingerprint in delta.dropped_numbers})
        parts.append(
            f"SELECT 1 FROM {arguments.rows(keys, _MAC)}"  # noqa: S608 - constants only
            " JOIN fingerprints AS f ON f.tenant = k.tenant AND f.mac = k.mac FOR UPDATE OF f"
        )
    if delta.heirs:
        changed = sorted(key for key, (base, _card) in delta.cards.items() if base)
        parts.append(
            f"SELECT 1 FROM {arguments.rows(changed, _CARD_KEY)}"  # noqa: S608 - constants only
            " JOIN cards AS c ON c.tenant = k.tenant AND c.token = k.token"
            " FOR NO KEY UPDATE OF c"
        )
    if not parts:
        return None
    named = ", ".join(f"lock{at} AS ({part})" for at, part in enumerate(parts))
    told = ", ".join(f"(SELECT count(*) FROM lock{at})" for at in range(len(parts)))  # noqa: S608
    return f"WITH {named} SELECT {told}", arguments.values


def _dropped_numbers(delta: Delta, versions: Sequence[Any]) -> dict[Any, None]:
    """Return the numbers that nothing in the flush itself still holds."""
    held = {(card.tenant, card.fingerprint) for _base, card in delta.cards.values()}
    held |= {(version.tenant, version.fingerprint) for version in versions}
    return {
        key: None
        for key, fingerprint in delta.dropped_numbers
        if (key.tenant, fingerprint) not in held
    }


def _head(made: _Statement, delta: Delta) -> None:
    one = made.arguments.one
    base, head, control = delta.base_head, delta.head, delta.control
    values = (
        one(head.chain, "text"),
        one(head.sequence, "bigint"),
        one(head.hash, "bytea"),
    )
    lease = f"{NOW} + {LEASE_US}"
    same = (
        f"w.id = 1 AND w.seal_epoch = {one(control.seal_epoch, 'bigint')}"
        f" AND w.key_epoch = {one(control.key_epoch, 'bigint')}"
    )
    if base.sequence:
        text = (
            f"UPDATE chains SET sequence = {values[1]}, hash = {values[2]}, lease = {lease}"  # noqa: S608
            f" FROM control AS w WHERE {same} AND chains.chain = {values[0]}"
            f" AND chains.sequence = {one(base.sequence, 'bigint')}"
            f" AND chains.hash = {one(base.hash, 'bytea')} AND NOT chains.ended RETURNING 1"
        )
    else:
        text = (
            f"INSERT INTO chains (chain, sequence, hash, ended, lease)"  # noqa: S608
            f" SELECT {', '.join(values)}, false, {lease} FROM control AS w WHERE {same}"
            " RETURNING 1"
        )
    made.counted("head", text, 1)
    if delta.ended_chains:
        rows = made.arguments.rows(delta.ended_chains, _CHAIN)
        made.counted(
            "ended",
            f"UPDATE chains SET ended = true FROM {rows} WHERE chains.chain = k.chain"  # noqa: S608
            " AND chains.sequence = k.sequence AND chains.hash = k.hash AND NOT chains.ended"
            " RETURNING 1",
            len(delta.ended_chains),
        )


def _known_numbers(made: _Statement, delta: Delta) -> None:
    """Lock the numbers that are used again: another process must not be forgetting one."""
    known = sorted((*key, fingerprint) for key, fingerprint in delta.known_numbers.items())
    if known:
        rows = made.arguments.rows(known, NUMBER)
        made.counted(
            "known",
            f"SELECT 1 FROM {rows} JOIN fingerprints AS f"  # noqa: S608 - constants only
            " ON f.tenant = k.tenant AND f.mac = k.mac AND f.fingerprint = k.fingerprint"
            " FOR KEY SHARE OF f",
            len(known),
        )


def _relied(made: _Statement, delta: Delta) -> None:
    """Lock the cards that a choice was made by, as they were read.

    Not FOR KEY SHARE: a change of a card's row leaves its key alone, and would pass it by. Before
    the flush's own cards, so that two flushes seldom wait for one another.
    """
    relied = sorted((*key, revision) for key, revision in delta.relied.items())
    if relied:
        rows = made.arguments.rows(relied, _RELIED)
        made.counted(
            "relied",
            f"SELECT 1 FROM {rows} JOIN cards AS c"  # noqa: S608 - constants only
            " ON c.tenant = k.tenant AND c.token = k.token AND c.revision = k.revision"
            " FOR SHARE OF c",
            len(relied),
        )


def _heirs(made: _Statement, delta: Delta) -> None:
    """Find no card of another's that is older than a lost pointer's heir; see `locking`."""
    if delta.heirs:
        heirs = sorted((*key, token, since) for key, (since, token) in delta.heirs.items())
        rows = made.arguments.rows(heirs, _HEIR)
        own = made.arguments.rows(list(delta.cards), _CARD_KEY, "x")
        made.counted(
            "older",
            f"SELECT 1 FROM {rows} JOIN cards AS c ON c.tenant = k.tenant"  # noqa: S608
            " AND c.fingerprint = k.fingerprint AND c.fingerprint <> ''"
            " AND c.customer = k.customer AND c.kind = k.kind AND c.token_format = k.token_format"
            " AND c.status IN ('ACTIVE', 'NEEDS_CARDHOLDER') AND c.expire_time = 0"
            " AND (c.create_time, c.token) < (k.create_time, k.token)"
            f" WHERE NOT EXISTS (SELECT 1 FROM {own}"
            " WHERE x.tenant = c.tenant AND x.token = c.token)",
            0,
        )


def _cards(made: _Statement, delta: Delta) -> None:
    changes = delta.cards.values()
    made.insert("cards", CARD, [card for base, card in changes if not base])
    changed = sorted((*card, base) for base, card in changes if base)
    if changed:
        rows = made.arguments.rows(changed, {**CARD, "base": "bigint"})
        assigned = ", ".join(f"{name} = k.{name}" for name in _CHANGED)
        made.counted(
            "change_cards",
            f"UPDATE cards AS c SET {assigned} FROM {rows} WHERE c.tenant = k.tenant"  # noqa: S608
            " AND c.token = k.token AND c.revision = k.base RETURNING 1",
            len(changed),
        )


def _pointers(made: _Statement, delta: Delta) -> None:
    added, moved, dropped = [], [], []
    for key, (old, new) in delta.pointers.items():
        if old is not None and new is not None:
            moved.append((*key, old, new))
        elif new is not None:
            added.append((*key, new))
        elif old is not None:
            dropped.append((*key, old))
    made.insert("existing_cards", POINTER, added)
    if moved:
        rows = made.arguments.rows(moved, {**POINTER, "new_token": "text"})
        made.counted(
            "move_pointers",
            f"UPDATE existing_cards AS e SET token = k.new_token FROM {rows}"  # noqa: S608
            f" WHERE {_POINTER_IS} RETURNING 1",
            len(moved),
        )
    if dropped:
        rows = made.arguments.rows(dropped, POINTER)
        made.counted(
            "drop_pointers",
            f"DELETE FROM existing_cards AS e USING {rows} WHERE {_POINTER_IS} RETURNING 1",  # noqa: S608
            len(dropped),
        )


def _parked(made: _Statement, delta: Delta) -> None:
    added, looked, gone = delta.parked_rows()
    made.insert("parked_updates", PARKED, added)
    same = (
        "p.tenant = k.tenant AND p.update_id = k.update_id AND p.look_time = k.look_time"
        " RETURNING 1"
    )
    if looked:
        rows = made.arguments.rows(sorted(looked), {**_PARKED_KEY, "new_time": "bigint"})
        made.counted(
            "look_parked",
            f"UPDATE parked_updates AS p SET look_time = k.new_time FROM {rows} WHERE {same}",  # noqa: S608
            len(looked),
        )
    if gone:
        rows = made.arguments.rows(sorted(gone), _PARKED_KEY)
        made.counted(
            "drop_parked",
            f"DELETE FROM parked_updates AS p USING {rows} WHERE {same}",  # noqa: S608
            len(gone),
        )


def _imprints(made: _Statement, delta: Delta) -> None:
    made.insert("imprints", IMPRINT, list(delta.imprints.values()))
    if delta.undone:
        undone = [(*key, *mark) for key, mark in sorted(delta.undone.items())]
        rows = made.arguments.rows(undone, {**IMPRINT_KEY, "was": "text", "undone": "text"})
        made.counted(
            "undo_imprints",
            f"UPDATE imprints AS i SET undone = k.undone FROM {rows} WHERE i.tenant = k.tenant"  # noqa: S608
            " AND i.token = k.token AND i.revision = k.revision AND i.update_id = k.update_id"
            " AND i.undone = k.was RETURNING 1",
            len(undone),
        )
    if delta.dropped_imprints:
        rows = made.arguments.rows(sorted(delta.dropped_imprints), _CARD_KEY)
        made.add(
            "drop_imprints",
            f"DELETE FROM imprints AS i USING {rows} WHERE i.tenant = k.tenant"  # noqa: S608
            " AND i.token = k.token",
        )


def _drop_numbers(
    made: _Statement, delta: Delta, dropped_versions: Sequence[Row], gone: Sequence[Row]
) -> None:
    """Forget numbers that no card and no version has once this flush is in."""
    keys = [key for key, (base, _card) in delta.cards.items() if base]
    rows = made.arguments.rows(gone, _MAC)
    changed = made.arguments.rows(keys, {"tenant": "text", "token": "text"}, "x")
    dropped = made.arguments.rows(dropped_versions, _VERSION_KEY, "y")
    made.add(
        "drop_numbers",
        f"DELETE FROM fingerprints AS f USING {rows} WHERE f.tenant = k.tenant"  # noqa: S608
        " AND f.mac = k.mac AND NOT EXISTS (SELECT 1 FROM cards AS c WHERE c.tenant = f.tenant"
        " AND c.fingerprint = f.fingerprint AND c.fingerprint <> '' AND NOT EXISTS"
        f" (SELECT 1 FROM {changed} WHERE x.tenant = c.tenant AND x.token = c.token))"
        " AND NOT EXISTS (SELECT 1 FROM card_versions AS v WHERE v.tenant = f.tenant"
        f" AND v.fingerprint = f.fingerprint AND NOT EXISTS (SELECT 1 FROM {dropped}"
        " WHERE y.tenant = v.tenant AND y.token = v.token"
        " AND y.credential_version = v.credential_version))",
    )
