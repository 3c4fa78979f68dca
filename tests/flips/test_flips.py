"""A thousand flipped bits in `make test`, by the code of the proof; and its judge judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tests.flips.asking import Heard, Said, masked_of
from tests.flips.batch import run_batch
from tests.flips.judge import Came, judged
from tests.flips.places import SEALED, Flip, Mode
from tests.flips.proof import rows_of
from tests.flips.sqlite_cells import Column
from tests.flips.trial import Bench
from tests.flips.vault_image import Image, Images, make_images
from vault.adapters.audit_verify import chain_walk
from vault.adapters.sqlite import faults
from vault.crypto.blob import HEADER_SIZE, LABEL, Place, RecordKey
from vault.crypto.checkpoints import PublicKeys
from vault.domain import soundness
from vault.rpc import cards_out
from vault.usecases.decide import reveal, sealing
from vault.usecases.ports import DataFault

SEED = "20261"
VOLUME = 1_000


def test_a_thousand_flipped_bits_reveal_no_wrong_number(tmp_path: Path) -> None:
    tally = run_batch(SEED, range(VOLUME), tmp_path)
    rows = rows_of(tally)
    assert [each for row in rows for each in row.violations] == [], f"seed {SEED}"
    # It was not for nothing: everything was hit, and most of it still answered.
    assert tally.flips.total() == VOLUME
    assert tally.sealed.total() > 150
    assert tally.audit.total() > 150
    assert len(tally.fields) > 100
    assert set(SEALED) <= tally.fields
    assert tally.revealed.total() > 10 * VOLUME
    shown = {name for _mode, name in tally.classes}
    assert {"refused with DATA_LOSS", "named by audit verify", "stopped: StoreBroken"} <= shown
    assert tally.classes[Mode.LOG, "named by audit verify"] > 50
    assert tally.classes[Mode.RUNNING, "refused with DATA_LOSS"] > 5


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """One vault, for all that is planted."""
    return asyncio.run(make_images(tmp_path_factory.mktemp("flips"), SEED))


@pytest.fixture
def try_bits(images: Images, tmp_path: Path) -> Callable[..., list[str]]:
    """Return what flips the bits of columns and returns what the judge finds."""
    bench = Bench(images, tmp_path / "trial", SEED)

    def tried(columns: Iterator[tuple[Column, int, int]], most: int = 1_000) -> list[str]:
        async def all_of_them() -> list[str]:
            found: list[str] = []
            for number, (column, at, bit) in enumerate(columns):
                file, offset = column.byte(at)
                flip = Flip(number, Mode.CLOSED, file, offset, bit, column, column.table)
                came = await bench.run(flip)
                found += judged(images.closed, came)
                if len(found) >= most:
                    break
            return found

        return asyncio.run(all_of_them())

    return tried


def bits_of(image: Image, table: str, column: str, start: int = 0) -> Iterator[Any]:
    """Yield every second bit of every value of a column, from a byte on."""
    for each in image.cells.columns:
        if (each.table, each.name) == (table, column):
            for at in range(start, each.length):
                for bit in (0, 1):
                    yield each, at, bit


def test_a_decryption_without_its_tag_is_found_out(
    images: Images, try_bits: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(self: RecordKey, blob: bytes, _place: Place) -> bytes:
        """AES-GCM without the G: the key stream alone, whatever the tag and the place."""
        secret = _first_block(self, blob[10:42])
        _aead, nonce, _commitment = self._derive(blob[10:42])
        stream = Cipher(AES(secret), CTR(nonce + b"\0\0\0\2")).decryptor()
        return stream.update(blob[HEADER_SIZE:-16])

    monkeypatch.setattr(RecordKey, "open", trusting)
    middle = HEADER_SIZE + 59  # of the number, between what is compared with the plain columns
    found = try_bits(bits_of(images.closed, "cards", "sealed", middle), 3)
    assert any("another number, expiry or name" in each for each in found)
    assert any("answers OK" in each for each in found)
    assert not images.canaries.found_in("".join(found).encode())


def _first_block(key: RecordKey, salt: bytes) -> bytes:
    block = key._keyed.copy()
    block.update(LABEL + salt + b"\x01")
    return block.finalize()


def test_a_reveal_that_compares_nothing_is_found_out(
    images: Images, try_bits: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_agreeing", lambda contents, *_columns: contents)
    found = try_bits(bits_of(images.closed, "cards", "last4"), 1)
    assert "denies its own masked card" in found[0]


def test_versions_told_apart_by_their_number_alone_are_found_out(
    images: Images, try_bits: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for table, column in (
        ("cards", "credential_version"),
        ("card_versions_by_number", "credential_version"),
        ("card_versions_by_number", "(rowid)"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(reveal, "_check_order", lambda _card, _older: None)
            found = try_bits(bits_of(images.closed, table, column), 1)
        assert any("another number, expiry or name" in each for each in found), table
        assert try_bits(bits_of(images.closed, table, column), 1) == []


@pytest.mark.parametrize(
    ("owner", "name", "double", "column"),
    [
        (PublicKeys, "signed", lambda _self, _checkpoint: True, "checkpoints.signature"),
        (chain_walk, "_time_of", lambda row: row.time, "audit.time"),
    ],
    ids=["signature", "time"],
)
def test_a_verifier_that_skips_a_field_is_found_out(
    images: Images,
    try_bits: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    double: Callable[..., Any],
    column: str,
) -> None:
    table, _, field = column.partition(".")
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, double)
        found = try_bits(bits_of(images.closed, table, field), 1)
    assert "audit verify does not name it" in found[0]


def test_a_damaged_column_that_is_the_callers_fault_is_found_out(
    images: Images, try_bits: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for column, owner, name, double in (
        ("status", soundness, "damaged", lambda _card: False),
        ("status", faults, "DataDamaged", DataFault),
        ("stored_credentials", faults, "DataDamaged", DataFault),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, double)
            patch.setattr(cards_out, "MEANINGLESS", ())
            found = try_bits(bits_of(images.closed, "cards", column), 1)
        assert any("a caller is told" in each for each in found), (column, name)


@pytest.mark.parametrize("column", ["status", "stored_credentials"])
def test_every_bit_of_a_column_is_data_loss_for_its_card_alone(
    images: Images, try_bits: Callable[..., list[str]], column: str
) -> None:
    some = islice(bits_of(images.closed, "cards", column), 3)
    top = ((each, 0, 7) for each, _at, _bit in bits_of(images.closed, "cards", column))
    assert try_bits(chain(some, islice(top, 3))) == []


def test_an_echo_and_a_lost_log_are_found_out(images: Images, tmp_path: Path) -> None:
    bench = Bench(images, tmp_path / "trial", SEED)
    flip = next(each for each in map(bench.choose, range(100)) if each.mode is Mode.LOG)
    came = asyncio.run(bench.run(flip))
    assert judged(images.running, came) == []
    silent = Came(flip, came.heard, came.ended, None)
    assert "what the log lost is not told" in judged(images.running, silent)[0]
    came.heard.echoes = 1
    assert "has a card number in it" in "".join(judged(images.running, came))


def test_an_end_that_was_not_foreseen_is_found_out(images: Images, tmp_path: Path) -> None:
    bench = Bench(images, tmp_path / "trial", SEED)
    flips = [flip for flip in map(bench.choose, range(2_000)) if flip.mode is Mode.CLOSED]
    of_a_card = next(flip for flip in flips if flip.field == ("cards", "status"))
    elsewhere = next(flip for flip in flips if flip.table == "chains")
    for flip, ended, fine in (
        (of_a_card, "stopped: StoreBroken", False),
        (elsewhere, "stopped: StoreBroken", True),
        (elsewhere, "did not start: DataDamaged", True),
        (elsewhere, "did not start: TypeError", False),
        (elsewhere, "stopped: TypeError", False),
    ):
        found = judged(images.closed, Came(flip, Heard(), ended))
        assert any("ended the vault" in each or "not foreseen" in each for each in found) != fine


def test_answers_of_two_moments_are_found_out(images: Images, tmp_path: Path) -> None:
    bench = Bench(images, tmp_path / "trial", SEED)
    flip = next(each for each in map(bench.choose, range(100)) if each.mode is Mode.LOG)
    came = asyncio.run(bench.run(flip))
    truth = images.running.truth
    states = truth.states[images.running.before :]
    moved = [key for key in states[0] if states[0][key] != states[-1][key]]
    moved.sort(key=lambda key: [state[key] for state in states].index(states[-1][key]))
    early, late = moved[0], moved[-1]
    said = [each for each in came.heard.said if each.key in states[0] and each.key not in moved]
    for key, version, wrong in (
        (late, states[0][late], False),
        (late, states[-1][late], True),
    ):
        # The earlier one as it was before: then the later one can't have changed yet.
        old = _as_said(early, truth.held[early][states[0][early]])
        came.heard.said = [*said, old, _as_said(key, truth.held[key][version])]
        found = any("of no one moment" in each for each in judged(images.running, came))
        assert found is wrong


def _as_said(key: Any, held: Any) -> Any:
    return Said(key, 0, "OK", held, 1, masked_of(held))
