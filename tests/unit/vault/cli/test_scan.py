"""`cardvault scan`: what it prints, what it never prints, how it exits."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from cards.brands import Brand
from cards.testcards import test_pan
from vault.cli.scan import scan

NUMBERS = [test_pan(Brand.VISA, 1), test_pan(Brand.AMEX, 2)]


def _scan(*arguments: str, numbers: str | None = None) -> Result:
    return CliRunner().invoke(scan, arguments, input=numbers)


def _silent(result: Result) -> bool:
    """Tell whether no number was printed."""
    return not any(number in result.output for number in NUMBERS)


def test_nothing_found_exits_0(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    result = _scan(str(tmp_path), "--numbers-from", "-", numbers="\n".join(NUMBERS))
    assert result.exit_code == 0
    assert result.output == "scanned 1 files, 7 bytes: 0 card numbers found\n"


def test_found_exits_1_and_names_the_place_only(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("xx" + NUMBERS[1])
    result = _scan(str(tmp_path), "--numbers-from", "-", numbers="\n".join(NUMBERS))
    assert result.exit_code == 1
    assert f"a: offset 2: ascii: the number of line 2, ending {NUMBERS[1][-4:]}" in result.output
    assert _silent(result)


def test_without_numbers_any_card_number_is_found(tmp_path: Path) -> None:
    file = tmp_path / f"card-{NUMBERS[0]}"
    file.write_text(NUMBERS[1])
    result = _scan(str(tmp_path))
    assert result.exit_code == 1
    assert "offset 0: ascii: a card number" in result.output
    assert "in the name 5" in result.output
    assert _silent(result)


def test_json_has_an_object_a_line_and_totals(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(NUMBERS[0].encode("utf-16le"))
    result = _scan(str(tmp_path), "--json", "--numbers-from", "-", numbers=NUMBERS[0] + "\n")
    hit, totals = [json.loads(line) for line in result.output.splitlines()]
    assert (hit["encoding"], hit["line"], hit["offset"]) == ("utf-16le", 1, 0)
    assert totals == {"files": 1, "bytes": 32, "found": 1, "unreadable": 0, "skipped": 0}


def test_only_so_many_hits_are_shown(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n".join([NUMBERS[0]] * 9))
    result = _scan(str(tmp_path), "--max-hits", "2")
    assert result.output.count("offset") == 2
    assert "9 card numbers found (2 shown)" in result.output


def test_what_cannot_be_read_is_not_called_clean() -> None:
    # A regular file by its looks whose first byte can't be read, whoever asks.
    result = _scan("/proc/self/mem")
    assert (result.exit_code, "/proc/self/mem: can't be read" in result.output) == (1, True)


def test_an_unreadable_list_is_refused_without_quoting_it(tmp_path: Path) -> None:
    result = _scan(str(tmp_path), "--numbers-from", "-", numbers=f"{NUMBERS[0]}\n{NUMBERS[1]}x\n")
    assert result.exit_code == 2
    assert "line 2 is not 12 to 19 digits" in result.output
    assert _silent(result)
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff\xfe\xff")
    result = _scan(str(tmp_path), "--numbers-from", str(bad))
    assert (result.exit_code, "not text" in result.output) == (2, True)
