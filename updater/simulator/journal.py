"""Remember which requests were answered and how far, across restarts, without any card data.

A JSON-lines file, locked by its one owner. A request is noted as accepted, with the times at which
its files are due. A file is staged, noted as staged, released, noted as delivered. Whoever opens
the journal releases what was staged and not delivered: `release` does nothing when the crash came
after it, so each file is delivered exactly once. Times are microseconds since 1970, UTC.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from updater.simulator.errors import SimulatorError

REJECTION: Final = -1  # the slot of the file that turns a request away


class DueFile(NamedTuple):
    """One file that is to be delivered."""

    due: int
    identity: str  # the request's
    slot: int


@dataclass(slots=True)
class Accepted:
    """What is known of an accepted request."""

    identity: str
    merchant: str
    batch: str
    came: int
    rules: str
    due: Sequence[int]
    open: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Return the request's file name."""
        return self.identity.split(" ")[0]


class Journal:
    """Hold the journal file open and locked; use as a context manager.

    Raises SimulatorError if another simulator holds it, or a line in its middle is damaged. A torn
    last line was never acted upon and is cut off.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: Final = path.open("a+b")
        self._staged: Final[dict[tuple[str, int], list[str]]] = {}
        self._seen: Final[set[str]] = set()
        self._batches: Final[set[tuple[str, int]]] = set()
        self._accepted: Final[dict[str, Accepted]] = {}
        self.latest = 0  # the latest time that was noted
        try:
            self._lock_and_read()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def has_seen(self, identity: str) -> bool:
        """Tell whether these very bytes were accepted or rejected under this name."""
        return identity in self._seen

    def has_used(self, merchant: str, batch: str) -> bool:
        """Tell whether this batch id, as a number, was ever accepted from this merchant."""
        return (merchant, int(batch)) in self._batches

    def cases(self) -> list[Accepted]:
        """Return every accepted request, in the order in which they came."""
        return sorted(self._accepted.values(), key=lambda each: (each.came, each.identity))

    def case(self, identity: str) -> Accepted:
        """Return one accepted request."""
        return self._accepted[identity]

    def undelivered(self) -> Mapping[tuple[str, int], Sequence[str]]:
        """Return the parcels staged before a crash, by what to pass to `delivered`."""
        return dict(self._staged)

    def pending(self) -> list[DueFile]:
        """Return what is to come, as it is due."""
        return sorted(
            DueFile(case.due[slot], case.identity, slot)
            for case in self._accepted.values()
            for slot in case.open
            if (case.identity, slot) not in self._staged
        )

    def accept(self, case: Accepted) -> None:
        """Note durably that a request was accepted, and when its files are due."""
        self._note(
            event="accepted",
            id=case.identity,
            batch=[case.merchant, case.batch],
            came=case.came,
            rules=case.rules,
            due=list(case.due),
        )

    def staged(
        self,
        identity: str,
        slot: int,
        parcels: Sequence[str],
        *,
        at: int,
        sent: Mapping[str, object] | None = None,
    ) -> None:
        """Note durably that a file is staged, under some names or none, and what is in it."""
        self._note(
            event="staged", id=identity, slot=slot, parcels=list(parcels), at=at, sent=sent or {}
        )

    def delivered(self, identity: str, slot: int) -> None:
        """Note durably that a file is in the inbox."""
        self._note(event="delivered", id=identity, slot=slot)

    def _lock_and_read(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SimulatorError("another simulator is at work on this exchange") from None
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError, TypeError, IndexError):
                raise SimulatorError(f"the journal is damaged at line {number}") from None

    def _note(self, **record: object) -> None:
        self._append(record)
        self._apply(record)

    def _append(self, record: Mapping[str, object]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _apply(self, record: dict[str, Any]) -> None:
        identity = str(record["id"])
        if record["event"] == "accepted":
            self._apply_accepted(identity, record)
            return
        slot = int(record["slot"])
        if slot != REJECTION and slot not in self._accepted[identity].open:
            raise ValueError("no such file is to come")
        if record["event"] == "delivered":
            self._staged.pop((identity, slot))
            if slot != REJECTION:
                self._accepted[identity].open.remove(slot)
            return
        if record["event"] != "staged" or not isinstance(record["parcels"], list):
            raise ValueError("no such event")
        self.latest = max(self.latest, int(record["at"]))
        self._seen.add(identity)
        self._staged[identity, slot] = [str(name) for name in record["parcels"]]

    def _apply_accepted(self, identity: str, record: dict[str, Any]) -> None:
        merchant, batch = record["batch"]
        due = [int(each) for each in record["due"]]
        case = Accepted(
            identity, str(merchant), str(batch), int(record["came"]), str(record["rules"]), due
        )
        case.open = set(range(len(due)))
        self.latest = max(self.latest, case.came)
        self._accepted[identity] = case
        self._seen.add(identity)
        self._batches.add((case.merchant, int(case.batch)))


def deliveries(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what a journal says was sent, a mapping a file; works while a simulator is at work.

    Raises SimulatorError if the journal can't be read.
    """
    staged: dict[tuple[str, int], Mapping[str, Any]] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):  # being written
                    break
                record = json.loads(line)
                key = (record["id"], record.get("slot", REJECTION))
                if record["event"] == "staged":
                    staged[key] = record
                elif record["event"] == "delivered":
                    found = staged.pop(key)
                    if found["parcels"]:
                        request = found["id"].split(" ")[0]
                        yield {"request": request, "files": found["parcels"], **found["sent"]}
    except OSError as error:
        raise SimulatorError(f"can't read the journal: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise SimulatorError("the journal is damaged") from None
