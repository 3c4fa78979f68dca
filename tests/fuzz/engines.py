"""Two ways to feed a target: by coverage (atheris), and by dice alone, which needs nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fuzz.harness import Harness
from tests.fuzz.mutations import COMMON_WORDS, mutated
from tests.fuzz.target import Opened, Target

_INSTRUMENTED: Final = ["vault", "updater", "chassis", "cards"]
_MOST_MIB: Final = 2_048
_MOST_S: Final = 60  # a hang; what is slow is noted by the CPU time it takes


def by_dice(target: Target, opened: Opened, harness: Harness, seed: int | str) -> None:
    """Feed all examples, and then changed ones. The same seed, the same inputs."""
    dice = Random(f"{seed}/{target.name}")
    seeds, wanted = opened.seeds, harness.told.wanted
    for each in seeds[:wanted]:
        harness(each)
    words = (*target.words, *COMMON_WORDS)
    for _ in range(wanted - len(seeds)):
        data = dice.choice(seeds)
        if opened.mutate is not None and dice.random() < 0.5:
            harness(opened.mutate(data, dice, target.longest))
        else:
            harness(mutated(data, dice, target.longest, words, seeds))


def _atheris() -> Any:
    """Import the fuzzer: CI does without."""
    return import_module("atheris")


def instrumented(load: Callable[[], Target]) -> Target:
    """Import a target so that what it runs tells its coverage. Before anything else imports it."""
    atheris = _atheris()

    with atheris.instrument_imports(include=_INSTRUMENTED):
        return load()


def by_coverage(target: Target, opened: Opened, harness: Harness, seed: int, scratch: Path) -> None:
    """Feed what libFuzzer makes of the examples; it ends the process when it is done."""
    atheris = _atheris()

    corpus, words = scratch / "corpus", scratch / "words"
    corpus.mkdir()
    for number, each in enumerate(opened.seeds):
        (corpus / f"seed-{number:04}").write_bytes(each)
    escaped = ["".join(f"\\x{byte:02x}" for byte in word) for word in _words(target)]
    words.write_text("".join(f'"{each}"\n' for each in escaped))
    arguments = [
        "fuzz",
        f"-runs={harness.told.wanted}",
        f"-seed={seed % (1 << 31) or 1}",
        f"-max_len={target.longest}",
        "-len_control=0",
        f"-rss_limit_mb={_MOST_MIB}",
        f"-timeout={_MOST_S}",
        "-reload=0",  # nobody else writes inputs, and at the end their directory is gone
        f"-artifact_prefix={scratch}/",
        f"-dict={words}",
        "-print_final_stats=1",
        "-verbosity=0",
        str(corpus),
    ]
    sys.argv[1:] = []  # libFuzzer would read them again
    keeping_form = None if opened.mutate is None else _mixed(opened)
    atheris.Setup(arguments, harness, custom_mutator=keeping_form)
    atheris.Fuzz()


def _words(target: Target) -> list[bytes]:
    return [*target.words, *COMMON_WORDS]


def _mixed(opened: Opened) -> Callable[[bytes, int, int], bytes]:
    """Return a mutator that keeps the form half of the time."""
    atheris = _atheris()

    mutate = opened.mutate
    assert mutate is not None

    def mixed(data: bytes, longest: int, seed: int) -> bytes:
        dice = Random(seed)
        if dice.random() < 0.5:
            return mutate(data, dice, longest)
        changed: bytes = atheris.Mutate(data, longest)
        return changed

    return mixed
