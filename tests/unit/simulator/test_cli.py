import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.simulator.exchange_site import Site, number, request_text
from tests.unit.simulator.requests import GP, MES, request
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


THREE_DAYS = "days: [60, 30, 10]\nduplicate_rows: 20\ncontradict: 5\nchains: 30\n"


def test_days_come_as_the_clock_is_put_forward(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(THREE_DAYS)
    site.send(request_text(CARDS))
    common = arguments(site, "--once", f"--rates={script}", "--now=2026-11-21T12:00:00Z")
    outputs = [invoke(*common, f"--advance={span}").output for span in ("0s", "12h", "1d", "2.5d")]
    assert [output.count("answered") - 1 for output in outputs] == [1, 0, 1, 1]
    assert "answered merchant1.001.au.request.pan.csv.pgp, file 3: " in outputs[3]
    assert len(site.arrived()) == 3
    assert all(holds_no_number(output) for output in outputs)


def test_each_look_may_take_days(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(THREE_DAYS)
    site.send(request_text(CARDS))
    common = arguments(site, f"--rates={script}", "--days-per-poll=1", "--poll-interval=0.05")
    command = [sys.executable, "-m", "updater.simulator", *common]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert eventually(site.inbox / site.response_name(mark=".3"), process)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert "answered=3" in output


@pytest.mark.parametrize("option", ["--now=today", "--advance=1", "--advance=-1d"])
def test_a_bad_time_is_refused_with_a_sentence(site: Site, option: str) -> None:
    result = invoke(*arguments(site, "--once", option))
    assert result.exit_code == 2
    assert "written as" in result.output or "a number and d, h, m or s" in result.output


@pytest.mark.parametrize("form", [GP, MES])
def test_the_other_formats_are_switched_on(tmp_path: Path, form: str) -> None:
    site = Site(tmp_path, form)
    site.send(request(form, CARDS))
    result = invoke(*arguments(site, "--once", f"--format={form}"))
    assert result.exit_code == 0
    assert "answered=1" in result.output
    assert len(site.arrived()) == 1
    # A simulator of another format does not look at these names.
    assert "answered=0" in invoke(*arguments(site, "--once")).output
    assert holds_no_number(result.output)


def test_a_script_is_refused_that_the_format_cannot_follow(site: Site, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("corrections: 5")
    result = invoke(*arguments(site, "--once", f"--rates={script}"))
    assert result.exit_code == 1
    assert result.output.startswith("Error: corrections: only gp-bigbatch-80")
