"""Rows of an import file as Tokenize requests. What is wrong is told by column, never by value."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple, TextIO, TypeVar

from cardvault.vault.v1.card_pb2 import Agreement, Initiator
from cardvault.vault.v1.vault_service_pb2 import TokenizeRequest

COLUMNS: Final = (
    "number",
    "expiry_month",
    "expiry_year",
    "cardholder_name",
    "customer",
    "merchant_account",
    "agreement",
    "consent_time",
)
"""What a file may have, in any order; only `number` is required."""

_AGREEMENTS: Final[Mapping[str, Agreement]] = {
    "ONE_TIME": Agreement.AGREEMENT_ONE_TIME,
    "RECURRING": Agreement.AGREEMENT_RECURRING,
    "INSTALLMENT": Agreement.AGREEMENT_INSTALLMENT,
    "UNSCHEDULED": Agreement.AGREEMENT_UNSCHEDULED,
}
_MAX_FIELD: Final = 4_096

T = TypeVar("T")


class FileInvalid(Exception):
    """The file can't be read as an import. Its text names columns and lines, never a value."""


class RowInvalid(Exception):
    """One row can't be sent. Its text names a column and a rule, never a value."""


class Row(NamedTuple):
    """A data row, counted from 1: its request, or why there is none."""

    ordinal: int
    request: TokenizeRequest | None
    problem: str = ""


def read_rows(file: TextIO, import_id: uuid.UUID) -> Iterator[Row]:
    """Yield every row, in order. Raises FileInvalid.

    A row's request id depends on the import and the row's ordinal alone: a second run replays, and
    nothing can be learnt from it about the number.
    """
    csv.field_size_limit(_MAX_FIELD)
    reader = csv.reader(file, strict=True)
    try:
        columns = _columns(next(reader, []))
        ordinal = 0
        for values in reader:
            if not values:
                continue  # an empty line
            ordinal += 1
            try:
                if len(values) != len(columns):
                    raise RowInvalid("it has another number of columns than the first line")
                request = _request(dict(zip(columns, (v.strip() for v in values), strict=True)))
            except RowInvalid as error:
                yield Row(ordinal, None, str(error))
                continue
            request.request_id = str(uuid.uuid5(import_id, str(ordinal)))
            yield Row(ordinal, request)
    except csv.Error:
        raise FileInvalid(f"line {reader.line_num} is not CSV") from None
    except UnicodeDecodeError:
        raise FileInvalid("the file is not UTF-8") from None


def _columns(header: list[str]) -> tuple[str, ...]:
    columns = tuple(name.strip().lower() for name in header)
    for place, name in enumerate(columns, start=1):
        if name not in COLUMNS:
            # Not quoted: in a file without a header it is somebody's card.
            raise FileInvalid(f"column {place} of the first line is none of {', '.join(COLUMNS)}")
    if len(set(columns)) != len(columns):
        raise FileInvalid("the first line names a column twice")
    if "number" not in columns:
        raise FileInvalid("the first line names no column `number`")
    return columns


def _request(fields: Mapping[str, str]) -> TokenizeRequest:
    request = TokenizeRequest()
    request.card.number = fields["number"]
    month, year = fields.get("expiry_month", ""), fields.get("expiry_year", "")
    if month:
        request.card.expiry_month = _parsed(_whole_number, month, "expiry_month is not a month")
    if year:
        request.card.expiry_year = _parsed(_whole_number, year, "expiry_year is not a year")
    request.card.cardholder_name = fields.get("cardholder_name", "")
    request.customer = fields.get("customer", "")
    _stored_credential(request, fields)
    return request


def _stored_credential(request: TokenizeRequest, fields: Mapping[str, str]) -> None:
    account = fields.get("merchant_account", "")
    agreement, consent = fields.get("agreement", ""), fields.get("consent_time", "")
    if not account:
        if agreement or consent:
            raise RowInvalid("agreement and consent_time need a merchant_account")
        return
    credential = request.stored_credentials.add(merchant_account=account)
    known = _AGREEMENTS.get(agreement.upper())
    if known is None:
        raise RowInvalid(f"agreement is none of {', '.join(_AGREEMENTS)}")
    credential.agreement = known
    # An import brings cards on file: what is charged from them is the merchant's doing.
    credential.initiator = Initiator.INITIATOR_MERCHANT
    if consent:
        rule = "consent_time is not a time such as 2026-01-31T12:00:00Z"
        credential.consent_time.FromDatetime(_parsed(_time, consent, rule))


def _whole_number(text: str) -> int:
    if not (len(text) <= 4 and text.isascii() and text.isdigit()):
        raise ValueError("not a whole number")
    return int(text)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time needs a zone")
    return time.astimezone(UTC)


def _parsed(parse: Callable[[str], T], text: str, rule: str) -> T:
    try:
        return parse(text)
    except (ValueError, OverflowError):
        raise RowInvalid(rule) from None
