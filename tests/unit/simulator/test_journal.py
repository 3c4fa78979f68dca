import json
from pathlib import Path

import pytest

from tests.unit.simulator.exchange_site import Site, number, request_text
from updater.simulator.errors import SimulatorError
from updater.simulator.exchange import Exchange
from updater.simulator.faults import Faults
from updater.simulator.journal import Journal

CARDS = [number(counter) for counter in range(5)]


class Crash(BaseException):
    """End a run as a killed process would: nothing catches it."""


def crash(*_: object) -> None:
    raise Crash


def journal_of(site: Site) -> Path:
    return site.exchange / ".simulator" / "journal.jsonl"


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (Exchange, "stage"),
        (Exchange, "_sync_inbox"),
        (Journal, "accept"),
        (Journal, "staged"),
        (Journal, "_append"),
        (Exchange, "release"),
        (Journal, "delivered"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_anywhere_leaves_exactly_one_answer_after_a_restart(
    site: Site, monkeypatch: pytest.MonkeyPatch, owner: type, method: str, when: str
) -> None:
    site.send(request_text(CARDS))
    original = getattr(owner, method)

    def die(*arguments: object, **named: object) -> None:
        if when == "after":
            original(*arguments, **named)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, die)
        with pytest.raises(Crash):
            site.run(faults=Faults(duplicate_file=True))
    taken = [name for name in site.arrived() if not name.startswith(".")]
    for name in taken:
        (site.inbox / name).unlink()  # the updater took it before the restart
    site.run(faults=Faults(duplicate_file=True))
    again = site.arrived()
    assert sorted(taken + again) == sorted([site.response_name(), site.response_name(mark=".dup")])
    assert site.run() == []
    assert site.arrived() == again


def test_recovery_says_how_many_answers_it_delivered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.send(request_text(CARDS))
    with monkeypatch.context() as patch:
        patch.setattr(Exchange, "release", crash)
        with pytest.raises(Crash):
            site.run()
    with site.simulator() as acquirer:
        assert acquirer.recover() == 1
        assert acquirer.recover() == 0
    assert len(site.response()) == len(CARDS)


def test_a_torn_last_line_is_cut_off_and_the_work_done_again(site: Site) -> None:
    site.send(request_text(CARDS))
    site.run()
    whole = journal_of(site).read_bytes()
    journal_of(site).write_bytes(whole + b'{"event": "sta')
    assert site.run() == []
    assert journal_of(site).read_bytes() == whole


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "{}",
        '{"event": "delivered", "id": "unknown", "slot": -1}',
        '{"event": "delivered", "id": "unknown", "slot": 0}',
        '{"event": "moved", "id": "x", "slot": -1, "parcels": [], "at": 1}',
        '{"event": "staged", "id": "x", "slot": -1, "parcels": "p", "at": 1}',
        '{"event": "staged", "id": "x", "slot": 0, "parcels": [], "at": 1}',
        '{"event": "accepted", "id": "x", "batch": ["m", "x"], "came": 1, "rules": "", "due": []}',
    ],
    ids=["text", "list", "empty", "never", "unknown", "event", "parcels", "slot", "batch"],
)
def test_a_damaged_line_stops_the_start(site: Site, line: str) -> None:
    site.run()
    journal_of(site).write_text(f"{line}\n")
    with pytest.raises(SimulatorError, match="the journal is damaged at line 1"):
        site.run()


def test_two_simulators_do_not_share_an_exchange(site: Site) -> None:
    with (
        site.simulator(),
        pytest.raises(SimulatorError, match="another simulator"),
        site.simulator(),
    ):
        pass
    assert site.run() == []  # the first one's lock went with it


def test_the_journal_holds_names_and_digests_only(site: Site) -> None:
    site.send(request_text(CARDS))
    site.run()
    records = [json.loads(line) for line in journal_of(site).read_text().splitlines()]
    assert [record["event"] for record in records] == ["accepted", "staged", "delivered"]
    assert set(records[0]) == {"event", "id", "batch", "came", "rules", "due"}
    assert set(records[1]) == {"event", "id", "slot", "parcels", "at", "sent"}
    leaked = any(card.reveal()[:12] in journal_of(site).read_text() for card in CARDS)
    assert not leaked
