"""The shipped brand table: account-updater.md section 7.1, row by row."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import cast

import pytest

from cards.brand_table import TableData, parse_range
from cards.brands import TABLE_VERSION, Brand, brand_of, rule, rule_of

TABLE = cast(
    "TableData", json.loads(files("cards").joinpath("data/brands.json").read_text("utf-8"))
)

# Prefixes that are of the brand, both ends of its spans among them, and neighbours that aren't.
EXAMPLES: dict[Brand, tuple[Sequence[str], Sequence[str]]] = {
    Brand.VISA: (("4", "4011779", "401180", "49"), ("401178", "493698", "402918")),
    Brand.MASTERCARD: (("51", "55", "2221", "2720", "2500"), ("50", "56", "2220", "2721")),
    Brand.AMEX: (("34", "37"), ("33", "35", "36", "38")),
    Brand.DISCOVER: (
        ("6011", "644", "649", "65", "650034", "652149", "653150", "655020"),
        ("6010", "6012", "643", "622126", "622925", "652150", "650031"),
    ),
    Brand.DINERS: (("300", "305", "3095", "36", "38", "39"), ("306", "3094", "3096", "37")),
    Brand.JCB: (
        ("3528", "3589", "2131", "1800", "353", "356"),
        ("3527", "3590", "2130", "2132", "1801"),
    ),
    Brand.UNIONPAY: (
        ("62", "620", "622126", "622925", "810", "8171", "627779"),
        ("61", "63", "627780", "8172", "80"),
    ),
    Brand.MAESTRO: (
        (
            "493698",
            "500000",
            "504174",
            "504176",
            "506698",
            "506779",
            "508499",
            "56",
            "59",
            "63",
            "67",
            "60",
            "61",
            "68",
            "69",
            "640",
            "506098",
            "506128",
            "507867",
        ),
        ("493697", "504175", "506699", "509000", "508500", "506099"),
    ),
    Brand.MIR: (("2200", "2204"), ("2199", "2205")),
    Brand.RUPAY: (
        (
            "508500",
            "508999",
            "606985",
            "607984",
            "608001",
            "608500",
            "652150",
            "653149",
            "8172",
            "8199",
            "82",
        ),
        ("508499", "606984", "607985", "608000", "608501", "652149", "653150", "8171", "83"),
    ),
    Brand.ELO: (
        (
            "401178",
            "401179",
            "431274",
            "438935",
            "451416",
            "457393",
            "457631",
            "457632",
            "504175",
            "506699",
            "506778",
            "509000",
            "509999",
            "627780",
            "636297",
            "636368",
            "650031",
            "650033",
            "650035",
            "650051",
            "650405",
            "650439",
            "650485",
            "650538",
            "650541",
            "650598",
            "650700",
            "650718",
            "650720",
            "650727",
            "650901",
            "650978",
            "651652",
            "651679",
            "655000",
            "655019",
            "655021",
            "655058",
        ),
        (
            "401177",
            "401180",
            "650034",
            "650052",
            "650440",
            "650539",
            "650540",
            "650719",
            "655020",
            "655059",
            "506698",
            "510000",
        ),
    ),
    Brand.TROY: (("9792", "650052", "650170"), ("9791", "9793", "650053", "650169")),
    Brand.HIPERCARD: (("606282",), ("606281", "606283")),
    Brand.HIPER: (
        ("637095", "637568", "637599", "637609", "637612", "63737423", "63743358"),
        ("637094", "637600", "63737422", "63743359"),
    ),
    Brand.VERVE: (
        (
            "506099",
            "506127",
            "506129",
            "506133",
            "506150",
            "506158",
            "506163",
            "506166",
            "506197",
            "507865",
            "507866",
            "507868",
            "507877",
            "507880",
            "507888",
            "507900",
            "507941",
        ),
        ("506098", "506128", "506130", "506198", "507867", "507942"),
    ),
    Brand.NARANJA: (("589562", "402918", "527572"), ("589561", "589563", "402917", "527573")),
    Brand.UNKNOWN: (("0", "1", "2", "31", "7", "80", "83", "9", "9791"), ("4", "6")),
}


@pytest.mark.parametrize("brand", Brand, ids=str)
def test_a_brand_owns_its_prefixes_and_not_their_neighbours(brand: Brand) -> None:
    own, others = EXAMPLES[brand]
    assert [p for p in own if brand_of(p.ljust(16, "0")) is not brand] == []
    assert [p for p in others if brand_of(p.ljust(16, "0")) is brand] == []


@pytest.mark.parametrize("brand", Brand, ids=str)
def test_the_rest_of_a_number_changes_nothing(brand: Brand) -> None:
    for prefix in EXAMPLES[brand][0]:
        iin = prefix.ljust(8, "0")
        assert {brand_of(iin + rest) for rest in ("", "0" * 4, "9" * 11)} == {brand}
        assert rule_of(iin) is rule(brand)


LENGTHS = {
    Brand.VISA: {13, 16, 18, 19}, Brand.MASTERCARD: {16}, Brand.AMEX: {15},
    Brand.DISCOVER: {16, 17, 18, 19}, Brand.DINERS: {14, 16, 17, 18, 19},
    Brand.JCB: {15, 16, 17, 18, 19}, Brand.UNIONPAY: {14, 15, 16, 17, 18, 19},
    Brand.MAESTRO: set(range(12, 20)), Brand.MIR: {16, 17, 18, 19}, Brand.RUPAY: {16},
    Brand.ELO: {16}, Brand.TROY: {16}, Brand.HIPERCARD: {16}, Brand.HIPER: {16},
    Brand.VERVE: {16, 18, 19}, Brand.NARANJA: {16}, Brand.UNKNOWN: set(range(12, 20)),
}  # fmt: skip


@pytest.mark.parametrize("brand", Brand, ids=str)
def test_a_brand_has_the_lengths_of_its_row(brand: Brand) -> None:
    assert rule(brand).lengths == LENGTHS[brand]
    assert rule(brand).brand is brand


def test_the_check_digit_is_required_but_where_the_row_says_no() -> None:
    assert {b for b in Brand if not rule(b).luhn} == {Brand.UNIONPAY, Brand.NARANJA}


def test_security_codes_have_three_digits_but_for_amex() -> None:
    four = {b for b in Brand if 4 in rule(b).security_code_lengths}
    assert four == {Brand.AMEX, Brand.UNKNOWN}
    assert rule(Brand.AMEX).security_code_lengths == {4}
    assert all(rule(b).security_code_lengths == {3} for b in set(Brand) - four)


def test_every_brand_has_one_row_and_the_table_says_where_it_is_from() -> None:
    names = [row["brand"] for row in TABLE["brands"]]
    assert sorted(names) == sorted(set(Brand) - {Brand.UNKNOWN})
    assert TABLE["version"] == TABLE_VERSION
    assert len(TABLE["source"]) > 1


def test_no_range_of_the_table_is_unreachable() -> None:
    """Somewhere in each range no longer prefix, and no equal one of an earlier row, wins."""
    ranges = [(parse_range(t), row["brand"]) for row in TABLE["brands"] for t in row["ranges"]]
    cuts = {r.first for r, _ in ranges} | {r.last + 1 for r, _ in ranges}
    unreachable = []
    for place, (span, brand) in enumerate(ranges):
        stronger = [
            other
            for rank, (other, _) in enumerate(ranges)
            if other.digits > span.digits or (other.digits == span.digits and rank < place)
        ]
        free = [
            cut
            for cut in cuts
            if span.first <= cut <= span.last
            and not any(other.first <= cut <= other.last for other in stronger)
        ]
        if not any(brand_of(f"{cut:08d}") == brand for cut in free):
            unreachable.append((brand, span.digits))
    assert unreachable == []


def test_verve_and_rupay_win_their_ties_with_maestro_by_standing_first() -> None:
    order = [row["brand"] for row in TABLE["brands"]]
    assert max(order.index("VERVE"), order.index("RUPAY")) < order.index("MAESTRO")
