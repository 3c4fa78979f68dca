"""Spoil an answer on purpose, in one way or several, so that a test has a bad feed file."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pysequoia import Tsk

from updater.simulator.exchange import Parcel
from updater.simulator.pgp import Seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Say what is done to every response of a run; the default spoils nothing."""

    truncate: bool = False  # the text ends inside a record: no trailer
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

    def ordered(self, seed: int, lines: list[str]) -> Sequence[str]:
        """Return the records after `reorder`."""
        return _shuffled(seed, lines) if self.reorder else lines

    def spoiled_seal(self, seal: Seal) -> Seal:
        """Return the seal after `wrong_key` and `wrong_signer`."""
        if self.wrong_key:
            stranger = Tsk.generate("nobody <nobody@simulator.invalid>")
            seal = replace(seal, recipient=stranger.extract_certificate())
        if self.wrong_signer:
            seal = replace(seal, signer=Tsk.generate("impostor <impostor@simulator.invalid>"))
        return seal

    def parcel(self, name: str, ciphertext: bytes) -> Parcel:
        """Return what is delivered after `cut_ciphertext`."""
        if self.cut_ciphertext:
            ciphertext = ciphertext[: len(ciphertext) * 2 // 3]
        return Parcel(name, ciphertext)


def _shuffled(seed: int, lines: list[str]) -> list[str]:
    def draw(index: int) -> bytes:
        return hmac.digest(b"%d" % seed, b"reorder %d" % index, hashlib.sha256)

    order = sorted(range(len(lines)), key=draw)
    if len(lines) > 1 and order == sorted(order):
        order.reverse()  # two rows stay as they were for half of the seeds
    return [lines[index] for index in order]
