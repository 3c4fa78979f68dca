"""What stands at a service's door: its policy and its certificate, both watched and counted."""

from pathlib import Path

from chassis.metrics import ChassisMetrics
from chassis.policy import Vocabulary
from chassis.policy_file import PolicyFile
from chassis.tls import ServerCertificates, TlsFiles


def open_policy(path: Path, vocabulary: Vocabulary, metrics: ChassisMetrics) -> PolicyFile:
    """Load the policy and have its changes counted. Raises PolicyInvalid, OSError."""
    return PolicyFile(
        path,
        vocabulary,
        on_loaded=lambda loaded: metrics.policy_principals.set(len(loaded.identities)),
        on_failure=lambda _problem: metrics.policy_failures.inc(),
    )


def open_certificates(files: TlsFiles, metrics: ChassisMetrics) -> ServerCertificates:
    """Load the certificate and have its expiry shown. Raises CertificateInvalid, OSError."""
    return ServerCertificates(
        files,
        on_loaded=lambda pair: metrics.certificate_expiry.set(pair.not_after.timestamp()),
        on_failure=lambda _problem: metrics.certificate_failures.inc(),
    )
