"""The scanner finds every encoding at every place, once, and nothing that is not there."""

from __future__ import annotations

import base64
import io
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.brands import Brand
from cards.testcards import test_pan
from tools.demo.planting import HIDDEN
from vault.pan_scan.scanning import CHUNK, Hit, Tally, scan_paths, scan_stream
from vault.pan_scan.wanted import AnyCardNumber, GivenNumbers, NumbersInvalid, Wanted

NUMBERS = [
    test_pan(brand, counter)
    for counter in (7, 8)
    for brand in (Brand.VISA, Brand.AMEX, Brand.DINERS, Brand.VERVE)
]
SIXTEEN, FIFTEEN, FOURTEEN, NINETEEN = range(4)


def _scan(content: bytes, wanted: Wanted | None = None, chunk: int = CHUNK) -> list[Hit]:
    return list(scan_stream(io.BytesIO(content), wanted or GivenNumbers(NUMBERS), chunk=chunk))


@pytest.mark.parametrize("which", [SIXTEEN, FIFTEEN, FOURTEEN, NINETEEN])
@pytest.mark.parametrize("name", HIDDEN)
def test_finds_a_number_in(name: str, which: int) -> None:
    encoding, hide = HIDDEN[name]
    # An even offset: of bare UTF-16 between zeros nothing else tells the byte order.
    before = b"\x01\x02" * 50
    (hit,) = _scan(before + hide(NUMBERS[which]) + b"\x03\x01" * 50)
    assert hit.encoding.value == encoding
    assert hit.number == which
    assert hit.last4 == NUMBERS[which][-4:]
    assert len(before) <= hit.offset < len(before) + 100


@pytest.mark.parametrize("name", ["ascii", "utf-16le", "utf-16be", "bcd"])
def test_names_the_offset_of_the_number(name: str) -> None:
    _, hide = HIDDEN[name]
    (hit,) = _scan(b"\x00\xff" * 500 + hide(NUMBERS[SIXTEEN]) + b"\xff\xff")
    assert hit.offset == 1_000


@pytest.mark.parametrize("name", HIDDEN)
def test_finds_it_once_wherever_chunks_end(name: str) -> None:
    encoding, hide = HIDDEN[name]
    hidden = hide(NUMBERS[SIXTEEN])
    for shift in range(0, 330, 2):
        content = b"\x01\x02" * ((700 - shift) // 2) + hidden + b"\x02\x01" * 200
        hits = _scan(content, chunk=350)
        assert [hit.encoding.value for hit in hits] == [encoding], shift
        assert len(content) - 400 - len(hidden) <= hits[0].offset < len(content) - 400


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("chunk", [1, 3, 17, CHUNK])
def test_finds_it_at_the_very_beginning_and_end(name: str, chunk: int) -> None:
    hidden = HIDDEN[name][1](NUMBERS[SIXTEEN])
    assert len(_scan(hidden, chunk=chunk)) == 1
    middle = b"\x01\x02" * 400
    assert len(_scan(hidden + middle + hidden, chunk=chunk)) == 2


def test_finds_numbers_inside_longer_runs_of_digits() -> None:
    two = NUMBERS[SIXTEEN] + "000" + NUMBERS[FIFTEEN] + "5"
    assert {hit.number for hit in _scan(two.encode())} == {SIXTEEN, FIFTEEN}
    assert {hit.number for hit in _scan(bytes.fromhex(two + "0"))} == {SIXTEEN, FIFTEEN}


def test_finds_base64_glued_to_other_letters() -> None:
    for glue in (b"", b"x", b"xy", b"xyz"):
        coded = base64.b64encode(b"ab" + NUMBERS[SIXTEEN].encode())
        assert len(_scan(b"." + glue + coded + b"." * 9)) == 1


def test_finds_each_of_thousands_and_no_other() -> None:
    numbers = [test_pan(Brand.VISA, counter) for counter in range(3_000)]
    others = [test_pan(Brand.VISA, counter) for counter in range(3_000, 4_000)]
    content = "\n".join(number for pair in zip(numbers, others * 3, strict=True) for number in pair)
    hits = _scan(content.encode(), GivenNumbers(numbers))
    assert sorted(hit.number or 0 for hit in hits) == list(range(3_000))


def test_finds_nothing_in_noise_zeros_and_digits() -> None:
    noise = random.Random(5).randbytes(1 << 20)
    for content in (noise, bytes(1 << 20), b"0123456789" * 50_000, base64.b64encode(noise)):
        assert _scan(content) == []
        assert _scan(content, AnyCardNumber()) == []


@given(st.binary(max_size=600), st.integers(1, 700), st.sampled_from([None, *HIDDEN]))
def test_chunks_never_change_what_is_found(around: bytes, chunk: int, name: str | None) -> None:
    hidden = HIDDEN[name][1](NUMBERS[SIXTEEN]) if name else b""
    content = around[:300] + hidden + around[300:]
    for wanted in (GivenNumbers(NUMBERS), AnyCardNumber()):
        assert sorted(_scan(content, wanted, chunk)) == sorted(_scan(content, wanted))


@pytest.mark.parametrize("name", [name for name in HIDDEN if not name.startswith("bcd")])
def test_finds_any_card_number_in(name: str) -> None:
    encoding, hide = HIDDEN[name]
    (hit,) = _scan(b"\x01\x02" * 9 + hide(NUMBERS[SIXTEEN]) + b"\x01\x02" * 9, AnyCardNumber())
    assert (hit.encoding.value, hit.number) == (encoding, None)


def test_any_card_number_is_whole_valid_and_of_a_known_brand() -> None:
    good = NUMBERS[SIXTEEN]
    wrong_digit = good[:-1] + str((int(good[-1]) + 1) % 10)
    unknown = "9999999999999995"
    for text in (good + "1", wrong_digit, unknown, good[:-1]):
        assert _scan(text.encode(), AnyCardNumber()) == []
    beside = f"{good} {NUMBERS[FIFTEEN]}"  # together no number, apart two
    assert len(_scan(beside.encode(), AnyCardNumber())) == 2


@pytest.mark.parametrize("chunk", [40, 300, CHUNK])
def test_digits_of_uuids_tokens_and_digests_are_no_card_numbers(chunk: int) -> None:
    twelve = test_pan(Brand.MAESTRO, 12, length=12)
    uuid = f"6f1c2a8e-0b5d-4c1f-9a57-{twelve}"
    token = f"tok_01m7yxp{NUMBERS[SIXTEEN]}abc"
    digest = "9b" * 20 + "f" + NUMBERS[SIXTEEN] + "c" + "4e" * 3
    for word in (uuid, token, digest):
        for coded in (word.encode(), base64.b64encode(b" " * 90 + word.encode() + b" " * 90)):
            content = b"\x01" * 280 + coded + b"\x01" * 280
            assert _scan(content, AnyCardNumber(), chunk) == []
    assert len(_scan(twelve.encode(), AnyCardNumber())) == 1
    assert len(_scan(f"{uuid} {twelve}".encode(), AnyCardNumber())) == 1


def test_scans_trees_names_and_what_cannot_be_read(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "plain").write_text(NUMBERS[FIFTEEN])
    (inner / f"x{NUMBERS[SIXTEEN]}.txt").touch()
    (tmp_path / "link").symlink_to(inner / "plain")
    os.mkfifo(tmp_path / "pipe")
    tally = Tally()
    hits = list(scan_paths([tmp_path], GivenNumbers(NUMBERS), tally))
    assert {(found.in_name, found.hit.number) for found in hits} == {
        (False, FIFTEEN),
        (True, SIXTEEN),
    }
    assert (tally.files, tally.size, tally.skipped) == (2, 15, 2)
    gone = list(scan_paths([tmp_path / "gone"], GivenNumbers(NUMBERS), tally))
    assert gone == []


@pytest.mark.parametrize("lines", [[], ["12345"], ["12345678901x"], ["\u0664" * 12]])
def test_refuses_what_is_no_number_without_quoting_it(lines: list[str]) -> None:
    with pytest.raises(NumbersInvalid) as caught:
        GivenNumbers(lines)
    assert not any(line in str(caught.value) for line in lines)


def test_the_list_is_never_printed() -> None:
    assert repr(GivenNumbers(NUMBERS)) == "<8 numbers>"
