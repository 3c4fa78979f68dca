"""Files that must not count: quarantined whole, with reason and offset, and nothing applied."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pysequoia import Cert, Tsk, encrypt, sign

from cards.outcomes import Outcome
from tests.doubles.updater_scripts import current, new_number
from tests.doubles.updater_world import World, answer, make_world
from updater.adapters.openpgp import OpenPgp
from updater.domain.dispositions import Disposition
from updater.domain.feed import ExceptionKind, FeedFile, FeedState
from updater.files.cybersource import write_request, write_response
from updater.files.cybersource_records import RequestFile, ResponseFile
from updater.files.digits import Digits
from updater.usecases.assembly import Updater
from updater.usecases.cycle import CycleReport
from updater.usecases.take_in import MAX_SEALED, Taken

NAME = "shop.1.au.response.pan.csv.pgp"


@dataclass
class Asked:
    """An updater that has asked about two cards, and the inquiry that the acquirer has read."""

    world: World
    updater: Updater
    inquiry: RequestFile

    def response(self) -> ResponseFile:
        return self.world.acquirer.respond(self.inquiry)

    def plain(self) -> bytes:
        return write_response(self.response())

    def deliver(self, plain: bytes, name: str = NAME) -> Path:
        return self.deliver_sealed(self.world.acquirer.seal(plain), name)

    def deliver_sealed(self, sealed: bytes, name: str = NAME) -> Path:
        return self.world.acquirer.deliver(name, sealed)

    async def listen(self, times: int = 2) -> CycleReport:
        report = CycleReport()
        for _ in range(times):
            report = report.plus(await self.updater.cycle.listen())
        return report

    async def files(self) -> list[FeedFile]:
        found = await self.updater.ports.feeds.page(tenant="", states=(), before=(0, ""), limit=99)
        return list(reversed(found))

    def shelf(self, name: str) -> list[str]:
        folder = self.world.root / "exchange" / name
        return sorted(path.name for path in folder.iterdir())

    def untouched(self) -> bool:
        return not self.world.vault.batches


@asynccontextmanager
async def asked(root: Path) -> AsyncIterator[Asked]:
    world = make_world(root, new_number)
    world.vault.add("tok_1")
    world.vault.add("tok_2")
    async with world.running() as updater:
        await updater.cycle.ask()
        (inquiry,) = world.acquirer.collect()
        yield Asked(world, updater, inquiry)


async def quarantined(case: Asked, reason: str, *, times: int = 2) -> FeedFile:
    """Listen, and check that the one file in the inbox is set aside whole."""
    report = await case.listen(times)
    assert report.taken == {Taken.QUARANTINED: 1}
    (file,) = await case.files()
    assert (file.state, file.reason) == (FeedState.QUARANTINED, reason)
    assert case.untouched()
    assert (case.shelf("inbox"), case.shelf("quarantine")) == ([], [file.name])
    incidents = await case.updater.ports.incidents.page(
        unresolved_only=True, kinds=(ExceptionKind.FILE_QUARANTINED,), after=0, limit=9
    )
    assert [(each.subject, each.reason) for each in incidents] == [(file.feed_id, reason)]
    return file


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
    "too large": (lambda d: d.ljust(10_000_001), "FORM_TOO_LARGE", lambda _d: 10_000_000),
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
        case.deliver(write_request(case.inquiry))
        file = await quarantined(case, "FORM_WRONG_DIRECTION")
        assert file.offset == 2


async def test_a_file_under_another_key_is_set_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        stranger = Tsk.generate("stranger").extract_certificate()
        signer = case.world.acquirer.secret.signer()
        sealed = encrypt(case.plain(), recipients=[stranger], signer=signer, armor=False)
        case.deliver_sealed(sealed)
        await quarantined(case, "WRONG_KEY")


@pytest.mark.parametrize("signed", [True, False], ids=["by-a-stranger", "by-nobody"])
async def test_a_file_that_the_acquirer_did_not_sign_is_set_aside(
    tmp_path: Path, *, signed: bool
) -> None:
    async with asked(tmp_path) as case:
        ours = case.world.acquirer.updater
        signer = Tsk.generate("stranger").signer() if signed else None
        sealed = encrypt(case.plain(), recipients=[ours], signer=signer, armor=False)
        case.deliver_sealed(sealed)
        await quarantined(case, "BAD_SIGNATURE")


async def test_our_own_signature_is_not_the_acquirers(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver_sealed(await case.world.cipher.seal_for_ourselves(case.plain()))
        await quarantined(case, "BAD_SIGNATURE")


@pytest.mark.parametrize("name", [NAME, "again.csv.pgp"], ids=["same-name", "another"])
async def test_what_was_set_aside_for_its_keys_is_taken_in_once_they_are_right(
    tmp_path: Path, name: str
) -> None:
    async with asked(tmp_path) as case:
        sealed, world = case.world.acquirer.seal(case.plain()), case.world
    ours = Tsk.from_bytes((tmp_path / "keys" / "updater.tsk").read_bytes())
    stranger = Tsk.generate("stranger").extract_certificate()
    mistaken = replace(world, cipher=OpenPgp(ours, stranger))
    async with mistaken.running() as updater:
        case = replace(case, world=mistaken, updater=updater)
        case.deliver_sealed(sealed)
        await quarantined(case, "BAD_SIGNATURE")
        case.deliver_sealed(sealed, name)  # nothing is mended yet
        assert (await case.listen()).taken == {Taken.QUARANTINED: 1}
        assert case.untouched()
    async with world.running() as updater:
        case = replace(case, world=world, updater=updater)
        case.deliver_sealed(sealed, name)
        assert (await case.listen()).taken == {Taken.APPLIED: 1}
        (file,) = await case.files()
        assert (file.state, file.reason, file.records) == (FeedState.APPLIED, "", 2)
        assert not case.untouched()
        assert case.shelf("inbox") == []
        case.deliver_sealed(sealed, NAME)
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}


@pytest.mark.parametrize("how", ["plain", "signed", "signed-armoured"])
async def test_plain_text_is_set_aside_and_does_not_stay_plain(tmp_path: Path, how: str) -> None:
    async with asked(tmp_path) as case:
        plain = case.plain()
        signer = case.world.acquirer.secret.signer()
        content = plain if how == "plain" else sign(signer, plain, armor=how != "signed")
        case.deliver_sealed(content, "shop.1.au.response.pan.csv")
        file = await quarantined(case, "NOT_ENCRYPTED")
        assert file.sha256 != hashlib.sha256(content).hexdigest()
        kept = case.world.root / "exchange" / "quarantine" / file.name
        number = case.inquiry.records[0].number.reveal().encode()
        assert number not in kept.read_bytes()
        # The same plain text once more, under this name and under another.
        case.deliver_sealed(content, file.name)
        case.deliver_sealed(content, "copy.csv")
        await case.listen()
        for path in (case.world.root / "exchange").rglob("*"):
            assert path.is_dir() or number not in path.read_bytes()


async def test_damaged_ciphertext_is_given_time_and_then_set_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        sealed = bytearray(case.world.acquirer.seal(case.plain()))
        sealed[-30] ^= 1
        case.deliver_sealed(bytes(sealed))
        report = await case.listen(3)
        assert report.taken == {Taken.WAITING: 1}
        await quarantined(case, "CIPHERTEXT_DAMAGED", times=1)


async def test_a_growing_file_is_taken_in_once_it_is_whole(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        for end in (10, len(sealed) // 2, len(sealed) - 1):
            case.deliver_sealed(sealed[:end])
            await case.listen(1)
        report = await case.listen(2)  # stands still one byte short: not damaged yet, but late
        assert report.taken == {Taken.WAITING: 1}
        assert case.untouched()
        case.deliver_sealed(sealed)
        assert (await case.listen(1)).taken == {Taken.WAITING: 1}
        assert (await case.listen(1)).taken == {Taken.APPLIED: 1}
        assert len(await case.files()) == 1


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
        case.deliver_sealed(b"\xc1".ljust(MAX_SEALED + 2))
        await quarantined(case, "TOO_LARGE")


async def test_an_answer_to_no_inquiry_of_ours_is_set_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        response = case.response()
        case.deliver(
            write_response(replace(response, header=replace(response.header, batch_id="123")))
        )
        await quarantined(case, "UNKNOWN_BATCH")


async def test_an_answer_for_another_merchant_is_set_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        response = case.response()
        case.deliver(
            write_response(replace(response, header=replace(response.header, merchant_id="x")))
        )
        await quarantined(case, "WRONG_MERCHANT")


async def test_an_answer_nobody_asked_for_sets_the_whole_file_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        response = case.response()
        good, bad = response.records
        records = (good, replace(bad, reference="A" * 24))
        plain = write_response(replace(response, records=records))
        case.deliver(plain)
        second_row = plain.index(b"\nD,", plain.index(b"\nD,") + 1) + 1
        file = await quarantined(case, "UNASKED_ANSWER")
        assert file.offset == second_row


async def test_an_answer_about_another_number_sets_the_whole_file_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        response = case.response()
        good, bad = response.records
        records = (good, replace(bad, old_number=good.old_number))
        case.deliver(write_response(replace(response, records=records)))
        await quarantined(case, "ANSWER_ABOUT_ANOTHER_NUMBER")


async def test_two_different_answers_to_one_question_set_the_file_aside(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        response = case.response()
        first, second = response.records
        records = (first, answer(case.inquiry.records[0], "ACL"), second)
        case.deliver(write_response(replace(response, records=records, count=3)))
        await quarantined(case, "ANSWERED_TWICE")


async def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        response = case.response()
        first, second = response.records
        case.deliver(
            write_response(replace(response, records=(first, first, second, first), count=4))
        )
        report = await case.listen()
        assert report.counts == {(Outcome.PAN_UPDATED, Disposition.APPLIED): 2}
        assert len(case.world.vault.told) == 2


async def test_known_bytes_under_another_name_are_noted_and_nothing_else(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        case.deliver_sealed(sealed)
        await case.listen()
        told = dict(case.world.vault.told)
        case.deliver_sealed(sealed, "again.csv.pgp")
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}
        first, copy = await case.files()
        assert (copy.state, copy.duplicate_of) == (FeedState.DUPLICATE, first.feed_id)
        assert case.world.vault.told == told
        assert case.shelf("done") == sorted([NAME, "again.csv.pgp"])


async def test_a_file_that_is_renamed_before_it_was_applied_is_applied_all_the_same(
    tmp_path: Path,
) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        first = case.deliver_sealed(sealed)
        case.world.vault.down = True
        await case.listen()
        first.rename(first.with_name(f"again.{NAME}"))
        case.world.vault.down = False
        await case.listen(4)
        (kept, copy) = await case.files()
        assert (kept.state, copy.state) == (FeedState.APPLIED, FeedState.DUPLICATE)
        assert copy.duplicate_of == kept.feed_id
        assert not case.untouched()
        assert case.shelf("inbox") == []


async def test_a_name_that_is_no_text_keeps_no_other_file_waiting(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver_sealed(b"x", os.fsdecode(b"caf\xe9.csv.pgp"))
        case.deliver(case.plain())
        await case.listen()
        (kept,) = await case.files()
        assert kept.state is FeedState.APPLIED


async def test_the_same_file_delivered_again_is_nothing_new(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        sealed = case.world.acquirer.seal(case.plain())
        case.deliver_sealed(sealed)
        await case.listen()
        case.deliver_sealed(sealed)
        assert (await case.listen()).taken == {Taken.DUPLICATE: 1}
        assert len(await case.files()) == 1
        assert (case.shelf("inbox"), case.shelf("done")) == ([], [NAME])


async def test_other_bytes_for_an_answered_batch_alarm_and_apply_nothing(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain())
        await case.listen()
        told = dict(case.world.vault.told)
        case.world.acquirer.script = current
        case.deliver(case.plain(), "other.csv.pgp")
        assert (await case.listen()).taken == {Taken.QUARANTINED: 1}
        assert [file.reason for file in await case.files()] == ["", "BATCH_REUSED"]
        assert case.world.vault.told == told


async def test_a_batch_whose_file_was_set_aside_can_still_be_answered(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain()[:-4])
        await case.listen()
        case.deliver(case.plain(), "resent.csv.pgp")
        report = await case.listen()
        assert report.taken == {Taken.APPLIED: 1}


async def test_an_unknown_code_changes_nothing_and_is_for_an_operator(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.world.acquirer.script = lambda record: answer(record, "ZZZ", "999")
        case.deliver(case.plain())
        report = await case.listen()
        assert report.counts == {(Outcome.UNKNOWN, Disposition.NOT_SENT): 2}
        assert case.untouched()
        incidents = await case.updater.ports.incidents.page(
            unresolved_only=True, kinds=(ExceptionKind.ANSWER_NOT_APPLIED,), after=0, limit=9
        )
        assert len(incidents) == 2


async def test_no_number_is_in_the_database(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver(case.plain())
        await case.listen()
        records = case.response().records
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


def test_certificates_of_both_sides_are_different(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    ours = Cert.from_bytes((tmp_path / "simulator-keys" / "updater.cert").read_bytes())
    assert ours.fingerprint != world.acquirer.secret.extract_certificate().fingerprint


async def test_a_folder_in_the_exchange_is_left_alone_and_stops_no_purge(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        outbox = tmp_path / "exchange" / "outbox"
        await asyncio.to_thread((outbox / "archive").mkdir)
        await asyncio.to_thread((outbox / "old.csv.pgp").write_bytes, b"x")
        deleted = await case.updater.ports.exchange.purge(timedelta(seconds=-5))
        assert deleted == 1
        assert case.shelf("outbox") == ["archive"]
