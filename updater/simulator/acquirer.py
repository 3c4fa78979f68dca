"""Answer request files: open, parse, screen, look up, write, seal, deliver once."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.exchange import MAX_CIPHERTEXT, Exchange, Incoming, Parcel
from updater.simulator.faults import Faults
from updater.simulator.journal import Journal
from updater.simulator.ledger import Expiry, IssuerLedger, Outcome, Truth
from updater.simulator.pgp import AcquirerKeys
from updater.simulator.request import Question, RequestFile, parse_request
from updater.simulator.response import AnswerRow, answer_row, request_id
from updater.simulator.screening import screen
from updater.simulator.script import Script

NETWORK_ANSWER: Final = "800"


@dataclass(frozen=True, slots=True)
class Answer:
    """Report one file: its name, how many records by response code, or why it was rejected."""

    name: str
    codes: Mapping[str, int] = field(default_factory=dict)
    rejected: RejectReason | None = None
    line: int = 0


class Acquirer:
    """Play CyberSource and the networks behind it, on one exchange."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        journal: Journal,
        keys: AcquirerKeys,
        seed: int,
        script: Script,
        faults: Faults,
        wait: Callable[[float], object],
    ) -> None:
        self._exchange: Final = exchange
        self._journal: Final = journal
        self._keys: Final = keys
        self._seed: Final = seed
        self._script: Final = script
        self._faults: Final = faults
        self._wait: Final = wait
        self._ledger: Final = IssuerLedger(seed, script.rates)

    def recover(self) -> int:
        """Deliver what a crash left staged; return the number of answers. Call once, first."""
        left = self._journal.undelivered()
        for identity, names in left.items():
            for name in names:
                self._exchange.release(name)
            self._journal.delivered(identity)
        return len(left)

    def answer_pending(self) -> Iterator[Answer]:
        """Answer each file of the outbox that was not answered yet; a file is read once a pass."""
        for incoming in self._exchange.pending():
            if not self._journal.has_seen(incoming):
                yield self._answer(incoming)

    def _answer(self, incoming: Incoming) -> Answer:
        try:
            request, asked = self._accepted(incoming)
        except RequestRejected as refusal:
            self._deliver(incoming, [self._rejection(incoming, refusal)], accepted=False)
            return Answer(incoming.name, rejected=refusal.reason, line=refusal.line)
        rows = self._rows(request, self._seed)
        self._deliver(incoming, self._response(incoming, request, rows, asked), accepted=True)
        return Answer(incoming.name, Counter(row.code for row in rows))

    def _accepted(self, incoming: Incoming) -> tuple[RequestFile, bytes]:
        if len(incoming.ciphertext) > MAX_CIPHERTEXT:
            raise RequestRejected(RejectReason.TOO_LARGE)
        asked = self._keys.open(incoming.ciphertext)
        request = parse_request(asked)
        if (request.merchant, request.batch) != (incoming.merchant, incoming.batch):
            raise RequestRejected(RejectReason.NAME_MISMATCH, 1)
        if self._journal.has_used(request.merchant, request.batch):
            raise RequestRejected(RejectReason.DUPLICATE_BATCH_ID, 1)
        return request, asked

    def _rows(self, request: RequestFile, seed: int) -> list[AnswerRow]:
        ledger = self._ledger if seed == self._seed else IssuerLedger(seed, self._script.rates)
        return [
            self._row(ledger, question, request_id(seed, request, question.ordinal))
            for question in request.questions
        ]

    def _row(self, ledger: IssuerLedger, question: Question, identifier: str) -> AnswerRow:
        screened = screen(question, self._script.supported_brands)
        if isinstance(screened, str):
            return answer_row(identifier, question, ("", "", ""), "DEC", screened)
        demand = self._script.demand(
            digits=question.number, reference=question.reference, ordinal=question.ordinal
        )
        truth = ledger.truth(screened.pan, screened.expiry, demand=demand)
        number = truth.new_pan.reveal() if truth.new_pan else ""
        if truth.outcome is Outcome.NEW_EXPIRY and ledger.echoes_number(screened.pan):
            number = question.number
        new = (number, *_expiry_fields(truth))
        return answer_row(identifier, question, new, truth.outcome.code, NETWORK_ANSWER)

    def _response(
        self, incoming: Incoming, request: RequestFile, rows: list[AnswerRow], asked: bytes
    ) -> list[Parcel]:
        faults, seal = self._faults, self._faults.spoiled_seal(self._keys.seal)
        text = faults.spoiled_text(request, faults.spoiled_rows(self._seed, rows), asked)
        conflicting = None
        if faults.conflicting_file:
            other = self._rows(request, self._seed + 1)
            conflicting = seal.close(faults.spoiled_text(request, other, asked))
        name = f"{incoming.merchant}.{incoming.batch}.au.response.pan.csv.pgp"
        return faults.parcels(name, seal.close(text), conflicting)

    def _rejection(self, incoming: Incoming, refusal: RequestRejected) -> Parcel:
        fields = ("REJECTED", incoming.merchant, incoming.batch, refusal.reason, str(refusal.line))
        name = f"{incoming.merchant}.{incoming.batch}.au.reject.txt.pgp"
        return Parcel(name, self._keys.seal.close(f"{','.join(fields)}\n".encode("ascii")))

    def _deliver(self, incoming: Incoming, parcels: list[Parcel], *, accepted: bool) -> None:
        for parcel in parcels:
            self._exchange.stage(parcel)
        names = [parcel.name for parcel in parcels]
        identity = self._journal.staged(incoming, names, accepted=accepted)
        for name in names:
            if accepted and self._faults.slow_write:
                self._exchange.release_slowly(name, self._wait, self._faults.slow_write)
            else:
                self._exchange.release(name)
        self._journal.delivered(identity)


def _expiry_fields(truth: Truth) -> tuple[str, str]:
    expiry: Expiry | None = truth.new_expiry
    return ("", "") if expiry is None else (f"{expiry.month:02}", f"{expiry.year % 100:02}")
