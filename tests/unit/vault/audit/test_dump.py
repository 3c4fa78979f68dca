"""A dump of the audit: whole, it says what the database says; otherwise it is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.doubles.audit_database import KEYS, save, write_history
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.adapters.audit_verify.dump import write_dump
from vault.adapters.audit_verify.findings import Kind
from vault.adapters.audit_verify.opening import open_trail
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.audit_verify.verify import verify_audit


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    store = FakeAuditStore()
    await write_history(store, processes=2, rounds=2, batch=10, tail=3)
    save(store, tmp_path / "vault.db")
    return tmp_path / "vault.db"


@pytest.fixture
def lines(database: Path) -> list[str]:
    out = io.BytesIO()
    with open_trail(database) as trail:
        write_dump(trail, out)
    return out.getvalue().decode().splitlines()


def test_it_says_what_the_database_says(database: Path, lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text("\n".join(lines) + "\n")
    assert verify_audit(path, KEYS) == verify_audit(database, KEYS)
    assert verify_audit(path, KEYS).ok
    with open_trail(database) as one, open_trail(path) as other:
        assert list(one.checkpoints()) == list(other.checkpoints())
        assert list(one.records("chn_0")) == list(other.records("chn_0"))
        assert not other.shared


def test_an_edited_line_is_named(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    at = next(
        number
        for number, line in enumerate(lines)
        if '"record","chain":"chn_1","sequence":5' in line
    )
    path.write_text(
        "\n".join([*lines[:at], lines[at].replace('"time":', '"time":1'), *lines[at + 1 :]])
    )
    found = [each[:4] for each in verify_audit(path, KEYS).findings]
    assert found == [(Kind.EDITED, "chn_1", 5, 5)]


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda lines: lines[:-1], "cut short"),
        (lambda lines: lines[:-2] + lines[-1:], "counts other lines"),
        (lambda lines: lines[1:], "neither a vault"),
        (lambda _lines: [], "no line of a dump"),
        (lambda lines: [lines[0].replace("audit/1", "audit/2"), *lines[1:]], "neither a vault"),
        (lambda lines: [lines[0], "{}", *lines[1:]], "no known kind"),
        (lambda lines: [lines[0], "[", *lines[1:]], "no line of a dump"),
        (lambda lines: [lines[0], "[" * 100_000, *lines[1:]], "no line of a dump"),
        (lambda lines: [lines[0], lines[1].replace('"hash":"', '"hash":"*'), *lines[2:]], "base64"),
    ],
    ids=[
        *("without its end", "a line less", "without its start", "empty", "another format"),
        *("a line of nothing", "a line that is none", "a deep line", "bytes that are none"),
    ],
)
def test_what_is_no_dump_is_refused(
    lines: list[str], tmp_path: Path, edit: object, why: str
) -> None:
    assert callable(edit)
    path = tmp_path / "audit.jsonl"
    path.write_text("\n".join(edit(lines)))
    with pytest.raises(NotReadable, match=why):
        verify_audit(path, KEYS)


def test_values_of_other_types_are_tampering(lines: list[str], tmp_path: Path) -> None:
    at = next(number for number, line in enumerate(lines) if '"kind":"record"' in line)
    for value in (None, True, 1 << 80, "text", 1.5):
        fields = {**json.loads(lines[at]), "time": value}
        path = tmp_path / "audit.jsonl"
        path.write_text("\n".join([*lines[:at], json.dumps(fields), *lines[at + 1 :]]))
        assert not verify_audit(path, KEYS).ok
