"""Breaches made by hand in copies of a run's files: what the checker must then name."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from tests.e2e.kills.checker import Breach
from tests.e2e.kills.evidence import Evidence, add_files
from tests.e2e.kills.history import End, History

Spoil = Callable[[sqlite3.Connection, History], str]
"""Spoils a copy of the database; returns a part of the lines to take out of the events file."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One breach, and how to make it."""

    breach: Breach
    name: str
    spoil: Spoil

    def into(
        self, history: History, evidence: Evidence, database: Path, events: Path, scratch: Path
    ) -> Evidence:
        """Return the evidence with the breach in it; the run's own files stay as they are."""
        scratch.mkdir(exist_ok=True)
        copy, lines = scratch / "vault.db", scratch / "events.jsonl"
        for left in scratch.iterdir():
            left.unlink()
        shutil.copy(database, copy)
        with closing(sqlite3.connect(copy)) as db, db:
            unwanted = self.spoil(db, history).encode()
        kept = events.read_bytes().splitlines(keepends=True)
        lines.write_bytes(b"".join(k for k in kept if not unwanted or unwanted not in k))
        spoilt = replace(evidence)
        add_files(spoilt, copy, lines)
        return spoilt


def _card_gone(db: sqlite3.Connection, history: History) -> str:
    _one(db, "DELETE FROM cards WHERE token = ?", _last_token(history))
    return ""


def _request_gone(db: sqlite3.Connection, history: History) -> str:
    done = next(change for change in history.changes if change.end is End.DONE)
    _one(db, "DELETE FROM requests WHERE request_id = ?", done.request_id)
    return ""


def _change_unrecorded(db: sqlite3.Connection, history: History) -> str:
    done = next(change for change in history.changes if change.end is End.DONE)
    _one(db, "DELETE FROM audit WHERE record ->> 'request_id' = ?", done.request_id)
    return ""


def _gap(db: sqlite3.Connection, _history: History) -> str:
    _one(
        db,
        "DELETE FROM audit WHERE record ->> 'revision' = 1 AND record ->> 'token' ="
        " (SELECT token FROM cards WHERE revision > ? LIMIT 1)",
        1,
    )
    return ""


def _reveal_unrecorded(db: sqlite3.Connection, history: History) -> str:
    done = next(each for each in history.reveals if each.end is End.DONE and each.request_id)
    _one(db, "DELETE FROM audit WHERE record ->> 'request_id' = ?", done.request_id)
    return ""


def _batch_reveal_unrecorded(db: sqlite3.Connection, history: History) -> str:
    token = next(
        each.token for each in history.reveals if each.end is End.DONE and not each.request_id
    )
    db.execute(
        "DELETE FROM audit WHERE record ->> 'token' = ? AND record ->> 'action' = 'card.reveal'"
        " AND record ->> 'request_id' IS NULL",
        (token,),
    )
    return ""


def _done_twice(db: sqlite3.Connection, history: History) -> str:
    done = next(change for change in history.changes if change.end is End.DONE)
    _one(
        db,
        "INSERT INTO audit SELECT chain, -sequence, time, record, hash FROM audit"
        " WHERE record ->> 'request_id' = ?",
        done.request_id,
    )
    return ""


def _event_gone(db: sqlite3.Connection, history: History) -> str:
    token = _last_token(history)
    db.execute("DELETE FROM outbox WHERE token = ?", (token,))
    return token


def _last_token(history: History) -> str:
    return next(change.token for change in history.changes[::-1] if change.end is End.DONE)


def _one(db: sqlite3.Connection, statement: str, value: str | int) -> None:
    """Run a statement that must touch exactly one row: a plant that does nothing proves nothing."""
    touched = db.execute(statement, (value,)).rowcount
    if touched != 1:
        raise ValueError(f"a plant touched {touched} rows")


PLANTS = (
    Plant(Breach.LOST_WRITE, "a card's row is gone", _card_gone),
    Plant(Breach.LOST_WRITE, "a request id is forgotten", _request_gone),
    Plant(Breach.LOST_WRITE, "a change has no record", _change_unrecorded),
    Plant(Breach.REVISION_GAP, "a card's first record is gone", _gap),
    Plant(Breach.UNRECORDED_REVEAL, "a reveal's record is gone", _reveal_unrecorded),
    Plant(Breach.UNRECORDED_REVEAL, "a batch's record is gone", _batch_reveal_unrecorded),
    Plant(Breach.DOUBLE_EFFECT, "a request id has two records", _done_twice),
    Plant(Breach.MISSING_EVENT, "a card's events are gone", _event_gone),
)
