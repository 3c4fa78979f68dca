"""Calls of the running updater, as an operator: what decides goes over its API, never around it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
import grpc
from cardvault.updater.v1.feed_service_pb2_grpc import FeedServiceStub
from cardvault.updater.v1.updater_service_pb2_grpc import UpdaterServiceStub
from google.protobuf.message import Message

from chassis.address import split_address
from chassis.channel import open_channel, reason_in, status_of, tenant_metadata
from chassis.tls import TlsFiles
from updater.cli.settings import load_config, told
from updater.config import UpdaterConfig

P = ParamSpec("P")
T = TypeVar("T")
TRY_AGAIN: Final = 3
"""Exit code: the service is away, or ran out of time; the same command may be given again."""
_LATER: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_ANYWHERE: Final = frozenset({"0.0.0.0", "[::]", "::"})  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Service:
    """Where the updater is, and as whom and for which tenant it is called."""

    address: str
    files: TlsFiles
    tenant: str

    def call(self, method: str, request: Message, *, within_s: float) -> Any:
        """Call an RPC by its name and return the reply; tell a refusal and exit 1 or 3."""
        with told():
            return asyncio.run(self._call(method, request, within_s))

    async def _call(self, method: str, request: Message, within_s: float) -> Any:
        async with open_channel(self.address, self.files) as channel:
            for stub in (FeedServiceStub(channel), UpdaterServiceStub(channel)):
                if (rpc := getattr(stub, method, None)) is not None:
                    return await _answered(
                        rpc(request, timeout=within_s, metadata=tenant_metadata(self.tenant))
                    )
            raise AttributeError(method)


class _Later(click.ClickException):
    exit_code = TRY_AGAIN


def calls_service(command: Callable[Concatenate[Service, P], T]) -> Callable[P, T]:
    """Give a command the options that say how the service is called, and the service by them."""

    @click.option(
        "--as",
        "identity",
        default="operator",
        show_default=True,
        metavar="NAME",
        help="Certificate: NAME.pem and NAME.key beside the CA's, or a path without its ending.",
    )
    @click.option("--service", default="", metavar="HOST:PORT", help="Default: the setting LISTEN.")
    @click.option("--tenant", default="", help="Default: the only one that is configured.")
    @functools.wraps(command)
    def with_service(*args: P.args, **options: P.kwargs) -> T:
        named = {name: str(options.pop(name)) for name in ("identity", "service", "tenant")}
        return command(_service(load_config(), **named), *args, **options)

    return with_service


def tenant_of(config: UpdaterConfig, tenant: str) -> str:
    """Return the tenant that is named, or the only one; raises a usage error else."""
    if not tenant and len(config.tenants) == 1:
        return config.tenants[0]
    if tenant not in config.tenants:
        raise click.UsageError("--tenant must name one of the configured tenants")
    return tenant


def _service(config: UpdaterConfig, *, identity: str, service: str, tenant: str) -> Service:
    base = Path(identity) if "/" in identity else config.tls_ca.parent / identity
    files = TlsFiles(
        config.tls_ca, base.with_name(f"{base.name}.pem"), base.with_name(f"{base.name}.key")
    )
    return Service(service or _reached(config.listen), files, tenant_of(config, tenant))


def _reached(listen: str) -> str:
    """Return where a service is reached that listens here; everywhere is also here."""
    host, port = split_address(listen)
    return f"127.0.0.1:{port}" if host in _ANYWHERE else listen


async def _answered(call: Awaitable[Message]) -> Message:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise _refusal(error) from None


def _refusal(error: grpc.aio.AioRpcError) -> click.ClickException:
    """Return what to say of a failed call: the service's own words are fixed and quote nothing."""
    if error.code() in _LATER:
        return _Later("the updater does not answer, or not in time: give the command again")
    reason = reason_in(status_of(error)) or error.code().name
    return click.ClickException(f"{reason}: {error.details()}")
