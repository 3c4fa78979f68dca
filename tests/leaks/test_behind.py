"""Every port behind the ledger and beside the calls raises with a card number in hand.

At its first call of all, and at its first one while the number is in flight. Whatever comes of it,
an answer or the process's end: no log line, status, metric, span, event, record or file has any
part of it, nor has what is printed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from cards.brands import Brand
from cards.testcards import test_pan
from chassis import endings, logs
from tests.doubles.logged import logged
from tests.doubles.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.doubles.rpc_canary import Canaries
from tests.leaks.lives import PLACES, Life, Trap, config_in, live, set_trap, without_redis
from tests.leaks.port_methods import BEHIND, listed
from vault.config import VaultConfig

NUMBER: Final = test_pan(Brand.VISA, 9_753_111)
CANARIES: Final = Canaries((NUMBER,))
ONCE: Final = frozenset({"open_chains", "abandoned_chains", "chain_records"})
"""What a process asks when it starts, and never again on SQLite."""
LATER: Final = frozenset({"Keyring", "EventEncoder", "CardReader", "SealedViews"})
"""Ports that nothing asks before the first call is there."""
CASES: Final = [
    (*case, at)
    for case in listed(BEHIND)
    for at in ("first", "in flight")
    if (case[0] not in LATER if at == "first" else case[1] not in ONCE)
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the certificates of all lives."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    """Where the spans of all lives go."""
    with otlp_receiver() as running:
        yield running


def test_every_port_has_its_place() -> None:
    assert {port for port, _method in listed(BEHIND)} == set(PLACES)


@pytest.mark.parametrize(("port", "method", "at"), CASES, ids=lambda each: each)
async def test_a_port_that_raises_makes_no_number_known(
    port: str,
    method: str,
    at: str,
    site: Path,
    receiver: OtlpReceiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    config = config_in(site, tmp_path, receiver.endpoint)
    without_redis(monkeypatch)
    trap = Trap(NUMBER, armed=at == "first")
    with logged("vault", level="DEBUG") as log:
        if method == "chain_records":
            await _die(monkeypatch, config)
        set_trap(monkeypatch, port, method, trap)
        life = await live(config, NUMBER, trap)
    assert trap.sprung.is_set()
    told = log.getvalue()
    assert leaks(life, told, "".join(capfd.readouterr()), bytes(receiver.raw)) == []
    assert CANARIES.files_with(tmp_path) == []
    assert list(temporary.iterdir()) == []
    if port == "EventEncoder":  # one entry's own fault, as far as a flush can tell
        assert "INVALID_ARGUMENT" in life.codes
    else:
        assert '"error_type":"Broken"' in told or '"error_type":"ExceptionGroup"' in told


def leaks(life: Life, log: str, printed: str, spans: bytes) -> list[str]:
    """Name where the number is, of all that anybody can see of a life, but its files."""
    seen = {
        "log": log.encode(),
        "printed": printed.encode(),
        "answers": bytes(life.answers),
        "metrics": life.metrics,
        "spans": spans,
    }
    return [name for name, data in seen.items() if CANARIES.found_in(data)]


async def _die(patch: pytest.MonkeyPatch, config: VaultConfig) -> None:
    """Live without an orderly end, so that a chain is left open behind its last checkpoint."""
    with patch.context() as here:
        trap = Trap(NUMBER, armed=False, spare=1)
        set_trap(here, "Store", "write", trap)
        assert (await live(config, NUMBER, trap)).ended


async def test_a_log_with_an_exception_s_text_is_found(
    site: Path, receiver: OtlpReceiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the walls: a description that quotes, and nothing that takes digits out."""
    monkeypatch.setattr(endings, "describe", lambda error: {"problem": str(error)})
    monkeypatch.setattr(logs.Redact, "__call__", lambda _self, _log, _name, event: event)
    trap = Trap(NUMBER, armed=False)
    with logged("vault") as log:
        set_trap(monkeypatch, "Store", "write", trap)
        life = await live(config_in(site, tmp_path, receiver.endpoint), NUMBER, trap)
    assert leaks(life, log.getvalue(), "", b"") == ["log"]


def test_a_number_anywhere_is_found_and_its_place_named() -> None:
    number = NUMBER.encode()
    full = Life(answers=bytearray(number), metrics=b"x{y=" + number)
    named = ["log", "printed", "answers", "metrics", "spans"]
    assert leaks(full, f"a {NUMBER}", f"b {NUMBER}", number) == named
    assert leaks(Life(), "", "", b"") == []
