"""Scan streams, files and trees in constant memory, every byte and every file name."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from vault.pan_scan.encodings import FINDERS, Encoding, Found, find_text
from vault.pan_scan.wanted import AROUND, Wanted

CHUNK: Final = 1 << 20
_SETTLE: Final = AROUND * 4 // 3 + 8  # what stands around it has been read, in base64 too
# No number takes more bytes in any encoding (base64 in lines: 28 characters, their line ends), and
# enough remains for `_SETTLE` and for a run that is too long to be seen as that.
_OVERLAP: Final = 256


class Hit(NamedTuple):
    """A number in a stream, by its absolute offset in bytes."""

    offset: int
    encoding: Encoding
    number: int | None
    last4: str


def scan_stream(stream: BinaryIO, wanted: Wanted, *, chunk: int = CHUNK) -> Iterator[Hit]:
    """Yield every number once, in no certain order within a chunk. May raise OSError.

    `chunk` is in bytes; memory is a small multiple of it.
    """
    tail, before = b"", 0
    while True:
        new = stream.read(chunk)
        buffer = tail + new
        for found in _in_buffer(buffer, wanted):
            # What lies at a buffer's very end may go on in the next one: told there.
            settled = found.end + _SETTLE
            if len(tail) < settled and (settled <= len(buffer) or not new):
                yield Hit(before + found.start, found.encoding, found.number, found.last4)
        if not new:
            return
        tail = buffer[-_OVERLAP:]
        before += len(buffer) - len(tail)


def _in_buffer(buffer: bytes, wanted: Wanted) -> Iterator[Found]:
    for name, finder in FINDERS.items():
        if name != "bcd" or wanted.in_dense_data:
            yield from finder(buffer, wanted)


@dataclass(slots=True)
class Tally:
    """What a scan went through."""

    files: int = 0
    size: int = 0  # bytes
    unreadable: list[Path] = field(default_factory=list)
    skipped: int = 0  # sockets, pipes, devices, symbolic links: no bytes of their own


class FileHit(NamedTuple):
    """A number in a file, or (`in_name`) in the name of a file or directory."""

    path: Path
    hit: Hit
    in_name: bool


def scan_paths(paths: Sequence[Path], wanted: Wanted, tally: Tally) -> Iterator[FileHit]:
    """Scan files, and directories to any depth; follows no symbolic link below what is given."""
    for path in paths:
        yield from _scan_one(path, wanted, tally)
        if path.is_dir():
            for directory, folders, files in os.walk(path, onerror=_note(tally)):
                for name in sorted(folders):
                    yield from _scan_name(Path(directory, name), wanted)
                for name in sorted(files):
                    entry = Path(directory, name)
                    yield from _scan_name(entry, wanted)
                    yield from _scan_one(entry, wanted, tally)


def _note(tally: Tally) -> Callable[[OSError], None]:
    def noted(error: OSError) -> None:
        tally.unreadable.append(Path(error.filename or "?"))

    return noted


def _scan_name(path: Path, wanted: Wanted) -> Iterator[FileHit]:
    for found in find_text(os.fsencode(path.name), wanted):
        hit = Hit(found.start, found.encoding, found.number, found.last4)
        yield FileHit(path, hit, in_name=True)


def _scan_one(path: Path, wanted: Wanted, tally: Tally) -> Iterator[FileHit]:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            return
        if not stat.S_ISREG(mode):
            tally.skipped += 1
            return
        with path.open("rb") as file:
            for hit in scan_stream(file, wanted):
                yield FileHit(path, hit, in_name=False)
            tally.size += file.tell()
        tally.files += 1
    except FileNotFoundError:
        return  # a live directory: it went while we looked
    except OSError:
        tally.unreadable.append(path)
