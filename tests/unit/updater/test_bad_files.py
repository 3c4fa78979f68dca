"""Files that must not count: quarantined whole, with reason and offset, and nothing applied."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cards.outcomes import Outcome
from tests.doubles.updater_acquirer import Asked as Inquiry
from tests.doubles.updater_acquirer import answer, brand_asked
from tests.doubles.updater_answered import asked, quarantined
from tests.doubles.updater_world import open_incidents
from updater.domain.dispositions import Disposition
from updater.domain.feed import Counted, ExceptionKind
from updater.files.answers import AskRecord, RequestHead
from updater.files.digits import Digits
from updater.usecases.channel import Channel
from updater.usecases.take_in import largest_sealed

FORMS: dict[str, tuple[Callable[[bytes], bytes], str, Callable[[bytes], int]]] = {
    "truncated": (
        lambda d: d[: d.index(b"\nF,") + 1],
        "FORM_TRUNCATED",
        lambda d: d.index(b"\nF,") + 1,
    ),
    "truncated in a row": (lambda d: d[:-40], "FORM_TRUNCATED", lambda d: len(d) - 40),
    "count one more": (
        lambda d: d.replace(b"F,2", b"F,3"),
        "FORM_COUNT_MISMATCH",
        lambda d: d.index(b"\nF,") + 1,
    ),
    "count one less": (
        lambda d: d.replace(b"F,2", b"F,1"),
        "FORM_COUNT_MISMATCH",
        lambda d: d.index(b"\nF,") + 1,
    ),
    "two trailers": (lambda d: d + b"F,2\n", "FORM_DATA_AFTER_TRAILER", len),
    "byte order mark": (
        lambda d: b"\xef\xbb\xbf" + d,
        "FORM_BYTE_ORDER_MARK",
        lambda _d: 0,
    ),
    "trailing sub": (lambda d: d + b"\x1a", "FORM_CONTROL_BYTE", len),
    "empty": (lambda _d: b"", "FORM_EMPTY", lambda _d: 0),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
async def test_a_file_of_bad_form_is_set_aside_with_reason_and_offset(
    tmp_path: Path, form: str
) -> None:
    damage, reason, offset = FORMS[form]
    async with asked(tmp_path) as case:
        good = case.plain()
        expected = offset(good)  # outside of assert, which would print the text it is made of
        case.deliver(damage(good))
        file = await quarantined(case, reason)
        assert file.offset == expected


async def test_an_inquiry_is_no_answer(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(_written_again(case.inquiry, case.world.channel))
        file = await quarantined(case, "FORM_WRONG_DIRECTION")
        assert file.offset == 2


async def test_names_of_files_on_their_way_are_left_alone(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        for name in (".hidden", "a.part", "b.tmp"):
            case.deliver(case.plain(), name)
        inbox = case.world.root / "exchange" / "inbox"
        (inbox / "folder").mkdir()
        (inbox / "link").symlink_to(inbox / ".hidden")
        assert (await case.listen()).taken == {}
        assert case.untouched()


async def test_a_file_that_is_too_large_is_never_read_as_a_whole(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver_sealed(b"\xc1".ljust(largest_sealed(case.world.channel) + 2))
        await quarantined(case, "TOO_LARGE")


async def test_an_answer_to_no_inquiry_of_ours_is_set_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain(batch="123"))
        await quarantined(case, "UNKNOWN_BATCH")


async def test_an_answer_for_another_merchant_is_set_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain(merchant_id="x"))
        await quarantined(case, "WRONG_MERCHANT")


async def test_an_answer_about_another_number_sets_the_whole_file_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        good, bad = case.records()
        plain = case.plain(good, replace(bad, old_number=good.old_number))
        second_row = plain.index(b"\nD,", plain.index(b"\nD,") + 1) + 1
        case.deliver(plain)
        file = await quarantined(case, "ANSWER_ABOUT_ANOTHER_NUMBER")
        assert file.offset == second_row


async def test_two_different_answers_to_one_question_are_for_a_person(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        first, second = case.records()
        closed = answer(case.inquiry.records[0], "ACL")
        case.deliver(case.plain(first, closed, second))
        report = await case.listen()
        assert report.counts == {
            Counted(Outcome.PAN_UPDATED, Disposition.CONFLICT): 1,
            Counted(Outcome.CLOSED, Disposition.CONFLICT): 1,
            Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 1,
        }
        assert len(case.world.vault.told) == 1
        found = await open_incidents(case.updater, ExceptionKind.ANSWER_NOT_APPLIED)
        assert [each.reason for each in found] == ["CONFLICT:ANSWERED_TWICE"] * 2


async def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        first, second = case.records()
        case.deliver(case.plain(first, first, second, first))
        report = await case.listen()
        assert report.counts == {
            Counted(Outcome.PAN_UPDATED, Disposition.APPLIED): 2,
            Counted(Outcome.PAN_UPDATED, Disposition.DUPLICATE): 2,
        }
        assert len(case.world.vault.told) == 2


async def test_the_same_answer_under_another_request_id_is_no_contradiction(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        first, second = case.records()
        case.deliver(case.plain(first, replace(first, extra="78,"), second))
        report = await case.listen()
        assert report.counts[Counted(Outcome.PAN_UPDATED, Disposition.DUPLICATE)] == 1
        assert len(case.world.vault.told) == 2


async def test_an_unknown_code_changes_nothing_and_is_for_an_operator(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.world.acquirer.script = lambda record: answer(record, "ZZZ", "999")
        case.deliver(case.plain())
        report = await case.listen()
        assert report.counts == {Counted(Outcome.UNKNOWN, Disposition.NOT_SENT): 2}
        assert case.untouched()
        incidents = await open_incidents(case.updater, ExceptionKind.ANSWER_NOT_APPLIED)
        assert len(incidents) == 2


async def test_no_number_is_in_the_database(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain())
        await case.listen()
        records = case.records()
    numbers = [
        number.reveal().encode()
        for record in records
        for number in (record.old_number, record.new_number)
        if isinstance(number, Digits)
    ]
    assert len(numbers) == 4
    stored = b"".join(path.read_bytes() for path in sorted(tmp_path.glob("updater.db*")))  # noqa: ASYNC240
    found = any(number in stored for number in numbers)
    assert stored
    assert not found


async def test_a_folder_in_the_exchange_is_left_alone_and_stops_no_purge(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        outbox = tmp_path / "exchange" / "outbox"
        await asyncio.to_thread((outbox / "archive").mkdir)
        await asyncio.to_thread((outbox / "old.csv.pgp").write_bytes, b"x")
        deleted = await case.updater.channels[0].ports.exchange.purge(timedelta(seconds=-5))
        assert deleted == 1
        assert case.shelf("outbox") == ["archive"]


def _written_again(inquiry: Inquiry, channel: Channel) -> bytes:
    """Return an inquiry's file as it was asked, or nearly."""
    out = io.BytesIO()
    head = RequestHead(inquiry.merchant_id, inquiry.batch, "notify@example.org")
    asks = [
        AskRecord(each.reference, each.number, None, brand_asked(each)) for each in inquiry.records
    ]
    channel.codec.write_request(head, asks, len(asks), out)
    return out.getvalue()
