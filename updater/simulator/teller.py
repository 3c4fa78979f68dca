"""Make the story of each question of one request, as format, seed and script decide."""

import hashlib
from typing import Final

from updater.simulator.ledger import Expiry, Outcome
from updater.simulator.request import Case, Question
from updater.simulator.rows import CLOSINGS, NEWS, Row, Says
from updater.simulator.rules import Rules
from updater.simulator.screening import screen
from updater.simulator.story import Kind, Mark, Sent, Story, Subject

# Who asks without an expiry is told the one after this.
_UNSAID: Final = Expiry(12, 2026)
_CONTRADICTION_STEP: Final = 9  # tells a row's request id from those of the chain's steps
_UNASKED_STEP: Final = 8
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_NEVER_REPEATED: Final = frozenset({Mark.CONTRADICTED, Mark.CORRECTED, Mark.CYCLE})


class Teller:
    """Tell the stories of one request. Pure: nothing depends on what was told before."""

    def __init__(self, rules: Rules, case: Case) -> None:
        self._rules: Final = rules
        self._case: Final = case
        self._identity: Final = case.identity
        self._bursts: Final = rules.fates.bursts(case.identity)
        supported = rules.script.supported_brands
        brands = rules.form.brands(case.request)
        # CyberSource's formats refuse what they don't take; a script may say they take more.
        self._brands: Final = (
            brands
            if supported is None
            else supported
            if not case.request.network
            else brands & supported
        )

    def may_speak(self, question: Question, day: int) -> bool:
        """Tell whether the file of `day` may have a row about this question; cheap."""
        return self._rules.fates.may_speak(self._identity, question.number, day)

    def story(self, question: Question) -> Story:
        """Return all that is ever sent about a question."""
        rules, case = self._rules, self._case
        screened = screen(question, self._brands, expiry_required=rules.form.expiry_required)
        if isinstance(screened, str):
            return self._refused(question, screened)
        fate = rules.fates.of_row(self._identity, question.number, burst=self._bursts)
        demand = Outcome.CLOSED if fate.burst else None
        if demand is None and rules.script.overrides:
            demand = rules.script.demand(
                digits=question.number, reference=question.reference, ordinal=question.ordinal
            )
        pan, expiry = screened.pan, screened.expiry
        truths = rules.ledger.steps(pan, expiry or _UNSAID, demand=demand)
        outcome = truths[0].outcome
        says = rules.form.says(
            outcome,
            case.request,
            screened.brand,
            opt_outs=rules.script.disturbances.visa_opt_outs,
        )
        story = Story(outcome, says)
        story.chain = [pan, *(truth.new_pan for truth in truths if truth.new_pan)]
        story.expiry = next(
            (truth.new_expiry for truth in reversed(truths) if truth.new_expiry), expiry
        )
        self._fill(story, Subject(question, pan, expiry, fate, truths))
        return story

    def _refused(self, question: Question, reason: str) -> Story:
        story = Story(None, None)
        story.marks.append(Mark.REFUSED)
        if self._rules.form.refuses(self._case.request):
            day = self._rules.fates.day(self._identity, question.number)
            row = Row(question, Says.REFUSED, reason=reason)
            story.sent.append(Sent(day, row, Kind.ANSWER, None))
        return story

    def _fill(self, story: Story, subject: Subject) -> None:
        fate = subject.fate
        if story.says is None:
            story.marks.append(Mark.UNTOLD)
        elif story.says in NEWS:
            self._tell_news(story, subject)
        else:
            self._tell_no_news(story, subject)
        if fate.burst:
            story.marks.append(Mark.BURST)
        if fate.move is not None and story.sent:
            story.marks.append(Mark.MOVED)
        if fate.repeat and story.sent and _NEVER_REPEATED.isdisjoint(story.marks):
            story.marks.append(Mark.REPEATED)
            story.sent += [
                Sent(day + 1, row.again(), Kind.REPEAT, move) for day, row, _, move in story.sent
            ]
        if fate.duplicate and story.sent:
            story.marks.append(Mark.DUPLICATED)
            story.sent = [
                each
                for sent in story.sent
                for each in (sent, Sent(sent.day, sent.row, Kind.DUPLICATE, fate.move_copy))
            ]
        if fate.unasked:
            story.send(fate.day, self._unasked(subject), Kind.UNASKED, fate)

    def _tell_no_news(self, story: Story, subject: Subject) -> None:
        question, fate = subject.question, subject.fate
        says = story.says or Says.CURRENT
        if fate.omit:
            story.marks.append(Mark.OMITTED)
        elif fate.contradict:
            self._contradict(story, subject, Row(question, says))
        elif fate.unknown_code:
            story.marks.append(Mark.UNKNOWN_CODE)
            story.send(fate.day, Row(question, Says.UNPUBLISHED), Kind.ANSWER, fate)
        else:
            story.send(fate.day, Row(question, says), Kind.ANSWER, fate)

    def _tell_news(self, story: Story, subject: Subject) -> None:
        fate = subject.fate
        if fate.omit_news:
            story.marks.append(Mark.OMITTED)
            story.determined = False
        elif fate.contradict:
            self._contradict(story, subject, self._first(story, subject))
        elif fate.correct and self._is_corrected(story, subject):
            self._correct(story, subject)
        elif len(subject.truths) > 1:
            self._chain(story, subject)
        else:
            story.send(fate.day, self._first(story, subject), Kind.ANSWER, fate)

    def _first(self, story: Story, subject: Subject) -> Row:
        """Return the row that tells what became of the number asked about."""
        truth, question = subject.truths[0], subject.question
        says = story.says or Says.CURRENT
        new = truth.new_pan.reveal() if truth.new_pan else ""
        if says is Says.NEW_EXPIRY and self._rules.ledger.echoes_number(subject.pan):
            new = question.number
        if says in CLOSINGS and subject.fate.numbered:
            new = self._rules.ledger.stray(subject.pan, "beside closed").reveal()
        return Row(question, says, new=new, expiry=truth.new_expiry)

    def _contradict(self, story: Story, subject: Subject, row: Row) -> None:
        other = Row(
            subject.question,
            Says.NEW_NUMBER,
            new=self._rules.ledger.stray(subject.pan, "contradiction").reveal(),
            expiry=row.expiry,
            step=_CONTRADICTION_STEP,
        )
        story.marks.append(Mark.CONTRADICTED)
        story.determined = False
        story.send(subject.fate.day, row, Kind.ANSWER, subject.fate)
        story.send(subject.fate.day, other, Kind.CONTRADICTION, subject.fate)

    def _is_corrected(self, story: Story, subject: Subject) -> bool:
        """Tell whether a first answer can be wrong and corrected: not a chain's, no year 2100."""
        expiry = subject.truths[0].new_expiry
        return (
            self._rules.form.corrects(self._case.request)
            and len(subject.truths) == 1
            and story.says in {Says.NEW_NUMBER, Says.NEW_EXPIRY}
            and (expiry is None or expiry.year < 2099)
        )

    def _correct(self, story: Story, subject: Subject) -> None:
        """Tell something wrong, and a day later the truth: something else, or no change at all."""
        question, fate, truth = subject.question, subject.fate, subject.truths[0]
        wrong = self._first(story, subject)
        if wrong.says is Says.NEW_NUMBER:
            wrong.new = self._rules.ledger.stray(subject.pan, "to be corrected").reveal()
        elif truth.new_expiry is not None:
            wrong.expiry = Expiry(truth.new_expiry.month, truth.new_expiry.year + 1)
        if fate.take_back:
            story.chain, story.expiry = [subject.pan], subject.expiry
            right = Row(
                question, Says.CORRECTED, new=question.number, expiry=subject.expiry, step=1
            )
        else:
            new = truth.new_pan.reveal() if truth.new_pan else question.number
            right = Row(question, Says.CORRECTED, new=new, expiry=truth.new_expiry, step=1)
        story.marks.append(Mark.CORRECTED)
        story.send(fate.day, wrong, Kind.WRONG, fate)
        story.send(fate.day + 1, right, Kind.CORRECTION, fate)

    def _chain(self, story: Story, subject: Subject) -> None:
        fate, expiry = subject.fate, subject.expiry
        rows = []
        for step, (truth, old) in enumerate(zip(subject.truths, story.chain, strict=False)):
            new = truth.new_pan.reveal() if truth.new_pan else ""
            row = Row(
                subject.question, Says.NEW_NUMBER, new=new, expiry=truth.new_expiry, step=step
            )
            rows.append(row.about(old.reveal(), expiry) if step else row)
            expiry = truth.new_expiry or expiry
        cycle = story.chain[-1] == subject.pan
        story.marks.append(Mark.CYCLE if cycle else Mark.CHAIN)
        if fate.spread:
            story.marks.append(Mark.SPREAD)
        if cycle:
            # In one file, or without file times, nobody can tell which step was the last.
            story.determined = fate.spread and self._rules.form.has_file_time
        else:
            if fate.cut:
                story.marks.append(Mark.CUT)
                story.determined = False
                del rows[0]
            if fate.reverse:
                story.marks.append(Mark.REVERSED)
                rows.reverse()
        for later, row in enumerate(rows):
            day = fate.day + later if fate.spread else fate.day
            story.send(day, row, Kind.ANSWER, fate)

    def _unasked(self, subject: Subject) -> Row:
        """Return a row about a number that nobody asked about, with a reference nobody sent."""
        rules, asked = self._rules, subject.question
        stranger = rules.ledger.stray(subject.pan, "unasked")
        reference = asked.reference and _reference(f"{self._identity} {asked.ordinal}")
        question = Question(
            asked.ordinal,
            stranger.reveal(),
            asked.month,
            asked.year,
            reference=reference,
            sub_merchant=asked.sub_merchant,
            echo=asked.echo,
        )
        if subject.fate.unasked_closed:
            says = rules.form.says(Outcome.CLOSED, self._case.request, "", opt_outs=False)
            return Row(question, says or Says.CLOSED, step=_UNASKED_STEP)
        new = rules.ledger.stray(subject.pan, "unasked, new").reveal()
        return Row(question, Says.NEW_NUMBER, new=new, step=_UNASKED_STEP)


def _reference(identity: str) -> str:
    """Return 24 letters, as the updater's own references may look."""
    digest = hashlib.sha256(identity.encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:24])
