"""Two-digit expiries: YYMM in one column, the year 2000 + YY, month 00 for none."""

from collections.abc import Mapping

from updater.files.answers import YearMonth
from updater.files.fixed import FixedRecord
from updater.files.lines import Line
from updater.files.refusal import FileFault, RecordInvalid


def from_yymm(
    values: Mapping[str, str], name: str, line: Line, record: FixedRecord
) -> YearMonth | None:
    """Return a column's expiry; None for spaces or month 00. Raises FileRefused past month 12."""
    digits = values[name]
    if not digits or digits.endswith("00"):
        return None
    month = int(digits[2:])
    if month > 12:
        raise record.refuse(line, name, FileFault.FIELD_VALUE)
    return YearMonth(2000 + int(digits[:2]), month)


def to_yymm(expiry: YearMonth | None) -> str:
    """Return the column's digits, "" for none. Raises RecordInvalid."""
    return "" if expiry is None else f"{checked(expiry).year % 100:02}{expiry.month:02}"


def checked(expiry: YearMonth) -> YearMonth:
    """Return an expiry that two digits of a year can say. Raises RecordInvalid."""
    if not (2000 <= expiry.year <= 2099 and 1 <= expiry.month <= 12):
        raise RecordInvalid("an expiry is a month of 2000 to 2099")
    return expiry
