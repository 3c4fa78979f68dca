"""No class of the product prints what it holds: however it is shown, copied, logged or raised."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from cards.pan import Pan
from chassis.failures import describe
from tests.doubles.logged import logged
from tests.leaks.catalogue import MAKERS, instances
from tests.leaks.holders import CANARIES, HARMLESS, SECRET, classes, holders, made
from tests.leaks.holders import printing_themselves as own_printers


def shown(subject: Any) -> Iterator[str]:
    """Yield all that printing an object in some way gives."""
    yield from (repr(subject), str(subject), f"{subject}", f"{[subject]!r}", f"{ {1: subject} }")
    yield from (f"{subject!a}", "%s" % (subject,), "%r" % (subject,), f"{(subject,)}")  # noqa: UP031
    try:
        raise RuntimeError(subject)
    except RuntimeError as error:
        yield from (str(error), repr(error), str(describe(error)))
        with_locals = traceback.TracebackException.from_exception(error, capture_locals=True)
        yield "".join(with_locals.format())
    steps: tuple[Callable[[Any], Any], ...] = (copy.copy, copy.deepcopy, _reduced)
    for step in steps:
        try:
            yield repr(step(subject))
        except Exception as error:  # noqa: BLE001 - refusing is best; what it says counts, too
            yield "".join(traceback.format_exception(error))


def _reduced(subject: Any) -> Any:
    """Take a value apart as pickling does, without doing it."""
    return [type(part) for part in subject.__reduce_ex__(4)]


def leaks(subjects: list[Any]) -> list[str]:
    """Name the types whose text, of any kind, holds a canary."""
    return sorted(
        {type(each).__name__ for each in subjects if any(map(_leaks, shown(each)))},
    )


def _leaks(text: str) -> bool:
    return CANARIES.found_in(text.encode())


def test_no_class_prints_its_secret() -> None:
    found = instances()
    assert len(classes()) > 600
    assert {"Contents", "AddCard", "EditCard", "Revealed", "CardUpdate", "Unwrapped", "Entry"} <= {
        type(each).__name__ for each in found
    }
    assert leaks(found) == []


def test_every_class_that_prints_itself_is_known() -> None:
    """A new one is added to the catalogue, with a canary in it."""
    unknown = set(own_printers()) - set(MAKERS)
    assert unknown == set()
    assert set(SECRET) <= {*MAKERS, *holders()}


def test_what_is_called_harmless_is_still_there() -> None:
    names = {f"{cls.__module__}.{cls.__qualname__}" for cls in classes()}
    assert HARMLESS.keys() <= names


def test_no_log_shows_one() -> None:
    with logged(level="DEBUG") as stream:
        log = structlog.get_logger("leaks")
        for each in instances():
            log.info("a value", reason=each, anything=each, count=[each], problem=f"{each}")
            with contextlib.suppress(TypeError):  # a number's copy is refused
                if dataclasses.is_dataclass(each) and not isinstance(each, type):
                    log.info("as fields", reason=dataclasses.asdict(each))
            try:
                raise RuntimeError(each)
            except RuntimeError:
                log.exception("it failed")
    assert "it failed" in stream.getvalue()
    assert "as fields" in stream.getvalue()
    assert not _leaks(stream.getvalue())


class _Planted(NamedTuple):
    """A class as somebody might write it tomorrow."""

    token: str
    number: str


@dataclasses.dataclass
class _Wrapping:
    one: _Planted
    pans: list[Pan]


@dataclasses.dataclass
class _Opaque:
    pan: Pan


def test_a_new_class_that_prints_its_number_is_found() -> None:
    planted = holders([_Planted, _Wrapping, _Opaque])
    assert planted == {_Planted: ["number"], _Wrapping: ["one", "pans"], _Opaque: ["pan"]}
    subjects = [made(cls, secret) for cls, secret in planted.items()]
    assert leaks(subjects) == ["_Planted", "_Wrapping"]


_FAILING = """\
import pytest
from hypothesis import Phase, given, settings, strategies as st
from tests.leaks.catalogue import instances, pairs
PAIRS = pairs()

@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_compared(index):
    one, other = PAIRS[index]
    assert one == other

@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_inside(index):
    one, other = PAIRS[index]
    assert [one, {1: one}] == [other, {1: other}]
    assert one in [other]

@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_locals(index):
    subject = PAIRS[index][0]
    raise LookupError(subject)

@pytest.mark.parametrize("index", range(len(PAIRS)))
def test_given(index):
    @settings(database=None, max_examples=1, phases=(Phase.generate,))
    @given(st.sampled_from([PAIRS[index][0]]), st.builds(lambda: PAIRS[index][0]), st.data())
    def inner(one, other, data):
        data.draw(st.sampled_from([one]), label="drawn")
        assert one == 1
    inner()
"""
_PLANTED = """\
import dataclasses
from tests.leaks import holders
@dataclasses.dataclass(repr=False)
class Planted:
    number: str
def test_planted():
    assert Planted(holders.NUMBER) == Planted("")
"""


def _run(directory: Path, text: str, *, hooked: bool = True) -> str:
    """Run failing tests in a process of their own, as talkative as can be; return its output."""
    path = directory / "test_failing.py"
    path.write_text(text)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", str(path), "-vv", "--showlocals", "--tb=long"]
        + ["-p", "no:cacheprovider", "--rootdir", str(root), "-c", str(root / "pyproject.toml")]
        + (["-p", "tests.conftest"] if hooked else []),
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stdout[-300:]
    return done.stdout + done.stderr


def test_failing_tests_show_no_secret(tmp_path: Path) -> None:
    said = _run(tmp_path, _FAILING)
    count = len(instances())
    assert f"{4 * count} failed" in said
    assert said.count("Draw 1 (drawn): ") >= count  # what Hypothesis says of a failing case
    assert not _leaks(said)


def test_what_a_failing_test_would_show_is_found(tmp_path: Path) -> None:
    """It is `unshown` alone that keeps it in: pytest itself takes the class apart."""
    assert _leaks(_run(tmp_path, _PLANTED, hooked=False))
