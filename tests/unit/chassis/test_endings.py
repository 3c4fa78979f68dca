"""What a service says when it ends: known failures in words, others by type and place alone."""

import pytest

from chassis.endings import leaves, run_service, said
from tests.doubles.logged import logged

SECRET = "a text that could hold anything"


class Known(Exception):
    """A failure whose text is safe."""


async def _orderly() -> None:
    """End."""


async def _fails(error: Exception) -> None:
    raise error


def test_an_orderly_end_has_nothing_to_say() -> None:
    assert run_service(_orderly(), (Known,)) == []


def test_known_failures_come_back_out_of_their_groups() -> None:
    known = Known("said")
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [known]), ValueError(SECRET)])
    assert run_service(_fails(group), (Known,)) == [known]
    assert run_service(_fails(known), (Known,)) == [known]


def test_of_an_unexpected_failure_only_type_and_place_are_logged() -> None:
    with logged() as out, pytest.raises(SystemExit) as ended:
        run_service(_fails(ExceptionGroup(SECRET, [ValueError(SECRET)])), (Known,))
    assert ended.value.code == 1
    assert ended.value.__suppress_context__
    assert "ValueError" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_leaves_of_what_is_no_group() -> None:
    error = ValueError()
    assert leaves(error) == [error]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            FileNotFoundError(2, "No such file or directory", "ca.pem"),
            "No such file or directory: ca.pem",
        ),
        (OSError(24, "Too many open files"), "Too many open files"),
        (OSError("the address can't be bound"), "the address can't be bound"),
        (TimeoutError(), "TimeoutError"),
        (Known("said"), "said"),
        (Known(), "Known"),
    ],
    ids=["a file", "no file", "no number", "no text at all", "ours", "ours without text"],
)
def test_what_is_said_of_an_error_is_never_nothing(error: Exception, text: str) -> None:
    assert said(error) == text
