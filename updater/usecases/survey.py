"""Judge an answer file as a whole, before anything of it is applied.

The file is read to its end, at constant memory but for what judging needs: for each thing that
its rows are about, a digest of what they say of it and where they began; for each new number, how
many become it; for each row nobody asked for, which number leads to which. No number is kept.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cards.outcomes import BRINGS_EXPIRY, ENDS_OR_PAUSES
from updater.domain.bounds import Tally
from updater.domain.feed import Quarantine
from updater.files.answers import AnswerRecord
from updater.files.codec import Response
from updater.usecases.matching import Case, Match, Matcher, Misfit, Tie
from updater.usecases.verdicts import Judge

BREATH: Final = 200
"""Records between which others have their turn: reading is work, and a server waits for no file."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a file as a whole: how its rows agree, and what it says of how many cards.

    `first` is where rows about one thing began, `contradicted` what they don't agree about,
    `chained` which numbers a chain leads to that began with an asked one, and `shadowed` those that
    one leads to which came by a row in the shadow. Keys are `Match.key`.
    """

    matcher: Matcher
    records: int
    tally: Tally
    first: Mapping[bytes, int]
    contradicted: Collection[bytes]
    chained: Collection[bytes]
    shadowed: Collection[bytes]


class Surveyor:
    """Makes one survey."""

    def __init__(
        self,
        case: Case,
        matcher: Matcher,
        judge: Judge,
        merchant: str,
        in_shadow: Callable[[AnswerRecord], bool],
    ) -> None:
        self._case: Final = case
        self._matcher: Final = matcher
        self._judge: Final = judge
        self._merchant: Final = merchant
        self._in_shadow: Final = in_shadow
        self._first: Final[dict[bytes, tuple[int, bytes]]] = {}
        self._contradicted: Final[set[bytes]] = set()
        self._becomes: Final[Counter[bytes]] = Counter()
        self._from_asked: Final[set[bytes]] = set()
        self._from_shadow: Final[set[bytes]] = set()
        self._edges: Final[dict[bytes, list[bytes]]] = defaultdict(list)
        self._strays: Final[dict[bytes, int]] = {}
        self._strangers: Final[set[bytes]] = set()
        self._records = 0
        self._closed = 0
        self._changed = 0

    async def __call__(self, response: Response) -> Survey:
        """Read a file whole. Raises Misfit, and FileRefused for what is wrong in its form."""
        for record in response.records():
            self._add(record)
            if self._records % BREATH == 0:
                await asyncio.sleep(0)
        chained = self._reached(self._from_asked)
        shadowed = self._reached(self._from_shadow)
        astray = [at for key, at in self._strays.items() if key not in chained]
        if astray:
            raise Misfit(Quarantine.ANSWER_ABOUT_ANOTHER_NUMBER, min(astray))
        tally = Tally(
            records=len(self._first),
            closed=self._closed,
            changed=self._changed,
            many_to_one=max(self._becomes.values(), default=0),
            unasked=len(self._strangers - chained),
        )
        first = {key: ordinal for key, (ordinal, _) in self._first.items()}
        return Survey(
            self._matcher, self._records, tally, first, self._contradicted, chained, shadowed
        )

    def _add(self, record: AnswerRecord) -> None:
        self._records += 1
        if record.merchant_id and record.merchant_id != self._merchant:
            raise Misfit(Quarantine.WRONG_MERCHANT, record.offset)
        match = self._matcher.match(record)
        self._check_earlier(record, match)
        if match.tie is Tie.ANOTHER_NUMBER:
            self._strays.setdefault(match.key, record.offset)
        elif match.tie is Tie.UNASKED:
            self._strangers.add(match.key)
        meaning = self._matcher.meaning(record)
        ordinal, said = self._first.setdefault(match.key, (record.ordinal, meaning))
        if said != meaning:
            self._contradicted.add(match.key)
        elif ordinal == record.ordinal:  # the same once more counts once
            self._count(record, match)

    def _check_earlier(self, record: AnswerRecord, match: Match) -> None:
        """Refuse a question's second answer from a further file, unless equal to the letter.

        Rows that contradicted each other in an earlier file are none of its answers: nothing was
        done on their word, and only the acquirer can say which one it meant. So what a further file
        says of their question, once, is the first answer to it.
        """
        if match.question is None or self._case.behind:  # found good before, if gone on with
            return
        reference = match.question.reference
        earlier = self._case.earlier.get(reference)
        if earlier and self._matcher.letter(record, reference) not in earlier:
            raise Misfit(Quarantine.BATCH_REUSED, record.offset)

    def _count(self, record: AnswerRecord, match: Match) -> None:
        """Count what a row does to a card, and note which number leads to which."""
        verdict = self._judge(record, match.question, self._matcher)
        if verdict.outcome in ENDS_OR_PAUSES:
            self._closed += 1
        elif verdict.outcome in BRINGS_EXPIRY:
            self._changed += 1
        if not verdict.takes_number or record.new_number is None:
            return
        new = self._matcher.number(record.new_number)
        self._becomes[new] += 1
        if self._in_shadow(record):
            self._from_shadow.add(new)
        if match.tie is Tie.ASKED:
            self._from_asked.add(new)
        else:
            self._edges[match.key].append(new)

    def _reached(self, start: Collection[bytes]) -> set[bytes]:
        """Return some numbers, and those that these become."""
        reached: set[bytes] = set()
        ahead = list(start)
        while ahead:
            number = ahead.pop()
            if number not in reached:
                reached.add(number)
                ahead += self._edges.get(number, ())
        return reached
