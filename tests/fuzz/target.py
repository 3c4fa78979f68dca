"""What is fuzzed: something that takes bytes of anybody's, and examples of what it is meant for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

Run = Callable[[bytes], str]
"""Feed one input; return in a word what came of it. Raises Broken, or what should never come."""
Mutate = Callable[[bytes, Random, int], bytes]
"""Change an input so that it keeps its form, within so many bytes."""


class Broken(Exception):
    """A promise was broken. The text says which one, and never holds the input."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A target that is ready: how to feed it, and good examples, the same ones at every opening."""

    run: Run
    seeds: Sequence[bytes]
    mutate: Mutate | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A target by its name; `accepts` is a word of `Run` that good examples come to."""

    name: str
    what: str
    open: Callable[[Path], AbstractContextManager[Opened]]
    accepts: str = "taken"
    words: Sequence[bytes] = ()
    longest: int = 2_048


def plain_target(
    name: str,
    what: str,
    run: Run,
    seeds: Callable[[], Sequence[bytes]],
    words: Sequence[bytes] = (),
    longest: int = 2_048,
) -> Target:
    """Return a target that needs nothing opened."""

    @contextmanager
    def opened(_scratch: Path) -> Iterator[Opened]:
        yield Opened(run, seeds())

    return Target(name, what, opened, words=words, longest=longest)
