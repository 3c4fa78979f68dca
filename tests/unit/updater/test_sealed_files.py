"""Files that don't open, or not yet: other keys, no keys, damaged, cut off and growing."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from pysequoia import Cert, Tsk, encrypt, sign

from tests.doubles.updater_answered import NAME, asked, quarantined
from tests.doubles.updater_scripts import current
from tests.doubles.updater_world import make_world
from updater.adapters.openpgp import OpenPgp
from updater.domain.feed import FeedState
from updater.usecases.take_in import Taken


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
        kept = case.world.root / "exchange" / "quarantine" / f"{file.name}~{file.feed_id}"
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


async def test_a_file_of_which_nothing_is_there_yet_is_given_time(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        case.deliver_sealed(b"")
        assert (await case.listen(3)).taken == {Taken.WAITING: 1}
        case.deliver(case.plain())
        assert (await case.listen()).taken == {Taken.APPLIED: 1}


def test_certificates_of_both_sides_are_different(tmp_path: Path) -> None:
    world = make_world(tmp_path, current)
    ours = Cert.from_bytes((tmp_path / "simulator-keys" / "updater.cert").read_bytes())
    assert ours.fingerprint != world.acquirer.secret.extract_certificate().fingerprint
