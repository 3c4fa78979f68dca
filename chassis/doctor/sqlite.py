"""An embedded database's file: read only, so that a service may be serving it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import apsw

from chassis.doctor.disk import disk_facts, disk_findings, file_findings
from chassis.doctor.finding import Finding, Rule, Severity, not_checked

LOST: Final = "1: nothing acknowledged is lost"

UNSUITABLE: Final = Rule(
    "SQLITE_UNSUITABLE",
    Severity.BROKEN,
    "an SQLite that takes a write-ahead log, synchronous = FULL and secure_delete here",
    LOST,
    "install the locked apsw, and put the database on a local disk",
)
NO_LOG: Final = Rule(
    "SQLITE_NOT_WAL",
    Severity.RISK,
    "journal_mode = wal",
    "none: the service turns it on when it opens the file",
    "find out who else opens this file",
)
DAMAGED: Final = Rule(
    "SQLITE_DAMAGED",
    Severity.BROKEN,
    "PRAGMA quick_check says ok",
    LOST,
    "stop the service, keep the file, restore a backup",
)
MISSING: Final = Rule(
    "SQLITE_MISSING",
    Severity.NOTE,
    "a database, once the service has run",
    "none",
    "the service makes it at its first start",
)
RULES: Final = (UNSUITABLE, NO_LOG, DAMAGED, MISSING)

_STEPS: Final = (
    1_000  # of SQLite's machine between two looks at the clock: well under a millisecond
)

Opener = Callable[[Path], apsw.Connection]


def sqlite_findings(
    path: Path, opener: Opener, refused: tuple[type[Exception], ...], *, check_s: float
) -> list[Finding]:
    """Look at a database, its directory and its file system.

    `opener` is the service's own way to open a writer: tried on a file beside it, in a directory
    that is removed. It may raise `refused`, whose text is a rule. The quick check is given up
    after `check_s` seconds, and says so.
    """
    directory = path.parent
    if not directory.is_dir():
        return [MISSING.found(f"there is no directory {directory}")]
    found = _tried(directory, opener, refused)
    try:
        found += disk_findings(disk_facts(directory))
    except OSError as error:
        found.append(not_checked("file system", error.strerror or "can't be read"))
    beside = [path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")]
    found += file_findings(beside)
    if not path.is_file():
        return [*found, MISSING.found(f"there is no {path}")]
    return [*found, *_contents(path, check_s)]


def _tried(directory: Path, opener: Opener, refused: tuple[type[Exception], ...]) -> list[Finding]:
    try:
        with TemporaryDirectory(prefix=".doctor-", dir=directory) as place:
            db = opener(Path(place) / "try.db")
            try:
                db.execute("CREATE TABLE t (x)")
                db.execute("INSERT INTO t VALUES (1)")
            finally:
                db.close()
    except refused as error:
        return [UNSUITABLE.found(str(error))]
    except apsw.Error as error:
        return [UNSUITABLE.found(type(error).__name__)]
    except OSError as error:
        return [not_checked("a database beside this one", error.strerror or "can't be made")]
    return []


def _contents(path: Path, check_s: float) -> list[Finding]:
    try:
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        return [not_checked("the database", type(error).__name__)]
    found = []
    # Asked while a statement runs, so that none can slip past it, as past an interrupt in between.
    end = time.monotonic() + check_s
    try:
        db.set_busy_timeout(1_000)
        db.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        mode = db.pragma("journal_mode")
        if mode != "wal":
            found.append(NO_LOG.found(f"journal_mode = {mode}"))
        if (said := str(db.execute("PRAGMA quick_check(1)").get)) != "ok":
            found.append(DAMAGED.found(f"quick_check: {said[:200]}"))
    except apsw.InterruptError:
        found.append(not_checked("quick_check", f"not done within {check_s:g} s"))
    except (apsw.CorruptError, apsw.NotADBError) as error:
        found.append(DAMAGED.found(type(error).__name__))
    except apsw.Error as error:
        found.append(not_checked("the database", type(error).__name__))
    finally:
        db.close()
    return found
