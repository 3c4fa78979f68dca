"""`gp-bigbatch-80` against records laid out by hand from the table of section 4.4."""

from pathlib import Path

import pytest

from tests.unit.simulator.exchange_site import Site, number
from tests.unit.simulator.requests import GP, bigbatch, request
from updater.simulator.disturbances import Disturbances
from updater.simulator.errors import RejectReason, RequestRejected
from updater.simulator.formats import FORMATS
from updater.simulator.formats.fixed import MAX_BYTES
from updater.simulator.ledger import Expiry, IssuerLedger, Outcome, Rates
from updater.simulator.script import Override, Script

PREFIXES = {"V": "41111111", "M": "55555555", "D": "60111111"}
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
    Outcome.NEW_EXPIRY,  # of an issuer that does not repeat the number
)
OVERRIDES = tuple(Override("ordinal", n, outcome) for n, outcome in enumerate(EVERY_KIND, start=1))
# What stands at 72 and at 74-79 (a dot: a blank), then what stands at 49-71: E number and expiry
# as asked, O the new ones, R the old number and a new expiry, D a new expiry alone, - nothing.
ROWS = {
    "V": "V.....E A.....O E.....R C.....- Q.....- A.....O P.....- N.....- P.....- E.....D",
    "M": ".VALID- .UPDATEO .EXPIRYR .CONTAC- .CONTAC- .UPDATEO .UNKNWN- .UNKNWN- .UNKNWN- .EXPIRYR",
    "D": "N.....- A.....O E.....R C.....- Q.....- A.....O N.....- N.....- N.....- E.....D",
}
parse = FORMATS[GP].parse


def cards(flag: str) -> list[str]:
    """Return eight cards, then one whose issuer repeats the number for none of the networks."""
    ledger = IssuerLedger(7)
    found = [number(n, PREFIXES[flag]) for n in range(40)]
    echoing = [card for card in found if ledger.echoes_number(card)]
    silent = [card for card in found if not ledger.echoes_number(card)]
    return [card.reveal() for card in (*echoing[:9], silent[0])]


def expected(flag: str, asked: list[str]) -> list[str]:
    """Lay out the DI records by hand."""
    ledger, lines = IssuerLedger(7), []
    merchant = "merchant1      " if flag == "V" else "000000merchant1"
    routing = {"V": "VI", "M": "MC", "D": "DI"}[flag]
    for card, outcome, row in zip(asked, EVERY_KIND, ROWS[flag].split(), strict=True):
        code, reason, shape = row[0], row[1:-1].replace(".", ""), row[-1]
        pan = next(c for n in range(40) if (c := number(n, PREFIXES[flag])).reveal() == card)
        truth = ledger.truth(pan, Expiry(11, 2027), demand=outcome)
        new = truth.new_pan.reveal() if truth.new_pan else ""
        date = truth.new_expiry
        new_expiry = f"{date.year - 2000}{date.month:02}" if date else ""
        new = {"E": card, "R": card}.get(shape, new)
        new_expiry = "2711" if shape == "E" else new_expiry
        lines.append(
            "DI393000"  # 1-8
            + merchant  # 9-23
            + routing  # 24-25
            + card.ljust(19)  # 26-44
            + "2711"  # 45-48
            + new.ljust(19)  # 49-67
            + new_expiry.ljust(4)  # 68-71
            + (" " if code == "." else code)  # 72
            + (" " if flag == "M" else "N")  # 73
            + reason.ljust(6)  # 74-79
            + " "  # 80
        )
    return lines


@pytest.mark.parametrize("flag", ["V", "M", "D"])
def test_a_response_is_byte_for_byte_what_the_table_says(tmp_path: Path, flag: str) -> None:
    site, asked = Site(tmp_path, GP), cards(flag)
    site.send(bigbatch(asked, flag=flag))
    [arrived] = site.deliver_all(script=Script(overrides=OVERRIDES))
    lines = arrived.text.decode().split("\n")
    assert arrived.name == "merchant1.001.gp.response.1.txt.pgp"
    assert {len(line) for line in lines[:-1]} == {80}
    assert lines[-1] == ""
    head, terminal, *details, foot, end = lines[:-1]
    sequence = head[16:20]
    assert head == f"FH  261121120000{sequence} {flag}0150220007{' ' * 48}"
    assert sequence.isdigit()
    assert terminal == "TH" + "TERMINAL1".ljust(19) + "VENDOR".ljust(10) + "APP".ljust(49)
    right = [a == b for a, b in zip(details, expected(flag, asked), strict=True)]
    assert right == [True] * len(asked)
    assert foot == "TT" + "TERMINAL1".ljust(19) + "   " + "0" * 36 + " " * 20
    assert end == "FT" + "0007" + "0000000014" + "0" * 54 + " " * 10


def test_visas_opt_out_arrives_as_such_once_the_acquirer_can_take_it(tmp_path: Path) -> None:
    rules = Script(
        rates=Rates({Outcome.OPTED_OUT: 100}), disturbances=Disturbances(visa_opt_outs=True)
    )
    site = Site(tmp_path, GP)
    site.send(request(GP, [number(1)]))
    [arrived] = site.deliver_all(script=rules)
    assert arrived.text.decode().split("\n")[2][71:] == "ON       "


