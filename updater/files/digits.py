"""What a file shows in a card number's column: digits, unchecked, and never printable."""

from typing import Final, NoReturn


class Digits:
    """One to nineteen digits that may be a card number; compared by value, printed never."""

    __slots__ = ("_text",)  # no dataclass: pytest and Hypothesis print fields

    def __init__(self, text: str) -> None:
        if not (1 <= len(text) <= 19 and text.isascii() and text.isdigit()):
            raise ValueError("one to nineteen digits are expected")
        self._text: Final = text

    def reveal(self) -> str:
        r"""Return the digits. `git grep '\.reveal()'` lists every place to audit."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digits) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<Digits>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("digits are not serialised")


def digits_or_none(text: str) -> Digits | None:
    """Return a column's digits, None for an empty one."""
    return Digits(text) if text else None
