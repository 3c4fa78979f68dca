"""Rows of an import file: what they become, and how a bad one is told without quoting it."""

from __future__ import annotations

import io
import uuid

import pytest
from cardvault.vault.v1.card_pb2 import Agreement

from cards.brands import Brand
from cards.testcards import test_pan
from vault.cli.import_rows import FileInvalid, Row, read_rows

NUMBER = test_pan(Brand.VISA, 1)
IMPORT = uuid.UUID("6f1c2a8e-0b5d-4c1f-9a57-3d2e8b7c4a10")
HEADER = (
    "number,expiry_month,expiry_year,cardholder_name,customer,merchant_account,agreement,"
    "consent_time"
)


def _rows(text: str, import_id: uuid.UUID = IMPORT) -> list[Row]:
    return list(read_rows(io.StringIO(text, newline=""), import_id))


def _problem(line: str) -> str:
    (row,) = _rows(f"{HEADER}\n{line}\n")
    assert row.request is None
    assert NUMBER not in row.problem
    return row.problem


def test_a_full_row_becomes_a_request() -> None:
    (row,) = _rows(
        f"{HEADER}\r\n{NUMBER},9,2028,Ada Albers,c-1,shop,recurring,2026-01-15T11:00:00+01:00\r\n"
    )
    request = row.request
    assert request is not None
    same = request.card.number == NUMBER  # not compared in the assertion: it would be printed
    assert same
    assert (request.card.expiry_month, request.card.expiry_year) == (9, 2028)
    assert (request.card.cardholder_name, request.customer) == ("Ada Albers", "c-1")
    (credential,) = request.stored_credentials
    assert credential.merchant_account == "shop"
    assert credential.agreement == Agreement.AGREEMENT_RECURRING
    assert credential.consent_time.ToJsonString() == "2026-01-15T10:00:00Z"


def test_columns_come_in_any_order_and_most_may_be_left_out() -> None:
    first, second = _rows(f" Customer ,NUMBER\nc-1, {NUMBER} \n\n,{NUMBER}\n")
    assert (first.ordinal, second.ordinal) == (1, 2)
    assert first.request is not None
    assert first.request.customer == "c-1"
    assert not first.request.card.HasField("expiry_month")
    assert not first.request.stored_credentials


def test_request_ids_depend_on_import_and_ordinal_alone() -> None:
    other = test_pan(Brand.VISA, 2)
    ids = [
        [row.request.request_id for row in rows if row.request is not None]
        for rows in (
            _rows(f"number\n{NUMBER}\n{NUMBER}\n"),
            _rows(f"number\n{other}\n{other}\n"),
            _rows(f"number\n{NUMBER}\n{NUMBER}\n", uuid.uuid4()),
        )
    ]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])
    assert len(set(ids[0])) == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("#,x,2028,,,,,", "expiry_month is not a month"),
        ("#,1,20281,,,,,", "expiry_year is not a year"),
        ("#,1,2028,,,,RECURRING,", "agreement and consent_time need a merchant_account"),
        ("#,1,2028,,,,,2026-01-15T10:00:00Z", "agreement and consent_time need a"),
        ("#,1,2028,,,shop,sometimes,", "agreement is none of ONE_TIME, RECURRING"),
        ("#,1,2028,,,shop,RECURRING,yesterday", "consent_time is not a time such as"),
        ("#,1,2028,,,shop,RECURRING,2026-01-15T10:00:00", "consent_time is not a time such as"),
        ("#,1,2028,,,shop,RECURRING,0001-01-01T00:00:00+14:00", "consent_time is not a time"),
        ("#,1", "it has another number of columns"),
        ("#,1,2028,,,,,,#", "it has another number of columns"),
    ],
    ids=range(10),
)
def test_a_bad_row_is_told_by_column(line: str, problem: str) -> None:
    told = _problem(line.replace("#", NUMBER))
    assert told.startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no column `number`"),
        ("#\n#\n", "column 1 of the first line is none of number, expiry_month"),
        ("number,cvv\n", "column 2 of the first line is none of"),
        ("number,number\n", "names a column twice"),
        ("customer\n", "names no column `number`"),
        ('number\n"#\n', "line 2 is not CSV"),
        ("number\n" + "9" * 5_000, "line 2 is not CSV"),
    ],
    ids=range(7),
)
def test_a_bad_file_is_refused_whole(text: str, problem: str) -> None:
    with pytest.raises(FileInvalid) as caught:
        _rows(text.replace("#", NUMBER))
    assert problem in str(caught.value)
    quoted = NUMBER in str(caught.value)
    assert not quoted


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(FileInvalid, match="not UTF-8"):
        list(read_rows(io.TextIOWrapper(io.BytesIO(b"number\n\xff\n"), "utf-8"), IMPORT))
