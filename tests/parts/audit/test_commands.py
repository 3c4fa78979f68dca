"""`cardvault audit` on PostgreSQL, and on a dump made from it; a vault's own audit, too."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import cast

import apsw
import pytest
from click.testing import CliRunner, Result

from tests.doubles import audit_tampering as tampering
from tests.doubles.audit_database import KEY
from tests.doubles.audit_postgres import statements
from tests.doubles.rpc_requests import tokenize
from tests.doubles.vault_site import new_pan, vault_site
from tests.parts.audit.conftest import as_auditor
from tests.parts.servers.postgres import PostgresServer, as_superuser
from vault.adapters.audit_verify.findings import Kind
from vault.adapters.audit_verify.verify import verify_audit
from vault.adapters.local_kms import LocalKms, make_local_key
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.cli.audit import audit
from vault.cli.commands import cardvault
from vault.crypto.checkpoints import PublicKeys
from vault.usecases.checkpointer import checkpoint_keys, public_pem
from vault.usecases.key_making import KeyMaker


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(public_pem([KEY]))
    return path


def run(command: str, source: object, *more: object) -> Result:
    arguments = [command, "--database", str(source), *map(str, more)]
    return CliRunner().invoke(audit, arguments)


@pytest.fixture
def dump(dsn: str, tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    done = run("export", as_auditor(dsn), "--output", path)
    assert done.exit_code == 0, done.output
    assert "3 chains, 324 records, 16 checkpoints" in done.output
    return path


def test_verify_prove_and_export(dsn: str, dump: Path, pem: Path, tmp_path: Path) -> None:
    assert dump.stat().st_mode & 0o777 == 0o600
    for number, source in enumerate((as_auditor(dsn), dump)):
        done = run("verify", source, "--public-key", pem)
        assert (done.exit_code, "audit intact: 324 records" in done.output) == (0, True)
        proof, kept = tmp_path / f"proof-{number}", tmp_path / f"kept-{number}"
        done = run("prove", source, "--public-key", pem, "--output", proof, "chn_1", 40)
        assert done.exit_code == 0, done.output
        done = CliRunner().invoke(audit, ["check-proof", str(proof), "--public-key", str(pem)])
        assert done.output.startswith("holds: record 40 of chn_1")
        assert run("export-checkpoint", source, "--output", kept).exit_code == 0
        assert run("verify", source, "--public-key", pem, "--checkpoint", kept).exit_code == 0
    assert (tmp_path / "proof-0").read_bytes() == (tmp_path / "proof-1").read_bytes()


def test_a_dump_shows_what_was_done_to_the_database(dsn: str, pem: Path, tmp_path: Path) -> None:
    with statements(dsn) as db:
        tampering.edit_record(cast("apsw.Connection", db), "chn_1", 9)
    path = tmp_path / "audit.jsonl"
    assert run("export", as_auditor(dsn), "--output", path).exit_code == 0
    done = run("verify", path, "--public-key", pem)
    assert (done.exit_code, "EDITED: chain chn_1 record 9" in done.output) == (1, True)


def test_a_dump_shows_what_was_done_to_it(dump: Path, pem: Path) -> None:
    lines = dump.read_text().splitlines()
    (gone,) = [
        number
        for number, line in enumerate(lines)
        if (fields := json.loads(line))["kind"] == "record"
        and (fields["chain"], fields["sequence"]) == ("chn_1", 50)
    ]
    less = lines[:gone] + lines[gone + 1 :]
    dump.write_text("\n".join(less) + "\n")
    done = run("verify", dump, "--public-key", pem)
    assert (done.exit_code, "counts other lines" in done.output) == (2, True)
    end = json.loads(less[-1])
    less[-1] = json.dumps({**end, "record": end["record"] - 1})
    dump.write_text("\n".join(less) + "\n")
    done = run("verify", dump, "--public-key", pem)
    assert (done.exit_code, "DROPPED: chain chn_1 record 50" in done.output) == (1, True)
    dump.write_text("\n".join(lines[:-5]) + "\n")
    done = run("verify", dump, "--public-key", pem)
    assert (done.exit_code, "cut short" in done.output) == (2, True)


def test_a_password_in_an_address_is_not_repeated(dsn: str, pem: Path) -> None:
    wrong = dsn.replace("postgres@", "nobody:hush@")
    for command in ("verify", "prove"):
        more = ("chn_1", 1) if command == "prove" else ()
        done = run(command, wrong, "--public-key", pem, *more)
        assert done.exit_code != 0
        assert "hush" not in done.output


async def test_two_vaults_at_once_and_a_third_after_them(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    dsn = await postgres.database()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    key = tmp_path / "one" / "local-kms.key"
    source = as_superuser(dsn)
    async with (
        vault_site(tmp_path / "one", database_url=dsn) as one,
        vault_site(tmp_path / "two", database_url=dsn, kms_key=f"local:{key}") as two,
    ):
        for site in (one, two, one, two):
            app = await site.client("app")
            for _call in range(5):
                await app.vault.Tokenize(tokenize(new_pan(), customer="c"))
            await asyncio.sleep(1.2)  # a checkpoint each
        keys = await public_keys(dsn, key)
        report = await asyncio.to_thread(verify_audit, source, keys)
        assert report.findings == []
        assert (report.chains, report.checkpoints >= 4) == (2, True)
    async with vault_site(tmp_path / "one", database_url=dsn):
        pass
    report = await asyncio.to_thread(verify_audit, source, keys)
    assert report.findings == []
    assert (report.chains, report.behind) == (3, 0)
    await asyncio.to_thread(reopen, source)
    kinds = [each.kind for each in (await asyncio.to_thread(verify_audit, source, keys)).findings]
    assert kinds == [Kind.FORK]


async def test_the_public_key_is_written_from_the_database_and_verifies_it(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = await postgres.database()
    pem, key = tmp_path / "key.pem", tmp_path / "local-kms.key"
    command = ["audit", "public-key", "--out", str(pem)]
    monkeypatch.setenv("CARDVAULT_DATABASE_URL", dsn)
    monkeypatch.setenv("CARDVAULT_KMS_KEY", f"local:{key}")
    make_local_key(key)
    none = await asyncio.to_thread(CliRunner().invoke, cardvault, command)
    assert (none.exit_code, "no checkpoint key yet" in none.output) == (1, True), none.output
    async with vault_site(tmp_path / "site", database_url=dsn, kms_key=f"local:{key}") as site:
        app = await site.client("app")
        await app.vault.Tokenize(tokenize(new_pan(), customer="c"))
        done = await asyncio.to_thread(CliRunner().invoke, cardvault, command)
        assert done.exit_code == 0, done.output
    done = await asyncio.to_thread(run, "verify", as_superuser(dsn), "--public-key", pem)
    assert (done.exit_code, "signed up to checkpoint" in done.output) == (0, True), done.output


async def public_keys(dsn: str, key: Path) -> PublicKeys:
    async with open_postgres(Address(dsn)) as engine:
        maker = KeyMaker(engine.keys, LocalKms.open(key), lambda: 0)
        return PublicKeys.from_pem(public_pem(await checkpoint_keys(maker)))


def reopen(dsn: str) -> None:
    with statements(dsn) as db:
        db.execute("UPDATE chains SET ended = false WHERE chain = (SELECT min(chain) FROM chains)")
