"""Certificates: dates, chain, names, and the key's file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from chassis.doctor.disk import file_findings
from chassis.doctor.finding import Finding, Rule, Severity
from chassis.tls import CertificateInvalid, TlsFiles, read_key_pair

DOORS: Final = "3: nobody gets in where they don't belong"
UNUSABLE: Final = Rule(
    "CERT_UNUSABLE",
    Severity.BROKEN,
    "a PEM certificate, its key and its authority",
    DOORS + ": nobody gets in at all",
    "write the three files anew",
)
EXPIRED: Final = Rule(
    "CERT_EXPIRED",
    Severity.BROKEN,
    "valid now",
    DOORS + ": nobody gets in at all",
    "renew it; files are taken up within a second",
)
SOON: Final = Rule(
    "CERT_EXPIRES_SOON",
    Severity.RISK,
    "valid for more than a third of its life, or 30 days",
    "none yet",
    "renew it, and let something renew it from now on",
)
CHAIN: Final = Rule(
    "CERT_CHAIN",
    Severity.RISK,
    "issued by an authority of the CA file",
    DOORS + ": peers that trust this CA file will refuse it",
    "issue it from that authority, intermediates behind it in the same file",
)
NAME: Final = Rule(
    "CERT_NAME",
    Severity.RISK,
    "a DNS name or IP address in it, the one that clients call",
    DOORS + ": clients will refuse it, or be told not to look",
    "issue it with the service's names as subjectAltName",
)
RULES: Final = (UNUSABLE, EXPIRED, SOON, CHAIN, NAME)
_ENOUGH: Final = timedelta(days=30)
_LONGEST_CHAIN: Final = 8


def certificate_findings(
    files: TlsFiles, now: datetime | None = None, *, server: bool = True, hostname: str = ""
) -> list[Finding]:
    """Judge one end's certificate; `hostname` is what clients call it, where that is known."""
    now = now or datetime.now(UTC)
    try:
        pair = read_key_pair(files)
    except CertificateInvalid as error:
        return [UNUSABLE.found(f"{files.certificate}: {error}")]
    authorities = x509.load_pem_x509_certificates(pair.ca)
    leaf, *between = x509.load_pem_x509_certificates(pair.certificate)
    where = str(files.certificate)
    found = [*_dates(leaf, now, where), *file_findings([files.key])]
    if any(authority.not_valid_after_utc <= now for authority in authorities):
        found.append(EXPIRED.found(f"{files.ca}: an authority in it is past its date"))
    if not _issued(leaf, between, authorities):
        found.append(CHAIN.found(f"{where} leads to none of {files.ca}"))
    if server:
        found += _names(leaf, where, hostname)
    return found


def _dates(leaf: x509.Certificate, now: datetime, where: str) -> list[Finding]:
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not start <= now < end:
        return [
            EXPIRED.found(f"{where} is valid {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
        ]
    if end - now < min(_ENOUGH, (end - start) / 3):
        return [SOON.found(f"{where} ends {end:%Y-%m-%d %H:%M} UTC")]
    return []


def _issued(
    leaf: x509.Certificate, between: list[x509.Certificate], authorities: list[x509.Certificate]
) -> bool:
    at = leaf
    for _step in range(_LONGEST_CHAIN):
        if any(_by(at, authority) for authority in authorities):
            return True
        above = [each for each in between if each is not at and _by(at, each)]
        if not above:
            return False
        at = above[0]
    return False


def _by(issued: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(leaf: x509.Certificate, where: str, hostname: str) -> list[Finding]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return [NAME.found(f"{where} names nothing")]
    hosts = [each.lower() for each in names.get_values_for_type(x509.DNSName)]
    hosts += map(str, names.get_values_for_type(x509.IPAddress))
    if not hosts:
        return [NAME.found(f"{where} has no DNS name or address")]
    wanted = hostname.lower()
    star = "*." + wanted.partition(".")[2]
    if wanted and wanted not in hosts and star not in hosts:
        return [NAME.found(f"{where} is for {', '.join(hosts)}, not for {wanted}")]
    return []
