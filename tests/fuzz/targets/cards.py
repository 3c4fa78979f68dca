"""Card numbers, expiries, and what takes numbers out of logs and finds them in files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Final

from cards.brands import brand_of
from cards.expiry import Expiry, ExpiryInvalid
from cards.masking import holds_card_number, is_card_number, mask, may_be_card_number
from cards.pan import Pan, PanInvalid
from cards.testcards import PUBLISHED
from cards.testcards import test_pan as number_for_test
from chassis.redaction import redact
from tests.fuzz.judge import attempted, same
from tests.fuzz.target import Broken, Target, plain_target
from vault.pan_scan.scanning import scan_stream
from vault.pan_scan.wanted import AnyCardNumber

_NUMBERS: Final = [number_for_test(brand, 4_711) for brand in PUBLISHED]
_ANY: Final = AnyCardNumber()


def _numbers() -> Sequence[bytes]:
    return [each.encode() for each in _NUMBERS]


def _sentences() -> Sequence[bytes]:
    spaced = " ".join(_NUMBERS[0][at : at + 4] for at in range(0, 16, 4))
    texts = (
        f"paid with {_NUMBERS[1]} today",
        f"{spaced}, then {_NUMBERS[2]}",
        "order 550e8400-e29b-41d4-a716-446655440000 of tok_01arz3ndektsv4rrffq69g5fav",
        "٤١١١ 1111 1111 1111",
    )
    return [each.encode() for each in texts]


def pan(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    number, said = attempted(data, lambda: Pan(text), PanInvalid)
    if number is None:
        return said
    if number.reveal() != text or brand_of(text) is not number.brand:
        raise Broken("a number is not what was taken")
    shown = f"{number!r} {number} {mask(number)}"
    if text in shown or len(set(mask(number)) & {"*"}) != 1:
        raise Broken("a number shows itself")
    return said


def expiry(data: bytes) -> str:
    number = int.from_bytes(data[:8], signed=True)
    found, said = attempted(data, lambda: Expiry.from_int(number), ExpiryInvalid)
    if found is not None:
        same(found.as_int, number, "an expiry")
    return said


def text(data: bytes) -> str:
    """Look for numbers in free text, and take them out of a log line."""
    found = data.decode("utf-8", "replace")
    inside = holds_card_number(found)
    if is_card_number(found) and not may_be_card_number(found):
        raise Broken("a number may not be one")
    cleaned, hits = redact(found)
    if redact(cleaned)[1]:
        raise Broken("a number is left in a log line")
    if inside and found.isascii() and not hits:
        raise Broken("a number that a field refuses is let through into a log line")
    return "taken" if hits else "without a number"


def scan(data: bytes) -> str:
    """Scan a file, whole and in pieces: the same numbers at the same places."""
    whole = {(hit.offset, hit.encoding) for hit in scan_stream(BytesIO(data), _ANY)}
    pieces = {(hit.offset, hit.encoding) for hit in scan_stream(BytesIO(data), _ANY, chunk=512)}
    same(whole, pieces, "what a scan finds")
    return "taken" if whole else "without a number"


def _expiries() -> Sequence[bytes]:
    return [each.to_bytes(8, signed=True) for each in (202_612, 200_001, 209_912, 0, -1)]


TARGETS: Final[Sequence[Target]] = (
    plain_target("pan", "card numbers", pan, _numbers, longest=64),
    plain_target("expiry", "expiries", expiry, _expiries, longest=8),
    plain_target("text", "numbers in text and log lines", text, _sentences, longest=256),
    plain_target("scan", "files scanned for numbers", scan, _sentences, longest=1_024),
)
