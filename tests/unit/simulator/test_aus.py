"""`mes-aus-124` against records laid out by hand from the table of section 4.4b."""

from pathlib import Path

import pytest

from tests.unit.simulator.exchange_site import Site, number
from tests.unit.simulator.requests import MES, request
from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.formats import FORMATS
from updater.simulator.ledger import Expiry, IssuerLedger, Outcome
from updater.simulator.script import Override, Script

EVERY_KIND = (
    Outcome.CURRENT,
    Outcome.NEW_NUMBER,
    Outcome.NEW_EXPIRY,
    Outcome.CLOSED,
    Outcome.CONTACT,
    Outcome.BRAND_CHANGE,
    Outcome.NO_MATCH,
    Outcome.UNAVAILABLE,
    Outcome.OPTED_OUT,
)
CARDS = [number(counter) for counter in range(len(EVERY_KIND))]
parse = FORMATS[MES].parse


def test_a_response_is_byte_for_byte_what_the_table_says(tmp_path: Path) -> None:
    site, ledger = Site(tmp_path, MES), IssuerLedger(7)
    site.send(request(MES, CARDS))
    overrides = tuple(Override("ordinal", n, o) for n, o in enumerate(EVERY_KIND, start=1))
    [arrived] = site.deliver_all(script=Script(overrides=overrides))
    assert arrived.name == "merchant1.001.aus.response.1.txt.pgp"
    lines = arrived.text.decode().split("\n")
    # Only news is told: no code is published for anything else.
    told = {2: "NEWACCT", 3: "NEWEXP", 4: "CLOSED", 5: "CALL", 6: "NEWACCT"}
    assert lines[0] == "H1" + "100000" + "merchant1".ljust(32)
    assert lines[6:] == ["T1" + "000005", ""]
    for line, (ordinal, code) in zip(lines[1:6], told.items(), strict=True):
        card, outcome = CARDS[ordinal - 1], EVERY_KIND[ordinal - 1]
        truth = ledger.truth(card, Expiry(11, 2027), demand=outcome)
        new = truth.new_pan.reveal() if truth.new_pan else ""
        if code == "NEWEXP" and ledger.echoes_number(card):
            new = card.reveal()
        kind = "" if not new else "MC" if outcome is Outcome.BRAND_CHANGE else "VISA"
        date = truth.new_expiry
        by_hand = (
            "D1"  # 1-2
            "VISA"  # 3-6
            + card.reveal().ljust(32)  # 7-38
            + "2711"  # 39-42
            + kind.ljust(4)  # 43-46
            + new.ljust(32)  # 47-78
            + (f"{date.year - 2000}{date.month:02}" if date else "    ")  # 79-82
            + code.ljust(8)  # 83-90
            + "VI"  # 91-92
            + f"ref-{ordinal}".ljust(32)  # 93-124
        )
        same = line == by_hand
        assert same, code
        assert len(line) == 124


def test_a_file_without_news_is_sent_empty(tmp_path: Path) -> None:
    site = Site(tmp_path, MES)
    site.send(request(MES, CARDS[:1]))
    [arrived] = site.deliver_all(script=Script(overrides=(Override("ordinal", 1, EVERY_KIND[0]),)))
    assert arrived.text.decode().split("\n")[1:] == ["T1000000", ""]


@pytest.mark.parametrize(
    ("old", "new", "reason", "line"),
    [
        (b"H1100000", b"H1100001", RejectReason.BAD_STRUCTURE, 1),
        (b"D1VISA4", b"D1AMEX4", RejectReason.BAD_STRUCTURE, 2),
        (b"D1VISA4", b"D2VISA4", RejectReason.BAD_STRUCTURE, 2),
        (b"2711ref-1 ", b"2711ref-1", RejectReason.BAD_STRUCTURE, 2),
        (b"2711ref-1 ", b"2711ref-1\x00", RejectReason.BAD_STRUCTURE, 2),
        (b"T1000002", b"T1000003", RejectReason.COUNT_MISMATCH, 4),
        (b"T1000002", b"T100002", RejectReason.BAD_STRUCTURE, 4),
        (b"T1000002", b"", RejectReason.BAD_STRUCTURE, 3),
    ],
    ids=[str(case) for case in range(8)],
)
def test_a_spoiled_request_is_rejected_whole(
    old: bytes, new: bytes, reason: RejectReason, line: int
) -> None:
    text = request(MES, CARDS[:2])
    assert len(parse(text).questions) == 2
    with pytest.raises(RequestRejected) as caught:
        parse(text.replace(old, new, 1))
    assert (caught.value.reason, caught.value.line) == (reason, line)


@pytest.mark.parametrize("text", [b"", b"H1100000" + b"merchant1".ljust(32)], ids=["none", "head"])
def test_a_request_cut_short_is_rejected(text: bytes) -> None:
    with pytest.raises(RequestRejected):
        parse(text)


def test_another_merchants_file_is_rejected(tmp_path: Path) -> None:
    site = Site(tmp_path, MES)
    site.send(request(MES, CARDS[:1]).replace(b"merchant1 ", b"merchant9 "))
    [answer] = site.run()
    assert answer.rejected is RejectReason.NAME_MISMATCH
    assert site.arrived() == ["merchant1.001.aus.reject.txt.pgp"]
