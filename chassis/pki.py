"""Make a development CA and short-lived certificates, so that mTLS is on from the first call.

For development only: the CA's key lies beside the certificates. Production certificates come
from the platform (cert-manager, SPIRE) and are read by `chassis.tls` alone.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chassis.files import write_private, write_public

CA_LIFETIME: Final = timedelta(days=365)
LEAF_LIFETIME: Final = timedelta(days=30)
_SKEW: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leaf:
    """Describe a certificate: its SPIFFE name is spiffe://<trust domain>/<name>.

    A server's is also valid for `localhost`, 127.0.0.1 and ::1, and may act as a client.
    """

    name: str
    server: bool = False


class _Authority:
    __slots__ = ("certificate", "key")

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate: Final = certificate
        self.key: Final = key


def ensure_pki(
    directory: Path, leaves: tuple[Leaf, ...], *, trust_domain: str = "demo", now: datetime
) -> tuple[str, ...]:
    """Make or renew what is missing, damaged, or past two thirds of its life; idempotent.

    Writes `ca.pem`, `ca.key`, `<name>.pem`, `<name>.key` (keys 0600); returns the names written.
    A new CA makes every leaf new. `now` has a time zone.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    written: list[str] = []
    authority = _load_authority(directory, now)
    if authority is None:
        authority = _make_authority(directory, trust_domain, now)
        written.append("ca")
    for leaf in leaves:
        if not _leaf_stands(directory, leaf, authority, trust_domain, now):
            _make_leaf(directory, leaf, authority, trust_domain, now)
            written.append(leaf.name)
    return tuple(written)


def _load_authority(directory: Path, now: datetime) -> _Authority | None:
    loaded = _load(directory, "ca")
    if loaded is None or _past_two_thirds(loaded[0], now):
        return None
    return _Authority(*loaded)


def _load(directory: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """Return a certificate and its key if both are there and belong together."""
    try:
        certificate = x509.load_pem_x509_certificate((directory / f"{name}.pem").read_bytes())
        key = load_pem_private_key((directory / f"{name}.key").read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return (certificate, key) if certificate.public_key() == key.public_key() else None


def _past_two_thirds(certificate: x509.Certificate, now: datetime) -> bool:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now < start or now >= start + (end - start) * 2 / 3


def _leaf_stands(
    directory: Path, leaf: Leaf, authority: _Authority, trust_domain: str, now: datetime
) -> bool:
    loaded = _load(directory, leaf.name)
    if loaded is None or _past_two_thirds(loaded[0], now):
        return False
    try:
        loaded[0].verify_directly_issued_by(authority.certificate)
        names = loaded[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return list(names) == _names(leaf, trust_domain)


def _make_authority(directory: Path, trust_domain: str, now: datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject(f"Cardvault development CA ({trust_domain})")
    certificate = (
        _builder(name, name, key.public_key(), now, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _save(directory, "ca", certificate, key)
    return _Authority(certificate, key)


def _make_leaf(
    directory: Path, leaf: Leaf, authority: _Authority, trust_domain: str, now: datetime
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    if leaf.server:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
    issuer = authority.certificate.subject
    issuer_key = authority.key.public_key()
    certificate = (
        _builder(_subject(leaf.name), issuer, key.public_key(), now, LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(leaf, trust_domain)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    _save(directory, leaf.name, certificate, key)


def _names(leaf: Leaf, trust_domain: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(f"spiffe://{trust_domain}/{leaf.name}")
    ]
    if leaf.server:
        names.append(x509.DNSName("localhost"))
        names += [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    return names


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    start = now.astimezone(UTC) - _SKEW
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _save(
    directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(directory / f"{name}.key", pem)
    write_public(directory / f"{name}.pem", certificate.public_bytes(Encoding.PEM))
