"""`serve`, `migrate` and `check-config`."""

import asyncio
from collections.abc import Callable
from functools import partial

import click

from chassis.endings import run_service, said, until_signalled
from chassis.logs import configure_logs
from chassis.metrics import ChassisMetrics
from chassis.policy import PolicyInvalid
from chassis.policy_file import PolicyFile
from chassis.runtime import forbid_core_dumps
from chassis.tls import CertificateInvalid, read_key_pair
from chassis.tracing.open import TracingInvalid
from updater.adapters.marks import load_marks
from updater.channel_settings import ChannelSettings
from updater.cli.settings import load_config, told
from updater.doctor.exchange import directory_trouble, keys_trouble
from updater.domain.errors import UpdaterError
from updater.rpc.calls import LOGGED
from updater.rpc.routes import VOCABULARY
from updater.stores import migrate as bring_up_to_date
from updater.wiring import running_updater

STARTING = (PolicyInvalid, CertificateInvalid, TracingInvalid, UpdaterError, OSError)
"""What keeps an updater from starting; their texts name files and rules, never a value."""


@click.command()
def serve() -> None:
    """Serve and work in the foreground until SIGTERM or SIGINT, then drain."""
    config = load_config()
    forbid_core_dumps()
    metrics = ChassisMetrics()
    configure_logs(
        service="updater",
        level=config.log_level,
        fields=LOGGED,
        on_dropped=metrics.log_dropped.inc,
        on_redacted=metrics.log_redacted.inc,
    )
    failures = run_service(until_signalled(running_updater(config, metrics=metrics)), STARTING)
    if failures:
        raise click.ClickException("; ".join(sorted(map(said, failures))))


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    config = load_config()
    with told():
        click.echo(asyncio.run(bring_up_to_date(config)))


@click.command("check-config")
def check_config() -> None:
    """Check settings, policy, certificates and keys without serving; exit 1 names what is wrong."""
    config = load_config()
    checks: list[tuple[str, Callable[[], object]]] = [
        ("policy", lambda: PolicyFile(config.policy, VOCABULARY)),
        ("certificate", lambda: read_key_pair(config.tls)),
        ("client certificate", lambda: read_key_pair(config.client_tls)),
        ("MAC key", lambda: load_marks(config.exchange_keys)),
        *(
            (_told(channel), partial(_check_channel, channel))
            for channel in config.channel_settings
        ),
    ]
    failed = False
    for name, check in checks:
        try:
            check()
        except (PolicyInvalid, CertificateInvalid, UpdaterError, OSError) as error:
            failed = True
            click.echo(f"{name}: {said(error)}", err=True)
        else:
            click.echo(f"{name}: good")
    if failed:
        raise click.exceptions.Exit(1)
    click.echo("the configuration can be served")


def _told(channel: ChannelSettings) -> str:
    """Return a channel's name, format and what else is special about it."""
    shadow = channel.shadow
    parts = [("tenants", len(shadow.tenants)), ("card ranges", len(shadow.bins))]
    shaded = ", ".join(f"{count} {what}" for what, count in parts if count)
    if shadow.everything:
        shaded = "everything"
    more = f"; in the shadow: {shaded}" if shaded else ""
    return f"channel {channel.name} ({channel.format}{more})"


def _check_channel(channel: ChannelSettings) -> None:
    """Raise what keeps a channel from working."""
    for trouble in (
        keys_trouble(channel.exchange_keys),
        directory_trouble(channel.exchange_directory),
    ):
        if trouble:
            raise UpdaterError(trouble)
