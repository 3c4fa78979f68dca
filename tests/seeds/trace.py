"""All that happens in a run, in order, as one hash; and, if wanted, as lines to read."""

from __future__ import annotations

from hashlib import sha256

from tests.seeds.loop import SeededLoop


class Trace:
    """Takes notes. The same seed takes the same ones, byte by byte."""

    def __init__(self, loop: SeededLoop, *, keep: bool = False) -> None:
        self._loop = loop
        self._hash = sha256()
        self.lines: list[str] | None = [] if keep else None
        self.notes = 0
        self.closed = False

    def note(self, *what: object) -> None:
        """Write down what happened, and when."""
        if self.closed:
            return
        self.notes += 1
        line = f"{self._loop.time():.6f} {' '.join([_shown(each) for each in what])}"
        self._hash.update(line.encode(errors="backslashreplace") + b"\n")
        if self.lines is not None:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        """Return the hash of all notes, in hexadecimal digits."""
        return self._hash.hexdigest()


def _shown(what: object) -> str:
    return what.hex() if isinstance(what, bytes) else str(what)
