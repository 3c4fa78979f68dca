import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.simulator.exchange_site import Site, number, request_text
from updater.simulator.cli import main
from updater.simulator.ledger import IssuerLedger

CARDS = [number(counter) for counter in range(60)]


def arguments(site: Site, *more: str) -> list[str]:
    return [
        f"--exchange={site.exchange}",
        f"--keys={site.keys}",
        f"--simulator-keys={site.simulator_keys}",
        "--seed=7",
        *more,
    ]


def invoke(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, list(args), input=stdin)


def holds_no_number(text: str) -> bool:
    ledger = IssuerLedger(7)
    cards = {*CARDS, *(ledger.truth(card).new_pan for card in CARDS)} - {None}
    return not any(card is not None and card.reveal()[:12] in text for card in cards)


def test_once_answers_what_is_there_and_prints_counts(site: Site) -> None:
    site.send(request_text(CARDS))
    site.drop(b"junk", batch="002")
    result = invoke("simulate", *arguments(site, "--once"))
    first, second, total = result.output.splitlines()
    assert result.exit_code == 0
    assert first.startswith("answered merchant1.001.au.request.pan.csv.pgp: ACL=")
    assert second == "rejected merchant1.002.au.request.pan.csv.pgp: UNREADABLE line=0"
    assert total == "simulator: recovered=0 answered=1 rejected=1 records=60"
    assert len(site.response()) == 60
    assert holds_no_number(result.output)


def test_once_with_nothing_to_do_is_a_success_and_simulate_is_the_default(site: Site) -> None:
    result = invoke(*arguments(site, "--once"))
    assert result.exit_code == 0
    assert result.output == "simulator: recovered=0 answered=0 rejected=0 records=0\n"


def test_rates_and_faults_reach_the_run(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("rates: {ACL: 100}")
    site.send(request_text(CARDS))
    result = invoke(*arguments(site, "--once", f"--rates={script}", "--wrong-count"))
    assert "ACL=60" in result.output
    assert site.open(site.response_name()).endswith(b"\nF,61\n")


@pytest.mark.parametrize(
    "switch",
    [
        "--truncate",
        "--cut-ciphertext",
        "--wrong-direction",
        "--wrong-key",
        "--wrong-signer",
        "--reorder",
        "--many-to-one",
        "--duplicate-file",
        "--conflicting-file",
        "--slow-write=0.05",
    ],
)
def test_every_fault_switch_runs(site: Site, switch: str) -> None:
    site.send(request_text(CARDS))
    result = invoke(*arguments(site, "--once", switch))
    assert result.exit_code == 0
    assert site.response_name() in site.arrived()
    assert holds_no_number(result.output)


@pytest.mark.parametrize("spoiled", ["inbox", "key", "script"])
def test_a_start_that_fails_exits_1_and_says_why(site: Site, tmp_path: Path, spoiled: str) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("rates: {}" if spoiled == "script" else "{}")
    if spoiled == "inbox":
        site.inbox.rmdir()
    if spoiled == "key":
        (site.simulator_keys / "acquirer.tsk").write_bytes(b"")
    result = invoke(*arguments(site, "--once", f"--rates={script}"))
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output


def test_a_disk_error_exits_1_without_a_path_or_content(site: Site) -> None:
    site.send(request_text(CARDS))
    (site.inbox / f".{site.response_name()}.part").mkdir()
    result = invoke(*arguments(site, "--once"))
    assert (result.exit_code, result.output) == (1, "Error: the exchange failed: Is a directory\n")


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


def eventually(path: Path, process: "subprocess.Popen[str]") -> bool:
    deadline = time.monotonic() + 20
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()


@pytest.mark.parametrize("number_of", [signal.SIGTERM, signal.SIGINT])
def test_a_real_process_polls_until_it_is_told_to_stop(site: Site, number_of: int) -> None:
    command = [sys.executable, "-m", "updater.simulator", *arguments(site, "--poll-interval=0.05")]
    site.send(request_text(CARDS))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert eventually(site.inbox / site.response_name(), process)
            site.send(request_text(CARDS, batch="002"), batch="002")
            assert eventually(site.inbox / site.response_name("002"), process)
            process.send_signal(number_of)
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert output.endswith("simulator: recovered=0 answered=2 rejected=0 records=120\n")
    assert holds_no_number(output)
