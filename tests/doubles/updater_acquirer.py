"""The other side of an exchange: reads inquiries, answers by a script, with its own keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pysequoia import Cert, Tsk, decrypt, encrypt

from cards.brands import Brand, brand_of
from tests.doubles import feed_files
from tests.doubles.feed_files import Question
from updater.domain.mapping import CYBERSOURCE, GP_BIGBATCH, MES_AUS
from updater.files.answers import AnswerRecord, ResponseHead, YearMonth

Script = Callable[[Question], AnswerRecord | None]
_SUFFIX = {CYBERSOURCE: "au.response.pan.csv", GP_BIGBATCH: "gp.response.txt"}


@dataclass(frozen=True, slots=True)
class Asked:
    """An inquiry file as it was collected."""

    name: str
    merchant_id: str
    batch: str
    records: Sequence[Question]
    network: str = ""
    segment: str = ""

    @property
    def named_batch(self) -> str:
        """The batch id in the file's name."""
        return self.name.split(".")[1]


@dataclass
class Acquirer:
    """Reads and answers files of one format."""

    keys: Path
    root: Path
    format: str
    script: Script
    asked: list[Asked] = field(default_factory=list)
    part: int = 0

    def __post_init__(self) -> None:
        self.secret = Tsk.from_bytes((self.keys / "acquirer.tsk").read_bytes())
        self.updater = Cert.from_bytes((self.keys / "updater.cert").read_bytes())

    def collect(self) -> list[Asked]:
        """Take every inquiry out of the outbox, as a channel's poller does."""
        found = []
        for path in sorted((self.root / "outbox").iterdir()):
            opened = decrypt(
                path.read_bytes(),
                decryptor=self.secret.decryptor(),
                store=lambda _ids: [self.updater],
            )
            assert opened.bytes is not None
            assert opened.valid_sigs
            read = feed_files.read_inquiry(self.format, opened.bytes)
            assert read.count == len(read.questions)
            segment = opened.bytes[22:28].decode() if self.format == GP_BIGBATCH else ""
            network = opened.bytes[21:22].decode() if self.format == GP_BIGBATCH else ""
            found.append(
                Asked(path.name, read.merchant_id, read.batch, read.questions, network, segment)
            )
            path.unlink()
        self.asked += found
        return found

    def respond(self, asked: Asked) -> list[AnswerRecord]:
        """Return the answers to an inquiry, as the script has them."""
        return [answer for each in asked.records if (answer := self.script(each)) is not None]

    def head(self, asked: Asked) -> ResponseHead:
        """Return the head of another answer file."""
        self.part += 1
        part = f"270115120000{self.part:04}" if self.format == GP_BIGBATCH else ""
        return ResponseHead(
            asked.merchant_id, asked.batch, part, None, asked.network, asked.segment
        )

    def plain(self, asked: Asked, records: Sequence[AnswerRecord]) -> bytes:
        """Return an answer file's text."""
        return feed_files.answer_file(self.format, self.head(asked), records)

    def seal(self, plain: bytes) -> bytes:
        """Encrypt and sign as the acquirer."""
        return encrypt(plain, recipients=[self.updater], signer=self.secret.signer(), armor=False)

    def deliver(self, name: str, content: bytes) -> Path:
        """Put a file into the inbox."""
        path = self.root / "inbox" / name
        path.write_bytes(content)
        return path

    def name_of(self, asked: Asked, more: str = "") -> str:
        """Return the agreed name of an answer file."""
        suffix = _SUFFIX.get(self.format, "aus.response.txt")
        batch, _, tail = asked.named_batch, "", more and f"{more}."
        return f"{asked.name.split('.')[0]}.{batch}.{tail}{suffix}.pgp"

    def answer_all(self) -> None:
        """Answer what is in the outbox, and deliver it under the agreed name."""
        for asked in self.collect():
            self.answer(asked, self.respond(asked))

    def answer(self, asked: Asked, records: Sequence[AnswerRecord], more: str = "") -> Path:
        """Deliver an answer file; `more` tells its name from others of the batch."""
        return self.deliver(self.name_of(asked, more), self.seal(self.plain(asked, records)))


def answer(question: Question, code: str, reason: str = "800", **new: Any) -> AnswerRecord:
    """Return an answer to a question: the old data echoed, as a channel does."""
    record = AnswerRecord(
        ordinal=0,
        offset=0,
        network="",
        code=code,
        reason=reason,
        known=True,
        reference=question.reference,
        merchant_id=question.merchant_id,
        old_number=question.number,
        old_expiry=expiry_asked(question),
        new_number=None,
        new_expiry=None,
        new_type="",
        previously_sent=None,
        extra="77,",
    )
    return replace(record, **new)


def expiry_asked(question: Question) -> YearMonth | None:
    """Return the expiry that was asked about."""
    text = question.expiry
    return None if not text.strip("0 ") else YearMonth(2000 + int(text[:2]), int(text[2:]))


def brand_asked(question: Question) -> Brand:
    """Return the brand of the number asked about."""
    return brand_of(question.number.reveal())


CODES = {
    CYBERSOURCE: {
        "new": ("NAN", "800"),
        "expiry": ("NED", "800"),
        "closed": ("ACL", "800"),
        "contact": ("CCH", "800"),
        "valid": ("CUR", "800"),
        "rejected": ("ERR", "811"),
    },
    GP_BIGBATCH: {
        "new": ("A", ""),
        "expiry": ("E", ""),
        "closed": ("C", ""),
        "contact": ("Q", ""),
        "valid": ("V", ""),
        "rejected": ("Z", ""),
    },
    MES_AUS: {
        "new": ("NEWACCT", ""),
        "expiry": ("NEWEXP", ""),
        "closed": ("CLOSED", ""),
        "contact": ("CALL", ""),
        "valid": ("NOCHANGE", ""),
        "rejected": ("ERROR", ""),
    },
}
"""Codes of each format by what they say; of `gp-bigbatch-80` Visa's."""


def said(format_name: str, what: str, question: Question, **new: Any) -> AnswerRecord:
    """Return an answer in a format's own words; `what` is a key of CODES."""
    code, reason = CODES[format_name][what]
    extra = "VISA01" if format_name == MES_AUS else "77,"
    return answer(question, code, reason, extra=extra, **new)
