"""What a card has been, version by version, less what was undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vault.domain.card import Card, Cause, Version


class Step(NamedTuple):
    """Contents that a card went through; several versions where it went back to them."""

    numbers: frozenset[int]
    fingerprint: str
    expiry: int
    cause: str
    source: str


def known_since(card: Card, versions: Sequence[Version]) -> int:
    """Return the version from which on none has been purged."""
    known = {old.credential_version for old in versions}
    number = card.credential_version
    while number - 1 in known:
        number -= 1
    return number


def line_of(card: Card, versions: Sequence[Version], since: int) -> list[Step]:
    """Return the contents of a card from version `since` to the current one, less what was undone.

    An undoing puts a version's contents back: with it, everything since then is as if it had never
    been. Empty where a version on the way has been purged.
    """
    known = {version.credential_version: version for version in versions}
    if any(number not in known for number in range(since, card.credential_version)):
        return []
    line: list[Step] = []
    for number in range(since, card.credential_version):
        old = known[number]
        then = (old.fingerprint, old.expiry, old.cause, old.source)
        _go(line, Step(frozenset((number,)), *then))
    now = (card.fingerprint, card.expiry, card.version_cause, card.version_source)
    _go(line, Step(frozenset((card.credential_version,)), *now))
    return line


def _go(line: list[Step], step: Step) -> None:
    """Take a step; one back leads to the newest contents that are the same."""
    if step.cause == Cause.REVERTED:
        while line and line[-1][1:3] != step[1:3]:
            line.pop()
        if line:
            back = line[-1]
            line[-1] = back._replace(numbers=back.numbers | step.numbers)
            return
    line.append(step)
