"""A command that can't become Envoy says why, and leaves nothing."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.envoy.launch import SIGNALS, NoEnvoy, become_envoy
from chassis.tls import TlsFiles
from chassis.transport import GrpcOptions

OPTIONS = GrpcOptions("127.0.0.1:0")


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have temporary directories made here; becoming anything fails."""

    def refuse(path: str, *_more: object) -> None:
        raise OSError(8, "Exec format error", path)

    # A short path: a socket's has an end.
    with tempfile.TemporaryDirectory(prefix="cv-") as directory:
        monkeypatch.setattr(tempfile, "tempdir", directory)
        monkeypatch.setattr(os, "execve", refuse)
        yield Path(directory)


def become(room: Path) -> None:
    files = TlsFiles(room / "ca.pem", room / "server.pem", room / "server.key")
    become_envoy("nobody:app", OPTIONS, files, {})


def test_a_missing_extra_is_a_sentence(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("envoy", "pyvoy._server"):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, missing, None)
            with pytest.raises(NoEnvoy, match=r"pip install .*\[envoy\]"):
                become(room)
    assert list(room.iterdir()) == []


def test_a_missing_library_is_a_sentence(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("find_libpython.candidate_paths", lambda: iter(["/none/libpython3.so"]))
    with pytest.raises(NoEnvoy, match="install libpython"):
        become(room)
    assert list(room.iterdir()) == []


def test_a_failed_exec_leaves_nothing_and_hears_signals_again(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    monkeypatch.setattr("pyvoy._server.get_envoy_environ", lambda: {"LD_PRELOAD": "/libpython"})
    with pytest.raises(OSError, match="Exec format error"):
        become(room)
    assert list(room.iterdir()) == []
    assert not SIGNALS & before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_too_long_a_path_is_a_sentence(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = room / ("d" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setattr("pyvoy._server.get_envoy_environ", lambda: {"LD_PRELOAD": "/libpython"})
    with pytest.raises(NoEnvoy, match="set TMPDIR"):
        become(room)
    assert list(deep.iterdir()) == []
