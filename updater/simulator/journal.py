"""Remember which files were answered, across restarts and crashes, without any card data.

A JSON-lines file, locked by its one owner. An answer is staged, noted as staged, released, noted as
delivered. Whoever opens the journal releases what was staged and not delivered: `release` does
nothing when the crash came after it, so an answer is delivered exactly once.
"""

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from updater.simulator.errors import SimulatorError
from updater.simulator.exchange import Incoming


class Journal:
    """Hold the journal file open and locked; use as a context manager.

    Raises SimulatorError if another simulator holds it, or a line in its middle is damaged. A torn
    last line was never acted upon and is cut off.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: Final = path.open("a+b")
        self._staged: Final[dict[str, list[str]]] = {}
        self._seen: Final[set[str]] = set()
        self._batches: Final[set[tuple[str, int]]] = set()
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

    def has_seen(self, incoming: Incoming) -> bool:
        """Tell whether these very bytes were answered under this name."""
        return _identity(incoming) in self._seen

    def has_used(self, merchant: str, batch: str) -> bool:
        """Tell whether this batch id, as a number, was ever accepted from this merchant."""
        return (merchant, int(batch)) in self._batches

    def undelivered(self) -> dict[str, list[str]]:
        """Return the parcels staged before a crash, by the identity to pass to `delivered`."""
        return dict(self._staged)

    def staged(self, incoming: Incoming, parcels: Sequence[str], *, accepted: bool) -> str:
        """Note durably that the parcels are staged; return the identity for `delivered`."""
        record: dict[str, object] = {
            "event": "staged",
            "id": _identity(incoming),
            "parcels": list(parcels),
            "accepted": [incoming.merchant, incoming.batch] if accepted else None,
        }
        self._append(record)
        self._apply(record)
        return _identity(incoming)

    def delivered(self, identity: str) -> None:
        """Note durably that the answer is in the inbox."""
        record: dict[str, object] = {"event": "delivered", "id": identity}
        self._append(record)
        self._apply(record)

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
            except (ValueError, KeyError, TypeError):
                raise SimulatorError(f"the journal is damaged at line {number}") from None

    def _append(self, record: dict[str, object]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _apply(self, record: dict[str, object]) -> None:
        identity = str(record["id"])
        if record["event"] == "delivered":
            self._staged.pop(identity)
            return
        parcels, accepted = record["parcels"], record["accepted"]
        if not isinstance(parcels, list):
            raise TypeError("parcels is a list")
        self._seen.add(identity)
        self._staged[identity] = [str(name) for name in parcels]
        if isinstance(accepted, list):
            merchant, batch = accepted
            self._batches.add((str(merchant), int(batch)))


def _identity(incoming: Incoming) -> str:
    return f"{incoming.name} {incoming.digest}"
