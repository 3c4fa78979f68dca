"""`cardvault audit`: exit statuses and files; the verification itself is tested beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest
from click.testing import CliRunner, Result

from tests.doubles.audit_database import KEY, save, write_history
from tests.doubles.vault_ports_audit import FakeAuditStore
from vault.adapters.local_kms import LocalKms
from vault.adapters.sqlite.open import open_sqlite
from vault.cli.audit import audit
from vault.cli.commands import cardvault
from vault.usecases.checkpointer import checkpoint_keys, public_pem
from vault.usecases.key_making import KeyMaker


@pytest.fixture
async def files(tmp_path: Path) -> tuple[Path, Path]:
    store = FakeAuditStore()
    await write_history(store)
    database, key = tmp_path / "vault.db", tmp_path / "key.pem"
    save(store, database)
    key.write_bytes(public_pem([KEY]))
    return database, key


def _audit(command: str, files: tuple[Path, Path], *more: str, key: bool = True) -> Result:
    database, pem = files
    arguments = [command, *more]
    if command != "check-proof":
        arguments += ["--database", str(database)]
    if key:
        arguments += ["--public-key", str(pem)]
    return CliRunner().invoke(audit, arguments)


def test_an_untouched_audit_is_intact(files: tuple[Path, Path]) -> None:
    result = _audit("verify", files)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("audit intact: ")
    assert "signed up to checkpoint" in result.output


def test_an_edited_record_is_named(files: tuple[Path, Path]) -> None:
    db = apsw.Connection(str(files[0]))
    db.execute(
        "UPDATE audit SET record = CAST(replace(CAST(record AS TEXT), '\"v\":1', '\"v\":2') AS "
        "BLOB) WHERE chain = 'chn_1' AND sequence = 9"
    )
    db.close()
    result = _audit("verify", files)
    assert result.exit_code == 1
    assert "EDITED: chain chn_1 record 9" in result.output
    assert "TAMPERED WITH" in result.output


def test_a_checkpoint_kept_elsewhere_shows_a_rollback(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    kept = tmp_path / "kept.json"
    exported = _audit("export-checkpoint", files, "--output", str(kept), key=False)
    assert exported.exit_code == 0
    assert _audit("verify", files, "--checkpoint", str(kept)).exit_code == 0
    db = apsw.Connection(str(files[0]))
    db.execute("DELETE FROM checkpoints WHERE number = (SELECT max(number) FROM checkpoints)")
    db.close()
    assert _audit("verify", files).exit_code == 0
    result = _audit("verify", files, "--checkpoint", str(kept))
    assert (result.exit_code, "ROLLED_BACK" in result.output) == (1, True)


def test_a_proof_stands_alone(files: tuple[Path, Path], tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    assert _audit("prove", files, "chn_1", "5", "--output", str(proof)).exit_code == 0
    result = _audit("check-proof", files, str(proof))
    assert result.exit_code == 0
    assert result.output.startswith("holds: record 5 of chn_1")
    forged = tmp_path / "forged.json"
    forged.write_text(proof.read_text().replace('"sequence": 5', '"sequence": 6'))
    assert _audit("check-proof", files, str(forged)).exit_code == 1
    assert _audit("prove", files, "chn_1", "999").exit_code == 1


@pytest.mark.parametrize("command", ["verify", "check-proof", "export-checkpoint"])
def test_files_that_cannot_be_used_end_with_2(
    files: tuple[Path, Path], tmp_path: Path, command: str
) -> None:
    bad = tmp_path / "bad"
    bad.write_text("no such thing")
    more = (str(bad),) if command == "check-proof" else ()
    result = _audit(command, (bad, files[1]), *more, key=command != "export-checkpoint")
    assert result.exit_code == 2, result.output
    if command != "export-checkpoint":
        more = (str(files[0]),) if command == "check-proof" else ()
        assert _audit(command, (files[0], bad), *more).exit_code == 2


def test_there_may_be_no_checkpoint_yet(files: tuple[Path, Path]) -> None:
    db = apsw.Connection(str(files[0]))
    db.execute("DELETE FROM checkpoints")
    db.close()
    result = _audit("export-checkpoint", files, key=False)
    assert (result.exit_code, "no checkpoint yet" in result.output) == (1, True)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a development site in the working directory."""
    root = Path(__file__).parents[4]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{root}:{root}/client")
    assert CliRunner().invoke(cardvault, ["init"]).exit_code == 0
    return tmp_path / ".cardvault"


def test_the_public_key_is_what_init_wrote(made: Path, tmp_path: Path) -> None:
    wanted = (made / "audit-public.pem").read_text()
    shown = CliRunner().invoke(cardvault, ["audit", "public-key"])
    assert (shown.exit_code, shown.output) == (0, wanted)
    file = tmp_path / "key.pem"
    done = CliRunner().invoke(cardvault, ["audit", "public-key", "--out", str(file)])
    assert (done.exit_code, file.read_text()) == (0, wanted)
    assert "PRIVATE" not in wanted


async def test_the_public_key_is_read_beside_a_vault_and_older_ones_are_told(made: Path) -> None:
    wanted = (made / "audit-public.pem").read_text()
    async with open_sqlite(made / "vault.db") as engine:
        (first,) = await engine.keys.data_keys("")
        db = apsw.Connection(str(made / "vault.db"))
        db.execute("UPDATE data_keys SET state = 'RETIRED'")
        db.close()
        kms = LocalKms.open(made / "local-kms.key")
        (second, _old) = await checkpoint_keys(KeyMaker(engine.keys, kms, lambda: first.created))
        done = await asyncio.to_thread(CliRunner().invoke, cardvault, ["audit", "public-key"])
    assert (done.exit_code, done.output) == (0, second.public_pem().decode() + wanted)


def test_no_public_key_is_no_file_and_no_new_key(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key.pem"
    command = ["audit", "public-key", "--out", str(file)]
    db = apsw.Connection(str(made / "vault.db"))
    db.execute("DELETE FROM data_keys")
    done = CliRunner().invoke(cardvault, command)
    assert (done.exit_code, "no checkpoint key yet" in done.output) == (1, True)
    assert db.execute("SELECT count(*) FROM data_keys").get == 0
    db.close()
    for url, said in (("memory:", "memory:"), (f"sqlite:///{tmp_path}/none.db", "no such")):
        monkeypatch.setenv("CARDVAULT_DATABASE_URL", url)
        done = CliRunner().invoke(cardvault, command)
        assert (done.exit_code, said in done.output) == (1, True), done.output
    assert not file.exists()
    assert not (tmp_path / "none.db").exists()
