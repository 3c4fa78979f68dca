"""What was true a few commits ago: what a flush read before others' commits came between.

A flush's changes hold at its commit, since the store compares what they are based on. What changes
nothing, a refusal or a reveal, is right where it was right when it was read: its call was under way
then, and the others' that came between are concurrent with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.doubles.decide_model import Kept, Model, Modelled
from tests.seeds.ops import Op

Key = tuple[str, str, str]
Answered = tuple[str, str]


class Effect(NamedTuple):
    """What a request id stands for, once and for all."""

    op: Op
    token: str
    created: bool
    revision: int
    position: int  # of its commit


@dataclass
class Past:
    """Cards as they were before each commit, and what was forgotten since when."""

    _cards: list[tuple[int, str, Modelled | None]] = field(default_factory=list)
    _answers: list[tuple[int, Answered]] = field(default_factory=list)
    _effects: list[tuple[int, Key, Effect]] = field(default_factory=list)
    _now: dict[str, Modelled | None] = field(default_factory=dict)

    def keep(self, model: Model, position: int, tokens: Sequence[str]) -> None:
        """Remember how cards are that a commit changes."""
        for token in dict.fromkeys(tokens):
            card = model.cards.get(token)
            self._cards.append((position, token, None if card is None else _copied(card)))

    def forget(self, position: int, key: Key, effect: Effect) -> None:
        """Note that a request id is known no more."""
        self._effects.append((position, key, effect))

    def forget_answer(self, position: int, answered: Answered) -> None:
        """Note that an answer is known no more."""
        self._answers.append((position, answered))

    def now(self, model: Model, token: str) -> Modelled:
        """Return a card as it is, whatever the flush that is judged has read."""
        return self._now.get(token) or model.cards[token]

    def forgotten_since(self, position: int, key: Key) -> Effect | None:
        """Return what a request id stood for that was forgotten behind a commit, or at it."""
        for at, known, effect in reversed(self._effects):
            if at < position:
                break
            if known == key:
                return effect
        return None

    @contextmanager
    def seen_from(self, model: Model, position: int) -> Iterator[None]:
        """Have the model be in the block as it was behind a commit, but for what the block does."""
        then: dict[str, Modelled | None] = {}
        for at, token, card in reversed(self._cards):
            if at <= position:
                break
            then[token] = card
        late = {answered for at, answered in self._answers if at >= position}
        if not (then or late):
            yield
            return
        now = self._now = {token: model.cards.get(token) for token in then}
        seen = {token: None if card is None else _copied(card) for token, card in then.items()}
        for token, card in seen.items():
            _put(model, token, card)
        late -= model.answers
        model.answers |= late
        yield
        for token, card in now.items():
            _put(model, token, _joined(then[token], seen[token], card))
        model.answers -= late
        self._now = {}


def _joined(then: Modelled | None, seen: Modelled | None, now: Modelled | None) -> Modelled | None:
    """Return a card as it is behind the block: as it was before, or as the block has changed it.

    What came between and is no revision of the card's does not keep a change from holding: that is
    a purge of older versions alone.
    """
    if then is None or seen is None or now is None:
        return now
    if seen.revision == then.revision or now.revision != then.revision:
        return now
    for kept, purged in zip(seen.versions, now.versions, strict=False):
        kept.gone = kept.gone or purged.gone
    return seen


def _put(model: Model, token: str, card: Modelled | None) -> None:
    if card is None:
        model.cards.pop(token, None)
    else:
        model.cards[token] = card


def _copied(card: Modelled) -> Modelled:
    """Copy a card with its versions; field by field takes ten times as long."""
    copy = object.__new__(Modelled)
    copy.__dict__.update(card.__dict__)
    copy.versions = []
    for kept in card.versions:
        version = object.__new__(Kept)
        version.__dict__.update(kept.__dict__)
        copy.versions.append(version)
    return copy
