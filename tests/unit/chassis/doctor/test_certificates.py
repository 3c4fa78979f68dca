"""Certificates past their date, of another authority, for another name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.doctor.certificates import certificate_findings
from chassis.doctor.finding import Finding
from chassis.pki import Leaf, ensure_pki
from chassis.tls import TlsFiles

NOW = datetime.now(UTC)


def ids(found: Collection[Finding]) -> set[str]:
    return {each.rule.id for each in found}


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return made(tmp_path)


def made(directory: Path) -> TlsFiles:
    leaves = (Leaf("server", server=True), Leaf("app"))
    ensure_pki(directory, leaves, trust_domain="demo", now=NOW)
    return TlsFiles(directory / "ca.pem", directory / "server.pem", directory / "server.key")


def test_good_ones_have_none(files: TlsFiles) -> None:
    assert certificate_findings(files, NOW) == []
    assert certificate_findings(files, NOW, hostname="localhost") == []


def test_dates(files: TlsFiles) -> None:
    whole = timedelta(days=400)
    assert ids(certificate_findings(files, NOW - whole)) == {"CERT_EXPIRED"}
    later = {
        day: ids(certificate_findings(files, NOW + timedelta(days=day))) for day in range(1, 400)
    }
    assert {"CERT_EXPIRES_SOON"} in later.values()
    soon = min(day for day, found in later.items() if found)
    gone = min(day for day, found in later.items() if "CERT_EXPIRED" in found)
    assert 0 < soon < gone


def test_another_authority(files: TlsFiles, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = made(tmp_path / "other")
    mixed = TlsFiles(other.ca, files.certificate, files.key)
    assert ids(certificate_findings(mixed, NOW)) == {"CERT_CHAIN"}


def test_names(files: TlsFiles, tmp_path: Path) -> None:
    assert ids(certificate_findings(files, NOW, hostname="vault.example")) == {"CERT_NAME"}
    client = TlsFiles(files.ca, tmp_path / "app.pem", tmp_path / "app.key")
    assert ids(certificate_findings(client, NOW)) == {"CERT_NAME"}
    assert certificate_findings(client, NOW, server=False) == []


def test_files_that_do_not_belong_together(files: TlsFiles, tmp_path: Path) -> None:
    wrong = TlsFiles(files.ca, files.certificate, tmp_path / "app.key")
    assert ids(certificate_findings(wrong, NOW)) == {"CERT_UNUSABLE"}
    files.key.chmod(0o644)
    assert ids(certificate_findings(files, NOW)) == {"FILE_OPEN_TO_OTHERS"}
