"""Write request files by hand, position by position, as account-updater.md lays them out."""

from collections.abc import Sequence

from updater.simulator.ledger import Expiry
from updater.simulator.numbers import CardNumber

ASKED = Expiry(11, 2027)
GP, MES, CS = "gp-bigbatch-80", "mes-aus-124", "cybersource-au-csv"
NAMES = {CS: "au.request.pan.csv", GP: "gp.request.txt", MES: "aus.request.txt"}


def request(
    form: str,
    cards: Sequence[CardNumber | str],
    *,
    batch: str = "001",
    expiry: Expiry = ASKED,
    flag: str = "V",
) -> bytes:
    """Return a request of one format; references are ref-1, ref-2, …"""
    numbers = [card if isinstance(card, str) else card.reveal() for card in cards]
    if form == GP:
        return bigbatch(numbers, f"{expiry.year % 100:02}{expiry.month:02}", flag=flag)
    if form == MES:
        return aus(numbers, f"{expiry.year % 100:02}{expiry.month:02}")
    rows = [
        f"D,{card},{expiry.month:02},{expiry.year % 100:02},ref-{index}"
        for index, card in enumerate(numbers, start=1)
    ]
    header = f"H,cybs.au.request.pan,merchant1,{batch},{len(numbers)},ops@example.test"
    return "\n".join([header, *rows, "F", ""]).encode()


def bigbatch(numbers: Sequence[str], yymm: str = "2711", *, flag: str = "V") -> bytes:
    """Return FH, TH, DI…, TT, FT: section 4.4."""
    merchant = "merchant1      " if flag == "V" else "000000merchant1"
    routing = {"V": "VI", "M": "MC", "D": "DI"}[flag]
    total = len(numbers) + 4
    records = [
        "FH  " + "261121120000" + "0001" + " " + flag + "015022" + "0007" + " " * 8 + " " * 40,
        "TH" + "TERMINAL1".ljust(19) + "VENDOR".ljust(10) + "APP".ljust(15) + " " * 27 + " " * 7,
        *(
            "DI" + "393000" + merchant + routing + number.ljust(19) + yymm + " " * 20 + " " * 12
            for number in numbers
        ),
        "TT" + "TERMINAL1".ljust(19) + "   " + "0" * 36 + " " * 20,
        "FT" + " " * 6 + "0007" + str(total).rjust(10, "0") + " " * 58,
    ]
    if any(len(record) != 80 for record in records):
        raise ValueError("a record has 80 bytes")
    return "".join(f"{record}\n" for record in records).encode()


def aus(numbers: Sequence[str], yymm: str = "2711") -> bytes:
    """Return H1, D1…, T1, without a last line end: section 4.4b."""
    types = {"4": "VISA", "5": "MC  ", "2": "MC  ", "6": "DISC"}
    records = [
        "H1" + "100000" + "merchant1".ljust(32),
        *(
            "D1"
            + types.get(number[:1], "VISA")
            + number.ljust(32)
            + yymm
            + f"ref-{index}".ljust(32)
            for index, number in enumerate(numbers, start=1)
        ),
        "T1" + str(len(numbers)).rjust(6, "0"),
    ]
    return "\n".join(records).encode()
