"""What all families have in common: headers, then details, then trailers, then nothing."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from updater.files.answers import AnswerRecord, ResponseHead
from updater.files.lines import Line
from updater.files.refusal import DIAGNOSTICS_KEPT, Diagnostic, FileFault, FileRefused, Oddity


@dataclass(frozen=True, slots=True)
class Frame:
    """The tags of a family's records in the order in which a file has them, and how to read one."""

    headers: tuple[str, ...]
    detail: str
    trailers: tuple[str, ...]
    tag_of: Callable[[Line], str]


def take_headers(lines: Iterator[Line], frame: Frame) -> Sequence[Line]:
    """Return a file's headers, each once and in order. Raises FileRefused."""
    found: list[Line] = []
    for tag in frame.headers:
        line = next(lines, None)  # the first is there: an empty file is refused as such
        if line is None:
            raise FileRefused(FileFault.TRUNCATED, found[-1].after)
        if frame.tag_of(line) != tag:
            raise FileRefused(FileFault.HEADER_EXPECTED, line.offset)
        found.append(line)
    return found


def take_details(
    lines: Iterator[Line], frame: Frame, start: int, close: Callable[[Sequence[Line], int], None]
) -> Iterator[Line]:
    """Yield the details from `start`, the headers' end, on; `close` then checks trailers and count.

    Raises FileRefused for a line out of place. A file whose end is missing, in the middle of a
    line or between two, is TRUNCATED and nothing else: more of it may be on its way.
    """
    trailers: list[Line] = []
    count, end = 0, start
    for line in lines:
        end = line.after
        tag = frame.tag_of(line)
        if len(trailers) == len(frame.trailers):
            raise FileRefused(FileFault.DATA_AFTER_TRAILER, line.offset)
        last = len(trailers) == len(frame.trailers) - 1 and tag == frame.trailers[-1]
        if not line.terminated and not last:
            raise FileRefused(FileFault.TRUNCATED, end)
        if tag == frame.trailers[len(trailers)]:
            trailers.append(line)
        elif trailers:
            raise FileRefused(FileFault.DATA_AFTER_TRAILER, line.offset)
        elif tag == frame.detail:
            count += 1
            yield line
        else:
            raise FileRefused(_misplaced(tag, frame), line.offset)
    if len(trailers) < len(frame.trailers):
        raise FileRefused(FileFault.TRUNCATED, end)
    close(trailers, count)


def _misplaced(tag: str, frame: Frame) -> FileFault:
    if tag in frame.headers:
        return FileFault.SECOND_HEADER
    return FileFault.TRAILER_ORDER if tag in frame.trailers else FileFault.UNKNOWN_RECORD


class Notes:
    """What was odd in one file: the first DIAGNOSTICS_KEPT of it."""

    def __init__(self) -> None:
        self._kept: Final[list[Diagnostic]] = []

    def add(self, oddity: Oddity, offset: int) -> None:
        """Keep one more, if there is room."""
        if len(self._kept) < DIAGNOSTICS_KEPT:
            self._kept.append(Diagnostic(oddity, offset))

    @property
    def kept(self) -> Sequence[Diagnostic]:
        """What was kept, in file order."""
        return tuple(self._kept)


@dataclass(frozen=True, slots=True, repr=False)
class StreamedResponse:
    """An answer file whose headers are read: `codec.Response`.

    `start` is where they end. `answer` makes a record of a detail and its ordinal; `close`
    refuses trailers that don't fit.
    """

    head: ResponseHead
    frame: Frame
    lines: Iterator[Line]
    start: int
    answer: Callable[[int, Line], AnswerRecord]
    close: Callable[[Sequence[Line], int], None]
    notes: Notes

    @property
    def diagnostics(self) -> Sequence[Diagnostic]:
        """What was odd and let pass, complete after the last record."""
        return self.notes.kept

    def records(self) -> Iterator[AnswerRecord]:
        """Yield the records, once. Raises FileRefused, at the latest after the last one."""
        details = take_details(self.lines, self.frame, self.start, self.close)
        for ordinal, line in enumerate(details, 1):
            record = self.answer(ordinal, line)
            if not record.known:
                self.notes.add(Oddity.UNKNOWN_CODE, line.offset)
            yield record
