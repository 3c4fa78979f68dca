"""`serve`, `migrate` and `check-config`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from typing import Never

import click
import structlog

from chassis.clock import SystemClock
from chassis.endings import run_service, said, until_signalled
from chassis.envoy.launch import NoEnvoy, become_envoy
from chassis.logs import configure_logs
from chassis.metrics import ChassisMetrics
from chassis.policy import PolicyInvalid
from chassis.policy_file import PolicyFile
from chassis.runtime import forbid_core_dumps, path_flags
from chassis.tls import CertificateInvalid, ServerCertificates
from chassis.tracing.open import TracingInvalid
from chassis.workers.host import Alone, Host, open_worker
from chassis.workers.plan import Plan
from vault.adapters.kms.open import KmsInvalid, open_kms, probe
from vault.adapters.local_kms import LocalKeyInvalid, LocalKms
from vault.adapters.redis.open import RedisInvalid
from vault.adapters.redis.open import probe as probe_redis
from vault.adapters.sqlite.open import open_sqlite
from vault.cli.settings import load_config
from vault.config import VaultConfig
from vault.domain.reasons import VaultError
from vault.rpc.routes import VOCABULARY
from vault.usecases.ports import StoreBroken, StoreError
from vault.wiring import grpc_options, running_vault

_log = structlog.get_logger("vault")
STARTING = (
    PolicyInvalid,
    CertificateInvalid,
    TracingInvalid,
    LocalKeyInvalid,
    KmsInvalid,
    RedisInvalid,
    StoreError,
    VaultError,
    OSError,
)
"""What keeps a vault from starting; their texts name files and rules, never a value."""
BROKEN = 70  # EX_SOFTWARE of sysexits.h: a supervisor may start again, by hand is better


_TRANSPORT = click.Choice(["grpcio", "envoy"])


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), help="Processes on one port (PostgreSQL).")
@click.option("--transport", type=_TRANSPORT, help="What carries the calls.")
def serve(workers: int | None, transport: str | None) -> None:
    """Serve in the foreground until SIGTERM or SIGINT, then drain.

    With several workers, SIGHUP replaces them one after the other.
    """
    config = load_config(workers, transport)
    if config.workers > 1:
        become_supervisor(config)
    if config.transport == "envoy":
        _become_envoy(config)
    _serve(config, Alone(config.ops_listen))


@click.command("serve-worker", hidden=True)
@click.option("--control", type=int, required=True)
@click.option("--number", type=int, required=True)
@click.option("--transport", type=_TRANSPORT, required=True)
def serve_worker(control: int, number: int, transport: str) -> None:
    """Serve as one of a supervisor's workers; nobody else starts one."""
    config = load_config(transport=transport)
    if config.transport == "envoy":
        _become_envoy(config, control=control, number=number)
    host = open_worker(control, leave_s(config))
    with host.running():
        _serve(config, host, worker=number, retire=host.retire)


def _serve(
    config: VaultConfig,
    host: Host,
    *,
    worker: int | None = None,
    retire: Callable[[], None] | None = None,
) -> None:
    forbid_core_dumps()
    metrics = metrics_and_logs(config, worker)
    running = running_vault(config, metrics=metrics, host=host)
    raise SystemExit(exit_status(run_service(until_signalled(running, retire), STARTING)))


def metrics_and_logs(config: VaultConfig, worker: int | None) -> ChassisMetrics:
    """Make the process's metrics, and have it log."""
    metrics = ChassisMetrics()
    configure_logs(
        service="vault",
        level=config.log_level,
        worker=worker,
        on_dropped=metrics.log_dropped.inc,
        on_redacted=metrics.log_redacted.inc,
    )
    return metrics


def exit_status(failures: Sequence[Exception]) -> int:
    """Say what ended a vault, and return the process's exit status: 0 where nothing did."""
    broken = sorted({str(each) for each in failures if isinstance(each, StoreBroken)})
    if broken:
        # Nothing after a failed write, sync or checkpoint can be trusted: stop, and let the next
        # start recover from the log.
        _log.critical("the database failed: stopping", state="broken", problem="; ".join(broken))
        return BROKEN
    if failures:
        click.echo("Error: " + "; ".join(sorted(map(said, failures))), err=True)
        return 1
    return 0


