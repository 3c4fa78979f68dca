"""What a codec is, and which there are: the one place that knows a format by its name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final, Protocol

from updater.files.answers import AnswerRecord, AskRecord, RequestHead, ResponseHead
from updater.files.cybersource_csv import CybersourceCsv
from updater.files.gp_bigbatch import GpBigBatch
from updater.files.mes_aus import MesAus
from updater.files.refusal import Diagnostic


class Response(Protocol):
    """An answer file being read. Its head is right already; the rest shows as it is read."""

    @property
    def head(self) -> ResponseHead:
        """What the file says of itself."""
        ...

    @property
    def diagnostics(self) -> Sequence[Diagnostic]:
        """What was odd and let pass: the first `refusal.DIAGNOSTICS_KEPT`, after the last record.

        How many there were in all isn't kept.
        """
        ...

    def records(self) -> Iterator[AnswerRecord]:
        """Yield the records once, in file order, at constant memory.

        Raises FileRefused with an offset for anything wrong, at the latest after the last record:
        the trailers and what follows them are looked at then. So nothing may be done for good
        with a record before the iterator has ended.
        """
        ...


class Codec(Protocol):
    """One file format, both ways. Stateless; it never seeks and never closes a stream."""

    @property
    def name(self) -> str:
        """The format's name, which is also its name in the outcome table."""
        ...

    @property
    def max_bytes(self) -> int:
        """The longest file that is read or written."""
        ...

    @property
    def most_questions(self) -> int:
        """How many questions of ours a request may have: the answers, too, fit in `max_bytes`."""
        ...

    @property
    def request_suffix(self) -> str:
        """How the name of an inquiry file ends, before what its encryption adds."""
        ...

    @property
    def carries_reference(self) -> bool:
        """Whether an answer brings back the reference of its question."""
        ...

    @property
    def one_network_per_file(self) -> bool:
        """Whether a request needs `RequestHead.network`, and all its cards of that network."""
        ...

    @property
    def batch_digits(self) -> int:
        """How many digits a batch id may have; 0 where the format has no batch id."""
        ...

    def carried_merchant(self, merchant_id: str, network: str) -> str:
        """Return a merchant id as this format's answers show it: filled up to its column."""
        ...

    def write_request(
        self, head: RequestHead, asks: Iterable[AskRecord], count: int, out: BinaryIO
    ) -> None:
        """Write an inquiry file of exactly `count` questions, as they come.

        Raises RecordInvalid for what has no place in the format; what was written is then waste.
        """
        ...

    def open_response(self, plain: BinaryIO) -> Response:
        """Read an answer file's head. Raises FileRefused at once if that is wrong."""
        ...


_ALL: Final[Sequence[Codec]] = (CybersourceCsv(), GpBigBatch(), MesAus())

CODECS: Final[Mapping[str, Codec]] = {codec.name: codec for codec in _ALL}
"""Every format by its name."""
