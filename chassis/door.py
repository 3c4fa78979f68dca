"""What stands at a service's door: policy and certificate, watched and counted, and the guard."""

from pathlib import Path

from chassis.clock import Clock
from chassis.config import ServiceConfig
from chassis.guard import Guard, OnRefused, Translate
from chassis.limits import CallLimits, InFlight
from chassis.metrics import ChassisMetrics
from chassis.policy import Vocabulary
from chassis.policy_file import PolicyFile
from chassis.tls import ServerCertificates, TlsFiles
from chassis.validation import Validation


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


def open_guard(
    config: ServiceConfig,
    clock: Clock,
    metrics: ChassisMetrics,
    policy: PolicyFile,
    validation: Validation,
    *,
    translate: Translate,
    on_refused: OnRefused,
) -> Guard:
    """Make the guard that every method of a service is wrapped in."""
    return Guard(
        identify=policy.identify,
        validation=validation,
        clock=clock,
        metrics=metrics,
        translate=translate,
        on_refused=on_refused,
        limits=CallLimits(
            in_flight=config.max_in_flight,
            deadline=config.default_deadline,
            stream_deadline=config.stream_deadline,
        ),
        in_flight=InFlight(config.max_in_flight),
    )