def _become_envoy(
    config: VaultConfig, *, control: int | None = None, number: int | None = None
) -> Never:
    """Put Envoy in this process's place, with the vault inside (`vault.in_envoy`)."""
    options = grpc_options(config, reuse_port=control is not None)
    arguments = {"workers": config.workers, "control": control, "number": number}
    try:
        become_envoy("vault.in_envoy:guest", options, config.tls, arguments)
    except (NoEnvoy, OSError) as error:
        raise click.ClickException(said(error)) from None


def become_supervisor(config: VaultConfig) -> Never:
    """Put a supervisor in this process's place: it starts workers, and never loads gRPC itself."""
    python = (sys.executable, *path_flags())
    plan = Plan(
        service="vault",
        command=(*python, "-m", "vault", "serve-worker", "--transport", config.transport),
        workers=config.workers,
        addresses=(config.listen, config.health_listen),
        ops_listen=config.ops_listen,
        leave_s=leave_s(config),
        log_level=config.log_level,
    )
    os.execv(sys.executable, (*python, "-m", "chassis.workers", plan.to_json()))  # noqa: S606


def leave_s(config: VaultConfig) -> float:
    """Return how long a worker may take to leave: its two waits, and a little for the last flush.

    At most 29 seconds: Kubernetes kills everything after 30.
    """
    waits = config.endpoint_delay + config.drain_timeout
    return min(waits.total_seconds() + 5.0, 29.0)


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    config = load_config()
    path = config.sqlite_path
    if config.postgres is not None:
        # A production extra: an embedded vault needs neither driver nor Alembic.
        from vault.adapters.postgres.migrating import migrate as migrate_postgres  # noqa: PLC0415

        try:
            revision = asyncio.run(migrate_postgres(config.postgres.dsn))
        except StoreError as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"the database is at revision {revision}")
        return
    if path is None:
        click.echo("memory: there is nothing to migrate")
        return
    asyncio.run(_migrate(config))
    click.echo(f"{path} is at this version's schema")


async def _migrate(config: VaultConfig) -> None:
    assert config.sqlite_path is not None  # noqa: S101 - the caller has checked it
    async with open_sqlite(config.sqlite_path):
        return


@click.command("check-config")
@click.option("--workers", type=click.IntRange(1, 64), help="As of serve.")
def check_config(workers: int | None) -> None:
    """Check settings, policy, certificates and keys without serving; exit 1 names what is wrong."""
    config = load_config(workers=workers)
    problems = []
    try:
        loaded = PolicyFile(config.policy, VOCABULARY).policy
        click.echo(f"policy: {len(loaded.identities)} principals")
    except (PolicyInvalid, OSError) as error:
        problems.append(f"policy: {said(error)}")
    try:
        pair = ServerCertificates(config.tls).pair
        click.echo(f"certificate: valid until {pair.not_after:%Y-%m-%d %H:%M} UTC")
    except (CertificateInvalid, OSError) as error:
        problems.append(f"certificate: {said(error)}")
    try:
        click.echo(f"key: {asyncio.run(_probed(config))}")
    except (LocalKeyInvalid, KmsInvalid, VaultError, OSError) as error:
        problems.append(f"key: {said(error)}")
    try:
        if config.redis is not None:
            click.echo(f"redis: {asyncio.run(probe_redis(config.redis, SystemClock()))}")
    except (RedisInvalid, OSError) as error:
        problems.append(f"redis: {said(error)}")
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.exceptions.Exit(1)
    click.echo("the configuration can be served")


async def _probed(config: VaultConfig) -> str:
    """Wrap and unwrap a key, and say which key did it."""
    async with open_kms(config.kms) as kms:
        await probe(kms)
        if isinstance(kms, LocalKms):
            return "a local file, for development only"
        return f"{kms.kek} wraps and unwraps"
