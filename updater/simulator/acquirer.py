"""Answer request files: open, parse, plan, and deliver each file once when its time has come."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from updater.simulator.clock import real_time
from updater.simulator.errors import RejectReason, RequestRejected, SimulatorError
from updater.simulator.exchange import Exchange, Incoming, Parcel
from updater.simulator.faults import Faults
from updater.simulator.journal import REJECTION, Accepted, DueFile, Journal
from updater.simulator.numbers import CardNumber
from updater.simulator.pgp import AcquirerKeys
from updater.simulator.plan import What, slots
from updater.simulator.request import Case, Question
from updater.simulator.rules import Rules
from updater.simulator.truth import Standing, Truths, standings
from updater.simulator.writer import Writer

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """Report one file: the request's name, how many records by code, or why it was rejected."""

    name: str
    codes: Mapping[str, int] = field(default_factory=dict)
    rejected: RejectReason | None = None
    line: int = 0
    number: int = 1  # of the answer's files, as in the name
    what: What = What.ANSWER


class Acquirer:
    """Play an acquirer and the networks behind it, on one exchange, in one format.

    `clock` gives the simulated time, aware, in UTC; here it never goes back behind what the journal
    noted. `wait` is called with seconds while a file is written slowly.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        journal: Journal,
        keys: AcquirerKeys,
        rules: Rules,
        faults: Faults,
        wait: Callable[[float], object],
        clock: Callable[[], datetime] = real_time,
    ) -> None:
        self._exchange: Final = exchange
        self._journal: Final = journal
        self._keys: Final = keys
        self._rules: Final = rules
        self._faults: Final = faults
        self._wait: Final = wait
        self._clock: Final = clock
        self._writer: Final = Writer(self._rules, keys.seal, faults)

    def recover(self) -> int:
        """Deliver what a crash left staged; return the number of files. Call once, first."""
        left = self._journal.undelivered()
        for (identity, slot), names in left.items():
            for name in names:
                self._exchange.release(name)
            self._journal.delivered(identity, slot)
        return len(left)

    def answer_pending(self) -> Iterator[Answer]:
        """Accept or reject what is new in the outbox, and deliver every file that is due."""
        now = self._now()
        for incoming in self._exchange.fresh():
            if not self._journal.has_seen(incoming.identity):
                yield from self._begin(incoming, now)
        for file in self._journal.pending():
            if file.due > now:
                break
            try:
                incoming = self._exchange.read(self._journal.case(file.identity).name)
            except OSError:
                continue  # taken away: what was asked is nobody's business any more
            if incoming.identity == file.identity:
                yield from self._deliver(file, self._case(incoming), incoming)

    def next_due(self) -> datetime | None:
        """Return when the next file is due; None if nothing is to come."""
        pending = self._journal.pending()
        return _time(pending[0].due) if pending else None

    def standings(self, merchant: str = "") -> Iterator[tuple[Case, Question, Standing]]:
        """Yield what is ever told about each question, request by request as they came.

        Of one merchant, or of all. Raises SimulatorError if a request was taken away.
        """
        for case in self._cases(merchant):
            for question, found in standings(self._rules, case):
                yield case, question, found

    def truths(
        self, numbers: Iterable[CardNumber], merchant: str = ""
    ) -> Mapping[CardNumber, Standing]:
        """Return where each number stands after all that will ever be sent.

        Numbers that nobody asked about are left out. One pass over all requests, whatever the
        number of numbers. Raises SimulatorError if a request was taken away.
        """
        return Truths(self._rules, numbers).after(self._cases(merchant))

    def _cases(self, merchant: str) -> Iterator[Case]:
        for accepted in self._journal.cases():
            if merchant in {"", accepted.merchant}:
                try:
                    incoming = self._exchange.read(accepted.name)
                except OSError:
                    raise SimulatorError("a request was taken out of the outbox") from None
                if incoming.identity != accepted.identity:
                    raise SimulatorError("a request in the outbox was replaced")
                yield self._case(incoming)

    def _now(self) -> int:
        return max((self._clock() - _EPOCH) // _MICROSECOND, self._journal.latest)

    def _begin(self, incoming: Incoming, now: int) -> Iterator[Answer]:
        try:
            case = self._admitted(incoming, now)
        except RequestRejected as refusal:
            parcel = self._rejection(incoming, refusal)
            self._exchange.stage(parcel)
            self._journal.staged(
                incoming.identity,
                REJECTION,
                [parcel.name],
                at=now,
                sent={"what": "rejection", "reason": refusal.reason.value},
            )
            self._exchange.release(parcel.name)
            self._journal.delivered(incoming.identity, REJECTION)
            yield Answer(incoming.name, rejected=refusal.reason, line=refusal.line)
            return
        for slot, due in enumerate(self._journal.case(incoming.identity).due):
            if due <= now:
                yield from self._deliver(DueFile(due, incoming.identity, slot), case, incoming)

    def _admitted(self, incoming: Incoming, now: int) -> Case:
        if self._exchange.is_too_large(incoming):
            raise RequestRejected(RejectReason.TOO_LARGE)
        form = self._rules.form
        request = form.parse(self._keys.open(incoming.ciphertext))
        if not form.belongs(request, incoming.merchant, incoming.batch):
            raise RequestRejected(RejectReason.NAME_MISMATCH, 1)
        if self._journal.has_used(incoming.merchant, incoming.batch):
            raise RequestRejected(RejectReason.DUPLICATE_BATCH_ID, 1)
        # Whole seconds: a format's own time has no more.
        came = now - now % 1_000_000
        case = Case(incoming.merchant, incoming.batch, _time(came), request)
        self._journal.accept(
            Accepted(
                incoming.identity,
                case.merchant,
                case.batch,
                came,
                self._rules.digest,
                [came + slot.after // _MICROSECOND for slot in slots(self._rules, case.identity)],
            )
        )
        return case

    def _case(self, incoming: Incoming) -> Case:
        """Open an accepted request again. What is to come is made from it, and kept nowhere."""
        accepted = self._journal.case(incoming.identity)
        if accepted.rules != self._rules.digest:
            raise SimulatorError("this exchange was begun with another format, seed or script")
        request = self._rules.form.parse(self._keys.open(incoming.ciphertext))
        return Case(accepted.merchant, accepted.batch, _time(accepted.came), request)

    def _deliver(self, file: DueFile, case: Case, incoming: Incoming) -> Iterator[Answer]:
        slot = slots(self._rules, case.identity)[file.slot]
        asked = self._keys.open(incoming.ciphertext) if self._faults.wrong_direction else b""
        made = self._writer.write(case, slot, asked)
        for parcel in made.parcels:
            self._exchange.stage(parcel)
        names = [parcel.name for parcel in made.parcels]
        at = max(file.due, self._journal.latest)
        self._journal.staged(file.identity, file.slot, names, at=at, sent=made.report)
        for name in names:
            if self._faults.slow_write:
                self._exchange.release_slowly(name, self._wait, self._faults.slow_write)
            else:
                self._exchange.release(name)
        self._journal.delivered(file.identity, file.slot)
        if names:
            yield Answer(incoming.name, made.codes, number=slot.number, what=slot.what)

    def _rejection(self, incoming: Incoming, refusal: RequestRejected) -> Parcel:
        fields = ("REJECTED", incoming.merchant, incoming.batch, refusal.reason, str(refusal.line))
        name = self._rules.form.reject_name(incoming.merchant, incoming.batch)
        return Parcel(name, self._keys.seal.close(f"{','.join(fields)}\n".encode("ascii")))


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND
