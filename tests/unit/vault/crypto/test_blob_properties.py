"""A blob opens at its own place, under its own key, unedited: and in no other case."""

import copy
import os

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.brands import Brand
from cards.expiry import Expiry
from cards.pan import Pan
from cards.testcards import PUBLISHED, test_pan
from tests.unit.vault.crypto import independent_decryptor as independent
from vault.crypto.blob import CannotOpen, Place, RecordKey, key_id_of
from vault.crypto.lengths import framed
from vault.crypto.mac import MacKey
from vault.domain.contents import Contents

SECRET, KEY_ID = b"\x11" * 32, b"\x22" * 8
KEY = RecordKey(KEY_ID, SECRET)

texts = st.text(max_size=40).filter(lambda text: text.isprintable())
places = st.builds(
    Place,
    st.sampled_from(["contents", "security_code"]),
    texts,
    texts,
    texts,
    st.sampled_from(["FPAN", "DPAN", "MPAN", "NETWORK_TOKEN", ""]),
    st.integers(0, 2**62),
)
pans = st.builds(
    lambda brand, counter: Pan(test_pan(brand, counter)),
    st.sampled_from(sorted(PUBLISHED)),
    st.integers(0, 9_999),
)
contents = st.builds(
    Contents,
    pans,
    st.none() | st.builds(Expiry, st.integers(2000, 2099), st.integers(1, 12)),
    texts,
    texts,
)


def _fields(place: Place) -> dict[str, str]:
    return {**place._asdict(), "revision": str(place.revision)}


@given(card=contents, place=places)
def test_contents_come_back_and_an_outsider_reads_them_too(card: Contents, place: Place) -> None:
    plaintext = card.encode()
    blob = KEY.seal(plaintext, place)
    assert len(plaintext) % 64 == 0
    assert len(blob) == len(plaintext) + 90
    assert key_id_of(blob) == KEY_ID
    assert (Contents.decode(KEY.open(blob, place)) == card) is True
    assert (independent.open_blob(SECRET, blob, _fields(place)) == plaintext) is True
    assert (card.pan.reveal().encode() in blob) is False


@given(plaintext=st.binary(max_size=200), place=places, other=places)
def test_it_opens_at_no_other_place(plaintext: bytes, place: Place, other: Place) -> None:
    blob = KEY.seal(plaintext, place)
    if other == place:
        assert KEY.open(blob, other) == plaintext
        return
    with pytest.raises(CannotOpen):
        KEY.open(blob, other)
    with pytest.raises(InvalidTag):
        independent.open_blob(SECRET, blob, _fields(other))


@pytest.mark.parametrize("field", Place._fields)
@given(place=places, text=texts.filter(bool))
def test_each_field_of_the_place_counts(field: str, place: Place, text: str) -> None:
    fields = place._asdict()
    fields[field] += 1 if field == "revision" else text
    other = Place(**fields)
    with pytest.raises(CannotOpen):
        KEY.open(KEY.seal(b"x", place), other)


@given(place=places, cut=st.integers(1, 5))
def test_text_that_moves_between_fields_counts(place: Place, cut: int) -> None:
    moved = place._replace(tenant=place.tenant + place.token[:cut], token=place.token[cut:])
    blob = KEY.seal(b"x", place)
    if moved == place:
        return
    with pytest.raises(CannotOpen):
        KEY.open(blob, moved)


@settings(max_examples=20)
@given(place=places, plaintext=st.binary(max_size=20))
def test_any_flipped_bit_never_opens(place: Place, plaintext: bytes) -> None:
    blob = KEY.seal(plaintext, place)
    for bit in range(len(blob) * 8):
        edited = bytearray(blob)
        edited[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CannotOpen):
            KEY.open(bytes(edited), place)


@given(place=places, size=st.integers(0, 89), more=st.binary(min_size=1, max_size=20))
def test_shorter_and_longer_blobs_never_open(place: Place, size: int, more: bytes) -> None:
    blob = KEY.seal(b"", place)
    for other in (blob[:size], blob + more, more + blob):
        with pytest.raises(CannotOpen):
            KEY.open(other, place)


@given(noise=st.binary(max_size=300), place=places)
def test_foreign_bytes_never_open(noise: bytes, place: Place) -> None:
    with pytest.raises(CannotOpen):
        KEY.open(noise, place)
    with pytest.raises(CannotOpen):
        key_id_of(noise[:89])


@given(place=places, secret=st.binary(min_size=32, max_size=32))
def test_another_key_of_the_same_name_never_opens(place: Place, secret: bytes) -> None:
    blob = KEY.seal(b"x", place)
    if secret == SECRET:
        return
    with pytest.raises(CannotOpen):
        RecordKey(KEY_ID, secret).open(blob, place)


@given(place=places, key_id=st.binary(min_size=8, max_size=8))
def test_the_same_key_of_another_name_never_opens(place: Place, key_id: bytes) -> None:
    blob = KEY.seal(b"x", place)
    renamed = blob[:2] + key_id + blob[10:]
    if key_id == KEY_ID:
        return
    with pytest.raises(CannotOpen):
        RecordKey(key_id, SECRET).open(renamed, place)
    with pytest.raises(CannotOpen):
        RecordKey(key_id, SECRET).open(blob, place)


def test_a_blob_made_to_fit_another_key_is_stopped_by_the_commitment() -> None:
    """GCM opens some bytes under many keys; the commitment makes one of them the only one."""
    place = Place("contents", "a", "t", "", "FPAN", 1)
    other = RecordKey(KEY_ID, b"\x12" * 32)
    ours, theirs = KEY.seal(b"x", place, bytes), other.seal(b"x", place, bytes)
    spliced = ours[:74] + theirs[74:]
    for key in (KEY, other):
        with pytest.raises(CannotOpen):
            key.open(spliced, place)
    assert other.open(spliced[:42] + theirs[42:], place) == b"x"


def test_no_two_blobs_are_alike() -> None:
    place = Place("contents", "a", "t", "", "FPAN", 1)
    assert len({KEY.seal(b"x", place)[10:] for _ in range(200)}) == 200


class _Placeless(Place):
    """What a vault would be that forgot the token in its authenticated data."""

    __slots__ = ()

    def aad(self, key_id: bytes) -> bytes:
        return Place.aad(self._replace(token=""), key_id)


def test_the_tests_above_notice_a_broken_aad() -> None:
    """Proof that they can fail: without the token, a swapped blob opens."""
    one, other = (_Placeless("contents", "a", token, "", "FPAN", 1) for token in ("t", "u"))
    blob = KEY.seal(b"x", one)
    assert KEY.open(blob, other) == b"x"
    with pytest.raises(CannotOpen):
        KEY.open(blob, Place(*other))


@given(
    one=st.lists(st.binary(max_size=6), max_size=5),
    other=st.lists(st.binary(max_size=6), max_size=5),
)
def test_framing_is_unambiguous(one: list[bytes], other: list[bytes]) -> None:
    assert (framed(one) == framed(other)) == (one == other)


@pytest.mark.parametrize("make", [RecordKey, MacKey], ids=["record", "mac"])
def test_keys_are_neither_printed_nor_copied(make: type[RecordKey] | type[MacKey]) -> None:
    key = make(KEY_ID, SECRET)
    assert SECRET.hex() not in repr(key)
    assert KEY_ID.hex() in repr(key)
    with pytest.raises(TypeError):
        copy.copy(key)
    with pytest.raises(ValueError, match="32 bytes"):
        make(KEY_ID, os.urandom(31))


def test_macs_of_kinds_numbers_and_keys_differ() -> None:
    visa, mastercard = (Pan(test_pan(brand, 1)) for brand in (Brand.VISA, Brand.MASTERCARD))
    one, other = MacKey(KEY_ID, SECRET), MacKey(KEY_ID, b"\x12" * 32)
    macs = {
        key.fingerprint(kind, pan)
        for key in (one, other)
        for kind in ("FPAN", "DPAN")
        for pan in (visa, mastercard)
    }
    assert len(macs) == 8
