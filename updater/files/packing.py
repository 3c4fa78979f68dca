"""Records into a file: one after the other, never too many bytes, never another count."""

from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final, Protocol

from updater.files.answers import AskRecord
from updater.files.refusal import RecordInvalid


class Packs(Protocol):
    """A record type of any family."""

    def pack(self, values: Mapping[str, str]) -> str:
        """Return the record, without line end. Raises RecordInvalid."""
        ...


class Packer:
    """Writes records with LF as they come. `count` is what the file says, or will say, of itself.

    Raises RecordInvalid for a file over `max_bytes`, and at `close` for another count.
    """

    def __init__(self, out: BinaryIO, max_bytes: int, count: int) -> None:
        self._out: Final = out
        self._max: Final = max_bytes
        self._left = count
        self._size = 0

    def add(self, record: Packs, values: Mapping[str, str]) -> None:
        """Write one record."""
        data = (record.pack(values) + "\n").encode("ascii")
        self._size += len(data)
        if self._size > self._max:
            raise RecordInvalid(f"the file is over {self._max} bytes")
        self._out.write(data)

    def counted(self, asks: Iterable[AskRecord]) -> Iterator[AskRecord]:
        """Yield the questions, counting them."""
        for ask in asks:
            self._left -= 1
            yield ask

    def close(self) -> None:
        """Check that as many questions were written as the file says."""
        if self._left:
            raise RecordInvalid("there are more or fewer questions than the file says")
