"""Spoil an answer on purpose, in one way or several, so that a test has a bad feed file."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pysequoia import Tsk

from updater.simulator.exchange import Parcel
from updater.simulator.pgp import Seal
from updater.simulator.request import RequestFile
from updater.simulator.response import AnswerRow, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Say what is done to every response of a run; the default spoils nothing."""

    truncate: bool = False  # the text ends inside a D record: no trailer
    cut_ciphertext: bool = False  # the OpenPGP message itself is cut short
    wrong_count: bool = False  # the trailer counts one record more
    wrong_direction: bool = False  # the request comes back under the response's name
    wrong_key: bool = False  # encrypted to a key that nobody has
    wrong_signer: bool = False  # signed by a key that is not the acquirer's
    reorder: bool = False  # rows in another order: legal, a reader must cope
    many_to_one: bool = False  # every new number is the first one in the file
    duplicate_file: bool = False  # the same bytes again, under a second name
    conflicting_file: bool = False  # the same batch again under a second name, other contents
    slow_write: float = 0.0  # seconds for which the file grows under its real name

    def spoiled_rows(self, seed: int, rows: Sequence[AnswerRow]) -> Sequence[AnswerRow]:
        """Return the rows after `many_to_one` and `reorder`."""
        if self.many_to_one:
            shared = next((row.new_number for row in rows if row.code == "NAN"), "")
            rows = [row.with_new_number(shared) if row.code == "NAN" else row for row in rows]
        if self.reorder:
            rows = _shuffled(seed, rows)
        return rows

    def spoiled_text(self, request: RequestFile, rows: Sequence[AnswerRow], asked: bytes) -> bytes:
        """Return the file's text after `wrong_direction`, `wrong_count` and `truncate`."""
        text = render(request, rows, count=len(rows) + 1 if self.wrong_count else None)
        if self.wrong_direction:
            text = asked
        return _inside_last_record(text) if self.truncate else text

    def spoiled_seal(self, seal: Seal) -> Seal:
        """Return the seal after `wrong_key` and `wrong_signer`."""
        if self.wrong_key:
            stranger = Tsk.generate("nobody <nobody@simulator.invalid>")
            seal = replace(seal, recipient=stranger.extract_certificate())
        if self.wrong_signer:
            seal = replace(seal, signer=Tsk.generate("impostor <impostor@simulator.invalid>"))
        return seal

    def parcels(self, name: str, ciphertext: bytes, conflicting: bytes | None) -> list[Parcel]:
        """Return what is delivered after `cut_ciphertext`, `duplicate_file`, `conflicting_file`."""
        if self.cut_ciphertext:
            ciphertext = ciphertext[: len(ciphertext) * 2 // 3]
        parcels = [Parcel(name, ciphertext)]
        if self.duplicate_file:
            parcels.append(Parcel(_second_name(name, "dup"), ciphertext))
        if conflicting is not None:
            parcels.append(Parcel(_second_name(name, "other"), conflicting))
        return parcels


def _shuffled(seed: int, rows: Sequence[AnswerRow]) -> list[AnswerRow]:
    def draw(index: int) -> bytes:
        return hmac.digest(b"%d" % seed, b"reorder %d" % index, hashlib.sha256)

    order = sorted(range(len(rows)), key=draw)
    if len(rows) > 1 and order == sorted(order):
        order.reverse()  # two rows stay as they were for half of the seeds
    return [rows[index] for index in order]


def _inside_last_record(text: bytes) -> bytes:
    """Cut in the middle of the last record before the trailer; at worst, of the header."""
    before_trailer = text.rstrip(b"\n").rfind(b"\n")
    start = text.rfind(b"\n", 0, before_trailer) + 1
    return text[: (start + before_trailer) // 2]


def _second_name(name: str, mark: str) -> str:
    return name.replace(".csv.pgp", f".{mark}.csv.pgp")
