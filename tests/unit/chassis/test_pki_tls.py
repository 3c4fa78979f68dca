"""Certificates: made once, renewed in time, taken up while serving."""

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chassis.files import write_private, write_public
from chassis.pki import CA_LIFETIME, LEAF_LIFETIME, Leaf, ensure_pki
from chassis.tls import (
    CertificateInvalid,
    KeyPair,
    ServerCertificates,
    TlsFiles,
    channel_credentials,
    read_key_pair,
)
from tests.doubles.chassis_certs import client_files
from tests.doubles.clocks import FakeClock

NOW = datetime(2026, 11, 21, tzinfo=UTC)
LEAVES = (Leaf("server", server=True), Leaf("app"))


def certificate(directory: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory / f"{name}.pem").read_bytes())


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    directory = tmp_path / "deep" / "pki"
    assert ensure_pki(directory, LEAVES, now=NOW) == ("ca", "server", "app")
    return directory


def test_names_and_uses(pki: Path) -> None:
    app, server = certificate(pki, "app"), certificate(pki, "server")
    names = app.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://demo/app")]
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    usage = app.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    constraints = app.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca
    app.verify_directly_issued_by(certificate(pki, "ca"))


def test_keys_are_private_and_nothing_else_is_left(pki: Path) -> None:
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in pki.iterdir()}
    assert modes == {
        **dict.fromkeys(("ca.key", "server.key", "app.key"), 0o600),
        **dict.fromkeys(("ca.pem", "server.pem", "app.pem"), 0o644),
    }


def test_a_second_run_changes_nothing(pki: Path) -> None:
    before = {p.name: p.read_bytes() for p in pki.iterdir()}
    assert ensure_pki(pki, LEAVES, now=NOW + timedelta(days=19)) == ()
    same = before == {p.name: p.read_bytes() for p in pki.iterdir()}
    assert same


def test_leaves_are_renewed_after_two_thirds(pki: Path) -> None:
    assert ensure_pki(pki, LEAVES, now=NOW + LEAF_LIFETIME * 2 / 3) == ("server", "app")
    assert certificate(pki, "app").not_valid_after_utc > NOW + timedelta(days=45)


def test_a_new_ca_makes_every_leaf_new(pki: Path) -> None:
    assert ensure_pki(pki, LEAVES, now=NOW + CA_LIFETIME * 2 / 3) == ("ca", "server", "app")
    certificate(pki, "app").verify_directly_issued_by(certificate(pki, "ca"))


def test_a_clock_before_the_certificates_makes_new_ones(pki: Path) -> None:
    assert "ca" in ensure_pki(pki, LEAVES, now=NOW - timedelta(days=2))


Damage = Callable[[Path], object]
DAMAGES: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "key gone": (lambda d: (d / "app.key").unlink(), ("app",)),
    "certificate gone": (lambda d: (d / "app.pem").unlink(), ("app",)),
    "key damaged": (lambda d: (d / "app.key").write_text("x"), ("app",)),
    "keys swapped": (lambda d: (d / "app.key").write_bytes((d / "ca.key").read_bytes()), ("app",)),
    "ca gone": (lambda d: (d / "ca.key").unlink(), ("ca", "server", "app")),
    "a foreign leaf": (
        lambda d: [
            ensure_pki(d / "other", LEAVES, now=NOW),
            *((d / "other" / f"app.{e}").replace(d / f"app.{e}") for e in ("pem", "key")),
        ],
        ("app",),
    ),
    "another server": (
        lambda d: [(d / f"server.{e}").replace(d / f"app.{e}") for e in ("pem", "key")],
        ("server", "app"),
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_what_is_damaged_is_made_again(pki: Path, case: str) -> None:
    damage, renewed = DAMAGES[case]
    damage(pki)
    assert ensure_pki(pki, LEAVES, now=NOW) == renewed
    assert ensure_pki(pki, LEAVES, now=NOW) == ()


def test_a_pair_is_read_whole(pki: Path) -> None:
    pair = read_key_pair(client_files(pki, "app"))
    assert pair.not_after == certificate(pki, "app").not_valid_after_utc
    assert repr(pair) == "<KeyPair until 2026-12-20>"
    assert channel_credentials(client_files(pki, "app")) is not None


def files_with(pki: Path, **other: str) -> TlsFiles:
    names = {"ca": "ca.pem", "certificate": "app.pem", "key": "app.key"} | other
    return TlsFiles(pki / names["ca"], pki / names["certificate"], pki / names["key"])


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"key": "server.key"}, "does not belong"),
        ({"key": "app.pem"}, "not PEM of the kind"),
        ({"certificate": "app.key"}, "not PEM of the kind"),
        ({"ca": "app.key"}, "not PEM of the kind"),
        ({"ca": "none.pem"}, "can't be read"),
        ({"ca": "huge.pem"}, "larger than 1 MiB"),
    ],
    ids=["other key", "no key", "no certificate", "no ca", "missing", "huge"],
)
def test_files_that_do_not_fit_are_refused(pki: Path, other: dict[str, str], problem: str) -> None:
    (pki / "huge.pem").write_bytes(b"x" * ((1 << 20) + 1))
    with pytest.raises(CertificateInvalid, match=problem):
        read_key_pair(files_with(pki, **other))


@pytest.fixture
def failures() -> list[str]:
    return []


def reader(pki: Path, clock: FakeClock, failures: list[str]) -> ServerCertificates:
    return ServerCertificates(
        client_files(pki, "server"), on_failure=failures.append, monotonic=clock.monotonic
    )


def test_a_renewed_pair_is_taken_up_within_a_second(pki: Path, failures: list[str]) -> None:
    clock = FakeClock()
    certificates = reader(pki, clock, failures)
    first = certificates.pair
    ensure_pki(pki, LEAVES, now=NOW + timedelta(days=25))
    assert certificates.renewed() is None  # looked at less than a second ago
    clock.advance(1.0)
    renewed = certificates.renewed()
    assert isinstance(renewed, KeyPair)
    assert renewed.not_after > first.not_after
    assert certificates.pair is renewed
    clock.advance(1.0)
    assert certificates.renewed() is None
    assert certificates.credentials() is not None
    assert failures == []


def test_half_a_renewal_keeps_the_old_pair_until_it_is_whole(
    pki: Path, failures: list[str]
) -> None:
    clock = FakeClock()
    certificates = reader(pki, clock, failures)
    first = certificates.pair
    key = (pki / "server.key").read_bytes()
    ensure_pki(pki, LEAVES, now=NOW + timedelta(days=25))
    new_key = (pki / "server.key").read_bytes()
    (pki / "server.key").write_bytes(key)
    clock.advance(1.0)
    assert certificates.renewed() is None
    assert certificates.pair is first
    assert failures == ["the TLS key does not belong to the certificate"]
    (pki / "server.key").unlink()
    clock.advance(1.0)
    assert certificates.renewed() is None
    assert len(failures) == 2
    (pki / "server.key").write_bytes(new_key)
    clock.advance(1.0)
    assert certificates.renewed() is not None


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_public(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208 - names


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "x", b"two")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