def test_a_refused_card_gets_the_networks_error_or_is_left_out(tmp_path: Path) -> None:
    wrong_digit = number(1).reveal()[:-1] + str((int(number(1).reveal()[-1]) + 1) % 10)
    found = {}
    for flag in "VMD":
        site, prefix = Site(tmp_path / flag, GP), PREFIXES[flag][0]
        asked = [prefix + wrong_digit[1:], "no number", "9792072000000000", "30569309025904"]
        text = bigbatch([*asked, *cards(flag)[:1]], flag=flag)
        good = cards(flag)[0].encode()
        site.send(text.replace(good + b"   2711", good + b"   2713"))
        [arrived] = site.deliver_all()
        lines = arrived.text.decode().split("\n")[2:-3]
        found[flag] = [line[71:80] for line in lines]
    assert found["V"] == []
    assert found["M"] == [
        f"  {code} " for code in ("000102", "000101", "000105", "000105", "000103")
    ]
    # Diners is Discover's: what it is told is the issuer's word.
    assert [line[2:4] for line in found["D"][:3]] == ["15"] * 3
    assert found["D"][3][:2] in {f"{letter}N" for letter in "ACENQ"}
    assert found["D"][4] == " N16     "


def test_a_card_without_an_expiry_is_asked_about_all_the_same(tmp_path: Path) -> None:
    for blank in ("    ", "0000"):
        site = Site(tmp_path / blank.strip() / "x", GP)
        site.send(bigbatch([number(1).reveal()], blank))
        [arrived] = site.deliver_all(script=Script(rates=Rates({Outcome.NEW_EXPIRY: 100})))
        line = arrived.text.decode().split("\n")[2]
        assert line[44:48] == blank
        assert line[67:71].isdigit()
        assert line[71] == "E"


@pytest.mark.parametrize(
    ("old", "new", "reason", "line"),
    [
        (b"FH  2", b"FH X2", RejectReason.BAD_STRUCTURE, 1),
        (b" V015022", b"  015022", RejectReason.WRONG_CLASSIFICATION, 1),
        (b" V015022", b" X015022", RejectReason.BAD_STRUCTURE, 1),
        (b"\nTH", b"\nTX", RejectReason.BAD_STRUCTURE, 2),
        (b"\nDI393000", b"\nDI393001", RejectReason.BAD_STRUCTURE, 3),
        (b"VI4", b"AX4", RejectReason.BAD_STRUCTURE, 3),
        (b"2711 ", b"2711", RejectReason.BAD_STRUCTURE, 3),
        (b"2711 ", b"2711  ", RejectReason.BAD_STRUCTURE, 3),
        (b"2711  ", b"2711 \x00", RejectReason.BAD_STRUCTURE, 3),
        (b"2711  ", b"2711\xc2\xa0", RejectReason.BAD_STRUCTURE, 3),
        (b"TTTERMINAL1", b"TTTERMINAL2", RejectReason.BAD_STRUCTURE, 5),
        (b"   000000", b"   000001", RejectReason.BAD_STRUCTURE, 5),
        (b"FT      0007", b"FT      0008", RejectReason.BAD_STRUCTURE, 6),
        (b"FT      00070", b"FT00070", RejectReason.BAD_STRUCTURE, 6),
        (b"0000000006", b"0000000002", RejectReason.COUNT_MISMATCH, 6),
        (b"0000000006", b"0000000007", RejectReason.COUNT_MISMATCH, 6),
        (b"merchant1      VI4", b"merchant2      VI4", RejectReason.BAD_STRUCTURE, 3),
        (b"\n", b"\n\n", RejectReason.BAD_STRUCTURE, 2),
        (b"FH", b"\xef\xbb\xbfFH", RejectReason.BAD_STRUCTURE, 1),
        (b"FH", b"x" * MAX_BYTES, RejectReason.TOO_LARGE, 0),
    ],
    ids=[str(case) for case in range(20)],
)
def test_a_spoiled_request_is_rejected_whole(
    old: bytes, new: bytes, reason: RejectReason, line: int
) -> None:
    text = request(GP, [number(1), number(2)])
    assert len(parse(text).questions) == 2
    with pytest.raises(RequestRejected) as caught:
        parse(text.replace(old, new, 1))
    assert (caught.value.reason, caught.value.line) == (reason, line)


@pytest.mark.parametrize("lines", [0, 1, 3])
def test_a_request_cut_short_is_rejected(lines: int) -> None:
    text = request(GP, [number(1)])
    with pytest.raises(RequestRejected) as caught:
        parse(b"".join(text.splitlines(keepends=True)[:lines]))
    assert caught.value.reason is RejectReason.BAD_STRUCTURE


def test_line_ends_may_differ_and_questions_are_read_when_they_are_asked_for() -> None:
    text = request(GP, [number(1), number(2), number(3)])
    for same in (text.replace(b"\n", b"\r\n"), text.rstrip(b"\n")):
        questions = parse(same).questions
        right = [question.number for question in questions] == [
            number(n).reveal() for n in (1, 2, 3)
        ]
        assert right
        assert [question.ordinal for question in questions[1:]] == [2, 3]
        assert questions[-1].ordinal == 3


def test_another_merchants_records_are_rejected(tmp_path: Path) -> None:
    site = Site(tmp_path, GP)
    site.send(request(GP, [number(1)]).replace(b"merchant1 ", b"merchant9 "))
    [answer] = site.run()
    assert answer.rejected is RejectReason.NAME_MISMATCH
    assert site.arrived() == ["merchant1.001.gp.reject.txt.pgp"]
