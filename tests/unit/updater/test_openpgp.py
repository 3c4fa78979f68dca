"""Opening sealed messages: long ones, ones that hold far more than they weigh, and compressed."""

from __future__ import annotations

import asyncio
import signal
import tracemalloc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from pysequoia import CipherSuite, Tsk, encrypt, sign

from tests.doubles.openpgp_packets import compressed, encrypted, literal
from tests.doubles.updater_answered import asked, quarantined
from updater.adapters import unsealing
from updater.adapters.openpgp import OpenPgp
from updater.adapters.unsealing_process import (
    COMPRESSED,
    OPENED,
    REFUSED,
    SIGNED,
    decrypted,
    packed,
)
from updater.usecases.ports_exchange import NotOpened, SealFault

PLAIN = b"H,plain\n" * 100
LIMIT = 1_000_000
LONG = 30_000_000
"""More than the library keeps until the signature is checked."""


@dataclass(frozen=True)
class Sides:
    ours: Tsk
    acquirer: Tsk
    cipher: OpenPgp

    def sealed(self, plain: bytes, signer: Tsk | None) -> bytes:
        signs = signer.signer() if signer else None
        return encrypt(
            plain, recipients=[self.ours.extract_certificate()], signer=signs, armor=False
        )

    def around(self, packets: bytes) -> bytes:
        return encrypted(self.ours.extract_certificate(), packets)

    def signed(self, plain: bytes) -> bytes:
        return sign(self.acquirer.signer(), plain, armor=False)


@cache
def sides() -> Sides:
    ours = Tsk.generate("updater", cipher_suite=CipherSuite.RSA2k)
    acquirer = Tsk.generate("acquirer")
    return Sides(ours, acquirer, OpenPgp(ours, acquirer.extract_certificate()))


@cache
def long(signer: str) -> bytes:
    signers = {"acquirer": sides().acquirer, "stranger": Tsk.generate("stranger"), "nobody": None}
    return sides().sealed(bytes(LONG), signers[signer])


async def fault(sealed: bytes, *, limit: int = LIMIT) -> SealFault | None:
    try:
        await sides().cipher.open(sealed, limit=limit)
    except NotOpened as refused:
        return refused.fault
    return None


async def test_the_packets_of_the_double_can_be_opened() -> None:
    sealed = sides().around(sides().signed(PLAIN))
    assert await sides().cipher.open(sealed, limit=LIMIT) == PLAIN


async def test_a_long_message_opens() -> None:
    assert len(await sides().cipher.open(long("acquirer"), limit=LONG)) == LONG


@pytest.mark.parametrize(
    ("signer", "cut", "expected"),
    [
        ("nobody", 0, SealFault.BAD_SIGNATURE),
        ("stranger", 0, SealFault.BAD_SIGNATURE),
        ("acquirer", 10, SealFault.CIPHERTEXT_DAMAGED),
    ],
    ids=["unsigned", "signed-by-a-stranger", "cut-short"],
)
async def test_a_long_message_that_is_bad_has_its_fault(
    signer: str, cut: int, expected: SealFault
) -> None:
    sealed = long(signer)
    assert await fault(sealed[: len(sealed) - cut], limit=LONG) is expected


async def test_the_bound_is_exact() -> None:
    sealed = sides().sealed(PLAIN, sides().acquirer)
    assert await sides().cipher.open(sealed, limit=len(PLAIN)) == PLAIN
    assert await fault(sealed, limit=len(PLAIN) - 1) is SealFault.TOO_LARGE


@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
async def test_a_message_that_holds_far_more_than_it_weighs_is_not_unfolded(signed: bool) -> None:
    content = bytes(40 * LIMIT)
    sealed = sides().around(compressed(sides().signed(content) if signed else literal(content)))
    assert len(sealed) < LIMIT // 10
    del content
    tracemalloc.start()
    try:
        assert await fault(sealed) is SealFault.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 3 * LIMIT
    finally:
        tracemalloc.stop()


async def test_a_compressed_message_has_a_fault_of_its_own() -> None:
    assert await fault(sides().around(compressed(sides().signed(PLAIN)))) is SealFault.COMPRESSED


async def test_the_loop_goes_on_meanwhile() -> None:
    opening = asyncio.create_task(sides().cipher.open(long("acquirer"), limit=LONG))
    turns = 0
    while not opening.done():
        await asyncio.sleep(0.01)
        turns += 1
    await opening
    assert turns > 5


async def test_a_long_unsigned_file_is_set_aside_and_the_next_is_taken_in(tmp_path: Path) -> None:
    async with asked(tmp_path) as case:
        ours = case.world.acquirer.updater
        plain = bytes(case.world.channel.codec.max_bytes + 1)
        case.deliver_sealed(encrypt(plain, recipients=[ours], armor=False))
        await quarantined(case, "TOO_LARGE")
        case.deliver(case.plain(), "next.csv.pgp")
        await case.listen()
        assert not case.untouched()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told-to-end"])
def test_a_process_that_somebody_ended_says_nothing_of_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import os\nos.kill(os.getpid(), {int(number)})\n")
    monkeypatch.setattr(unsealing, "_PROGRAM", program)
    with pytest.raises(ChildProcessError):
        unsealing.unseal(b"", b"", mode=SIGNED, limit=LIMIT)


def test_the_processes_own_words(tmp_path: Path) -> None:
    both = sides()
    keys = packed(bytes(both.ours), bytes(both.acquirer.extract_certificate()))
    sealed, plain = tmp_path / "sealed", tmp_path / "plain"

    def status(message: bytes, mode: str = SIGNED) -> int:
        sealed.write_bytes(message)
        return decrypted(keys, mode, str(sealed), str(plain))

    assert status(both.sealed(PLAIN, both.acquirer)) == OPENED
    assert plain.read_bytes() == PLAIN
    assert status(both.sealed(PLAIN, None)) == REFUSED
    assert status(both.sealed(PLAIN, None), mode="") == OPENED
    assert status(both.sealed(PLAIN, both.ours)) == REFUSED
    assert status(both.around(compressed(both.signed(PLAIN)))) == COMPRESSED
    assert status(b"nothing of the kind") == REFUSED
