"""Tie an answer file's records to what was asked, and say what each one means.

The whole file is judged before anything is applied (`survey`); then every record becomes answers:
one for each card that it is about, or one by number. None is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from updater.domain.dispositions import NEVER_SENT, Disposition, NotSent
from updater.domain.feed import Answer, Quarantine
from updater.domain.inquiry import AskedCard
from updater.domain.mapping import Verdict
from updater.files.answers import AnswerRecord
from updater.files.codec import Response
from updater.usecases.channel import Channel
from updater.usecases.matching import Case, Match, Matcher, Misfit, Tie, content
from updater.usecases.ports import Marks
from updater.usecases.ports_vault import CardUpdate
from updater.usecases.survey import Survey, Surveyor
from updater.usecases.verdicts import Judge, expiry_of, pan_of


@dataclass(frozen=True, slots=True)
class Told:
    """One record's answer for one card: what is kept of it, and what the vault is told.

    `update` is None where the vault isn't asked; the answer's disposition is then the last word.
    Else the disposition is the vault's to say.
    """

    answer: Answer
    update: CardUpdate | None


@dataclass(frozen=True, slots=True)
class Correlate:
    """Turn an answer file's records into answers. Pure, and the same on every run."""

    channel: Channel
    marks: Marks

    async def survey(self, response: Response, case: Case) -> Survey:
        """Judge a file whole. Raises Misfit, FileRefused."""
        inquiry, head = case.inquiry, case.head
        merchant = self.channel.codec.carried_merchant(inquiry.merchant_id, inquiry.network)
        if head.merchant_id and head.merchant_id != merchant:
            raise Misfit(Quarantine.WRONG_MERCHANT, 0)
        if head.network and head.network != inquiry.network:
            raise Misfit(Quarantine.UNKNOWN_BATCH, 0)
        by_reference = self.channel.codec.carries_reference
        matcher = Matcher(self.marks, case, by_reference=by_reference)

        def in_shadow(record: AnswerRecord) -> bool:
            return self._in_shadow(record, case)

        return await Surveyor(case, matcher, Judge(self.channel), merchant, in_shadow)(response)

    def __call__(self, record: AnswerRecord, case: Case, survey: Survey) -> Sequence[Told]:
        """Return one Told for each card that a record is about; one by number if it is none's."""
        match = survey.matcher.match(record)
        verdict = Judge(self.channel)(record, match.question, survey.matcher)
        reference = "" if match.question is None else match.question.reference
        blank = Answer(
            ordinal=record.ordinal,
            token="",
            reference=reference,
            update_id=self._update_id(record, case),
            outcome=verdict.outcome,
            raw_code=record.code,
            raw_reason=record.reason,
            disposition=Disposition.NOT_SENT,
            note=verdict.note,
            record_mac=survey.matcher.letter(record, reference),
            # What a chain brings to a number that nobody really got is in the shadow, too.
            shadow=self._in_shadow(record, case)
            or (match.tie is not Tie.ASKED and match.key in survey.shadowed),
        )
        unsent = self._unsent(record, match, blank, case, survey)
        # A row about another number than its reference's is by number; see `Surveyor`.
        cards = match.question.cards if match.question is not None else (AskedCard("", 0),)
        told = []
        for card in cards:
            answer = replace(blank, token=card.token)
            if unsent is None:
                told.append(Told(answer, self._update(record, verdict, answer, card, case)))
            else:
                told.append(Told(replace(answer, disposition=unsent[0], reason=unsent[1]), None))
        return told

    def _unsent(
        self, record: AnswerRecord, match: Match, answer: Answer, case: Case, survey: Survey
    ) -> tuple[Disposition, str] | None:
        """Return why a record isn't brought to the vault; None if it is."""
        if match.key in survey.contradicted:
            return Disposition.CONFLICT, NotSent.ANSWERED_TWICE.value
        # Gone on with, what is kept of this very file is among the earlier ones; not of this thing,
        # if this is the first row about it.
        earlier = case.earlier.get(answer.reference, ())
        if survey.first[match.key] != record.ordinal or answer.record_mac in earlier:
            return Disposition.DUPLICATE, NotSent.REPEATED_ROW.value
        if answer.outcome in NEVER_SENT:
            return Disposition.NOT_SENT, (answer.note or answer.outcome).value
        if match.tie is not Tie.ASKED and pan_of(record.old_number) is None:
            return Disposition.NOT_SENT, NotSent.NO_NUMBER.value
        return None

    def _update(
        self,
        record: AnswerRecord,
        verdict: Verdict,
        answer: Answer,
        card: AskedCard,
        case: Case,
    ) -> CardUpdate:
        return CardUpdate(
            update_id=answer.update_id,
            merchant_account=case.inquiry.merchant_account,
            outcome=verdict.outcome,
            new_number=pan_of(record.new_number) if verdict.takes_number else None,
            new_expiry=expiry_of(record.new_expiry) if verdict.takes_expiry else None,
            asked_at=case.inquiry.asked_at,
            channel=self.channel.name,
            feed_id=case.feed_id,
            ordinal=record.ordinal,
            raw_code=f"{record.code}/{record.reason}",
            token=card.token,
            credential_version=card.credential_version,
            number=None if card.token else pan_of(record.old_number),
            file_time=case.head.file_time,
            dry_run=answer.shadow,
        )

    def _in_shadow(self, record: AnswerRecord, case: Case) -> bool:
        """Tell whether an answer changes nothing; also where its number doesn't show its range."""
        shadow = self.channel.shadow
        if record.old_number is None:
            return bool(shadow.bins) or shadow.covers(case.inquiry.tenant, "")
        return shadow.covers(case.inquiry.tenant, record.old_number.reveal())

    def _update_id(self, record: AnswerRecord, case: Case) -> str:
        """Channel, batch, ordinal and a *keyed* MAC: a plain hash could be guessed back.

        The part of the batch counts, too: one part may take back what another one said.
        """
        batch_id = case.inquiry.batch_id
        said = f"{case.head.part}\n".encode() + content(record)
        mac = self.marks.record(self.channel.name, batch_id, record.ordinal, said)
        return f"{self.channel.name}:{batch_id}:{record.ordinal}:{mac}"
