"""One canary-filled instance of every class that can hold a secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from cards.expiry import ExpiryInvalid
from cards.pan import Pan, PanInvalid, PanProblem
from chassis.tls import KeyPair
from tests.leaks.holders import KEY, NAME, NUMBER, holders, made
from updater.files.digits import Digits
from updater.simulator.numbers import CardNumber
from updater.simulator.request import Question
from updater.simulator.rows import Row, Says
from vault.adapters.kms.remote import RemoteKms
from vault.adapters.local_kms import LocalKms
from vault.crypto.blob import RecordKey
from vault.crypto.checkpoints import CheckpointKey
from vault.crypto.mac import MacKey
from vault.domain.outcome import InDoubt
from vault.pan_scan.wanted import GivenNumbers

_ANYTHING: Final[Any] = SimpleNamespace()


def _question() -> Question:
    return Question(1, NUMBER, "11", "41", echo=NUMBER)


MAKERS: Final[Mapping[type, Callable[[], Any]]] = {
    Pan: lambda: Pan(NUMBER),
    PanInvalid: lambda: PanInvalid(PanProblem.LENGTH),
    ExpiryInvalid: lambda: ExpiryInvalid("month"),
    CardNumber: lambda: CardNumber(NUMBER),
    Digits: lambda: Digits(NUMBER),
    Question: _question,
    Row: lambda: Row(_question(), next(iter(Says)), new=NUMBER),
    GivenNumbers: lambda: GivenNumbers([NUMBER]),
    KeyPair: lambda: KeyPair(b"ca", b"leaf", KEY, datetime.now(UTC)),
    RecordKey: lambda: RecordKey(b"record-1", KEY),
    MacKey: lambda: MacKey(b"mac-key1", KEY),
    CheckpointKey: lambda: CheckpointKey(KEY),
    LocalKms: lambda: LocalKms(b"localkms", KEY),
    InDoubt: InDoubt,
    RemoteKms: lambda: RemoteKms("aws:key", 2, _ANYTHING, _ANYTHING),
}
"""How classes that print themselves and have no fields to be found by are made."""


def instances() -> list[Any]:
    """Return one of each."""
    found = [made(cls, secret) for cls, secret in holders().items()]
    return [*found, *[make() for make in MAKERS.values()]]


def pairs() -> list[tuple[Any, Any]]:
    """Return two of each that differ in their secrets: what `assert one == other` compares."""
    return list(zip(instances(), _other_instances(), strict=True))


def _other_instances() -> list[Any]:
    """Return instances without any secret: of the same classes, in the same order."""
    plain = [made(cls, []) for cls in holders()]
    return [*plain, *[object() for _make in MAKERS]]


__all__ = ["MAKERS", "NAME", "instances", "pairs"]
