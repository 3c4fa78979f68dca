"""Events as lines of a file: CloudEvents 1.0 in JSON, one a line, synced before they count.

`data_base64` is the protobuf message. The file holds what the events hold, fingerprints and masked
cards among it, so only its owner may read it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from chassis.events.ports import Event, PoisonEvent, Publisher, SinkUnavailable
from chassis.events.source import PROTOBUF, EventSource

MAX_LINE: Final = 1 << 20
# JSON's own quoting, in C: an encoder object takes twice as long for a line of texts.
_quoted = json.encoder.encode_basestring_ascii
_BLOCK: Final = 1 << 16


def cloud_event(source: EventSource, row: Event) -> bytes:
    """Return an event's line, without its end. Raises PoisonEvent for one past 1 MiB."""
    attributes = source.attributes(row)
    attributes["datacontenttype"] = PROTOBUF
    fields = ",".join([f'"{name}":{_quoted(value)}' for name, value in attributes.items()])
    # Base 64 has nothing to quote: looking for it took a third of a line's time.
    data = base64.b64encode(row.payload)
    line = b'{%b,"data_base64":"%b"}' % (fields.encode(), data)
    if len(line) >= MAX_LINE:
        raise PoisonEvent
    return line


class FileEventSink:
    """`EventSink` and `Publisher` that appends to a file; made on first use, mode 0600."""

    def __init__(self, path: Path, source: EventSource) -> None:
        self._path: Final = path
        self._source: Final = source
        self._turn: Final = asyncio.Lock()

    @asynccontextmanager
    async def publisher(self, partition: int) -> AsyncIterator[Publisher]:
        """Yield itself: the file is one for all partitions of this process."""
        yield self

    async def publish(self, rows: Sequence[Event]) -> None:
        """Append the events in order; on return they are on disk.

        Raises PoisonEvent, with nothing written, and SinkUnavailable.
        """
        lines = b"".join([cloud_event(self._source, row) + b"\n" for row in rows])
        async with self._turn:
            try:
                await asyncio.to_thread(self._append, lines)
            except OSError as error:
                raise SinkUnavailable(os.strerror(error.errno or 0)) from None

    def _append(self, lines: bytes) -> None:
        """Write and sync. Opened anew each time: a failed sync must not be asked again."""
        made = not self._path.exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        try:
            end = _whole_lines(file)
            if end != os.fstat(file).st_size:
                os.ftruncate(file, end)  # torn by a crash, so it was never delivered
            os.lseek(file, end, os.SEEK_SET)
            view = memoryview(lines)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        if made:
            _sync_directory(self._path.parent)


def _whole_lines(file: int) -> int:
    """Return where the last whole line ends."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
