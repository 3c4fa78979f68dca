import json
from collections import Counter
from pathlib import Path

from tests.unit.simulator.exchange_site import Site, read_response, request_text
from tests.unit.simulator.test_cli import CARDS, THREE_DAYS, arguments, holds_no_number, invoke
from updater.simulator.formats import DEFAULT_FORMAT, FORMATS
from updater.simulator.ledger import IssuerLedger
from updater.simulator.script_file import read_script


def test_truth_prints_masked_json_lines() -> None:
    stdin = "".join(f"{card.reveal()}\n" for card in CARDS)
    result = invoke("truth", "--seed=7", "--numbers-from=-", stdin=stdin)
    assert result.exit_code == 0
    ledger = IssuerLedger(7)
    for card, line in zip(CARDS, result.output.splitlines(), strict=True):
        truth = ledger.truth(card)
        assert json.loads(line) == {
            "last4": card.last4,
            "outcome": truth.outcome.value,
            "new_last4": truth.new_pan.last4 if truth.new_pan else None,
        }
    assert holds_no_number(result.output)


def test_truth_takes_rates_from_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("rates: {CCH: 100}")
    result = invoke("truth", "--seed=7", f"--rates={script}", stdin=f"{CARDS[0].reveal()}\n")
    assert json.loads(result.output)["outcome"] == "CCH"
    script.write_text("rates: 1")
    assert invoke("truth", "--seed=7", f"--rates={script}", stdin="").exit_code == 1


def test_truth_names_the_line_of_what_is_no_number_and_does_not_quote_it() -> None:
    result = invoke("truth", "--seed=7", stdin=f"{CARDS[0].reveal()}\n{CARDS[1].reveal()}x\n")
    assert result.exit_code == 1
    assert "Error: line 2 is not a card number" in result.output
    assert holds_no_number(result.output)


def test_the_whole_truth_is_told_with_an_exchange(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(THREE_DAYS)
    site.send(request_text(CARDS[:50]))
    invoke(*arguments(site, "--once", f"--rates={script}"))
    stdin = "".join(f"{card.reveal()}\n" for card in CARDS)
    result = invoke("truth", *arguments(site, f"--rates={script}"), stdin=stdin)
    assert result.exit_code == 0
    told = [json.loads(line) for line in result.output.splitlines()]
    with site.simulator(script=read_script(script, FORMATS[DEFAULT_FORMAT])) as acquirer:
        truths = acquirer.truths(CARDS)
    assert [line["asked"] for line in told] == [True] * 50 + [False] * 10
    for card, line in zip(CARDS[:50], told, strict=False):
        found = truths[card]
        assert (line["last4"], line["final_last4"]) == (card.last4, found.final.last4)
        assert line["determined"] == found.determined
        assert line["status"] == found.status.value
        assert line["rows"] == dict(found.rows)
        assert line["chain"][0] == card.last4
        assert line["marks"] == sorted(found.marks)
    assert {line.get("determined") for line in told} == {True, False, None}
    assert holds_no_number(result.output)


def test_an_exchange_is_not_read_without_its_keys(site: Site) -> None:
    result = invoke("truth", "--seed=7", f"--exchange={site.exchange}", stdin="")
    assert result.exit_code == 2
    assert "--exchange goes with --keys" in result.output


def test_the_ledger_tells_what_was_sent(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(THREE_DAYS + "duplicate_files: 100\n")
    site.send(request_text(CARDS))
    site.drop(b"junk", batch="002")
    common = arguments(site, "--once", f"--rates={script}", "--now=2026-11-21T12:00:00Z")
    invoke(*common)
    invoke(*common, "--advance=9d")
    result = invoke("ledger", f"--exchange={site.exchange}")
    assert result.exit_code == 0
    *files, last = [json.loads(line) for line in result.output.splitlines()]
    answers = [file for file in files if file["what"] == "answer"]
    assert [file["number"] for file in answers] == [1, 2, 3]
    assert [file for file in files if file["what"] == "rejection"] == [
        {
            "request": "merchant1.002.au.request.pan.csv.pgp",
            "files": ["merchant1.002.au.reject.txt.pgp"],
            "what": "rejection",
            "reason": "UNREADABLE",
        }
    ]
    for file in answers:
        rows = read_response(site.open(file["files"][0]))
        assert file["codes"] == dict(Counter(row.code[0] for row in rows))
        assert file["records"] == len(rows) == sum(file["kinds"].values())
    totals = last["totals"]
    assert totals["files"] == {"answer": 3, "rejection": 1, "under a second name": 3}
    assert totals["records"] == sum(file["records"] for file in answers)
    assert totals["kinds"].keys() == {"answer", "duplicate", "contradiction"}
    assert holds_no_number(result.output)


def test_a_ledger_that_is_missing_or_damaged_is_refused(site: Site) -> None:
    command = ("ledger", f"--exchange={site.exchange}")
    assert invoke(*command).exit_code == 1
    journal = site.exchange / ".simulator" / "journal.jsonl"
    journal.parent.mkdir()
    journal.write_text('{"event": "delivered", "id": "x"}\n')
    assert invoke(*command).output == "Error: the journal is damaged\n"
    journal.write_text('{"event": "being wri')
    assert invoke(*command).exit_code == 0
