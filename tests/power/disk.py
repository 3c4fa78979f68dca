"""What a power cut leaves of files: everything synced, and of the rest what the disk pleased.

A disk's cache writes whole sectors, each when it likes: after a cut a sector is as it was at some
moment between the file's last sync and the cut, whatever its neighbours are. The same holds of the
file's size, and with it of truncations: these are a journaling file system's, done whole or not at
all. A sector that came with a larger size and was never written holds zeros, or rubbish.
A file made since the directory's last sync may be missing, one deleted since may be back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Final, NamedTuple

from tests.power.layer import Happened

NEVER: Final = 0


class Cut(StrEnum):
    """What becomes of what was not synced."""

    DROPPED = "dropped"
    KEPT = "kept"
    TORN_512 = "torn at 512 B"
    TORN_4096 = "torn at 4 KiB"

    @property
    def sector(self) -> int:
        """How much the disk writes at once; 0 where nothing is torn."""
        return {Cut.TORN_512: 512, Cut.TORN_4096: 4_096}.get(self, 0)


TORN: Final = (Cut.TORN_512, Cut.TORN_4096)


@dataclass
class File:
    """One file: as it was last synced, and what was done to it since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Happened] = field(default_factory=list)
    here: bool = False  # by its name, now
    named: bool = False  # by its name, as of the directory's last sync
    syncs: int = 0

    def sync(self) -> None:
        """Make all of it durable."""
        self.durable = apply(self.durable, self.pending)
        self.pending = []
        self.syncs += 1


class Signature(NamedTuple):
    """What tells an image from another, where nothing random is in it."""

    files: tuple[tuple[str, int, int, bool], ...]


def apply(content: bytearray, pending: list[Happened]) -> bytearray:
    """Do what was done to a file; `content` is changed."""
    for each in pending:
        if each.what == "truncate":
            _resize(content, each.at)
        else:
            if each.at > len(content):
                _resize(content, each.at)
            content[each.at : each.at + len(each.data)] = each.data
    return content


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


class Disk:
    """Follows a log; `image` is what a cut would leave now."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def take(self, event: Happened) -> None:
        """Follow one line of the log."""
        if not event.file:
            return
        file = self.files.setdefault(event.file, File())
        if event.what == "create":
            file.durable, file.pending, file.here = bytearray(), [], True
        elif event.what == "delete":
            file.here = False
        elif event.what == "names":
            for each in self.files.values():
                each.named = each.here
        elif event.what == "sync":
            file.sync()
        else:
            file.pending.append(event)

    def unsynced(self) -> bool:
        """Tell whether anything could be lost."""
        return any(file.pending or file.here != file.named for file in self.files.values())

    def signature(self, cut: Cut) -> Signature | None:
        """Return what tells this image from others; None for one that chance decides."""
        if cut.sector and self.unsynced():
            return None
        kept = cut is not Cut.DROPPED
        return Signature(
            tuple(
                (name, file.syncs, len(file.pending) * kept, file.here if kept else file.named)
                for name, file in sorted(self.files.items())
            )
        )

    def image(self, cut: Cut, random: Random) -> dict[str, bytes]:
        """Return the files that a cut leaves."""
        left: dict[str, bytes] = {}
        for name, file in sorted(self.files.items()):
            if cut is Cut.DROPPED:
                there = file.named
            elif cut is Cut.KEPT or file.here == file.named:
                there = file.here
            else:
                there = random.random() < 0.5
            if not there:
                continue
            if cut is Cut.DROPPED:
                left[name] = bytes(file.durable)
            elif cut is Cut.KEPT:
                left[name] = bytes(apply(bytearray(file.durable), file.pending))
            else:
                left[name] = torn(file, cut.sector, random)
        return left


def torn(file: File, sector: int, random: Random) -> bytes:
    """Return a file of which each unsynced sector is as of a moment of its own."""
    pending = file.pending
    if not pending:
        return bytes(file.durable)
    moment = _moments(len(pending), random)
    sizes = _sizes(len(file.durable), pending)
    sized = moment()
    largest = -(-max(sizes) // sector) * sector
    content = bytearray(file.durable)
    fill = random.randbytes if random.random() < 0.25 else bytes
    content.extend(fill(max(0, largest - len(content))))
    until: dict[int, int] = {}
    for number, each in enumerate(pending):
        first = each.at // sector
        end = largest if each.what == "truncate" else each.at + len(each.data)
        for at in range(first, -(-end // sector)):
            if at not in until:
                until[at] = moment()
            if number < (sized if each.what == "truncate" else until[at]):
                _write(content, each, at * sector, (at + 1) * sector)
    del content[sizes[sized] :]
    return bytes(content)


def _write(content: bytearray, each: Happened, low: int, high: int) -> None:
    """Do the part of a write, or of a truncation, that lies in one sector."""
    low = max(low, each.at)
    if each.what == "truncate":
        content[low:high] = bytes(high - low)
        return
    high = min(high, each.at + len(each.data))
    content[low:high] = each.data[low - each.at : high - each.at]


def _moments(count: int, random: Random) -> Callable[[], int]:
    """Return how to draw a moment: how many of the writes had been when a sector was written."""
    dropped, kept = random.choice([(0.1, 0.2), (0.4, 0.8), (0.05, 0.95), (0.8, 0.9)])

    def moment() -> int:
        drawn = random.random()
        if drawn < dropped:
            return NEVER
        return count if drawn < kept else random.randint(0, count)

    return moment


def _sizes(size: int, pending: list[Happened]) -> list[int]:
    """Return the file's size after each of its writes, and before the first."""
    sizes = [size]
    for each in pending:
        size = each.at if each.what == "truncate" else max(size, each.at + len(each.data))
        sizes.append(size)
    return sizes
