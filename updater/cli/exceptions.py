"""`exceptions`: the queue of what waits for an operator, and what was done about it.

They are settled in the database, beside a running service: some belong to no tenant (a file that
answers no inquiry), and the API shows nobody those.
"""

import asyncio
import os
import pwd
import uuid
from collections.abc import Sequence
from typing import Any

import click
from cardvault.updater.v1 import feed_service_pb2 as pb

from cards.masking import holds_card_number
from chassis.clock import SystemClock
from updater.cli.options import AS_JSON, SOON_S
from updater.cli.service import Service, calls_service
from updater.cli.settings import load_config, told
from updater.cli.tables import exceptions_table, printed
from updater.cli.told_as_data import exception_data, message_data
from updater.config import UpdaterConfig
from updater.domain.errors import IncidentNotFound
from updater.domain.feed import ExceptionKind, Incident, IncidentState
from updater.stores import open_beside
from updater.usecases.ports_store import RequestMark

_MOST: int = 200
_REASON = click.option(
    "--reason", required=True, help="What was done, or why nothing: 1 to 200 characters."
)


@click.group(invoke_without_command=True)
@click.pass_context
def exceptions(ctx: click.Context) -> None:
    """List what waits for an operator, or settle it. Works beside a service."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_exceptions)


@exceptions.command("list")
@click.option("--kind", type=click.Choice([kind.value for kind in ExceptionKind]), multiple=True)
@click.option("--state", type=click.Choice([each.value for each in IncidentState]), multiple=True)
@click.option("--all", "everything", is_flag=True, help="Settled ones, too.")
@click.option("--channel", default="", help="Only those of this channel.")
@click.option("--tenant", default="", help="Only those of this tenant.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only those with a higher id.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@AS_JSON
def list_exceptions(
    *,
    kind: tuple[str, ...] = (),
    state: tuple[str, ...] = (),
    everything: bool = False,
    channel: str = "",
    tenant: str = "",
    after: int = 0,
    limit: int = 100,
    as_json: bool = False,
) -> None:
    """List exceptions, oldest first: the open ones, unless told otherwise."""
    states = [IncidentState(each) for each in state] or [IncidentState.OPEN]
    filters = {
        "tenant": tenant,
        "channel": channel,
        "states": () if everything else states,
        "kinds": [ExceptionKind(each) for each in kind],
    }
    with told():
        found = asyncio.run(_page(load_config(), filters, after, limit))
    printed(exceptions_table(found), [exception_data(each) for each in found], as_json=as_json)


@exceptions.command()
@click.argument("exception_id", type=click.IntRange(1, (1 << 63) - 1), metavar="ID")
@AS_JSON
def show(*, exception_id: int, as_json: bool) -> None:
    """Show one exception."""
    with told():
        found = asyncio.run(_one(load_config(), exception_id))
    printed(exceptions_table([found]), exception_data(found), as_json=as_json)


@exceptions.command()
@click.argument("exception_id", type=click.IntRange(1, (1 << 63) - 1), metavar="ID")
@AS_JSON
@calls_service
def card(service: Service, *, exception_id: int, as_json: bool) -> None:
    """Show the card that an exception is about, masked. Asks the running service."""
    request = pb.GetExceptionRequest(exception_id=str(exception_id))
    reply: Any = service.call("GetException", request, within_s=SOON_S)
    about = reply.exception
    if not about.HasField("card"):
        raise click.ClickException("it is about no card, or you or the updater may not see it")
    shown = f"{about.token}: {about.card.bin}****{about.card.last4}"
    printed(shown, message_data(about.card), as_json=as_json)


@exceptions.command()
@click.argument("exception_id", type=click.IntRange(1, (1 << 63) - 1), metavar="ID")
@_REASON
@AS_JSON
def resolve(*, exception_id: int, reason: str, as_json: bool) -> None:
    """Note that something was done about an exception."""
    _settled(exception_id, IncidentState.RESOLVED, reason, as_json=as_json)


@exceptions.command()
@click.argument("exception_id", type=click.IntRange(1, (1 << 63) - 1), metavar="ID")
@_REASON
@AS_JSON
def dismiss(*, exception_id: int, reason: str, as_json: bool) -> None:
    """Note that nothing has to be done about an exception."""
    _settled(exception_id, IncidentState.DISMISSED, reason, as_json=as_json)


def _settled(exception_id: int, state: IncidentState, reason: str, *, as_json: bool) -> None:
    if not 1 <= len(reason) <= _MOST or not reason.isprintable() or holds_card_number(reason):
        raise click.UsageError("--reason is 1 to 200 printable characters, and no card number")
    with told():
        settled = asyncio.run(_settle(load_config(), exception_id, state, reason))
    printed(exceptions_table([settled]), exception_data(settled), as_json=as_json)


async def _page(
    config: UpdaterConfig, filters: dict[str, Any], after: int, limit: int
) -> Sequence[Incident]:
    async with open_beside(config) as engine:
        return await engine.incidents.page(**filters, after=after, limit=limit)


async def _one(config: UpdaterConfig, exception_id: int) -> Incident:
    async with open_beside(config) as engine:
        found = await engine.incidents.get(exception_id)
        if found is None:
            raise IncidentNotFound("there is no such exception")
        return found


async def _settle(
    config: UpdaterConfig, exception_id: int, state: IncidentState, reason: str
) -> Incident:
    async with open_beside(config, writable=True) as engine:
        return await engine.incidents.settle(
            exception_id, state, reason, at=SystemClock().now_us(), mark=_mark()
        )


def _mark() -> RequestMark:
    """Return a mark that is used once: a command isn't repeated under the same id."""
    return RequestMark("", f"local:{_user()}", str(uuid.uuid4()), "")


def _user() -> str:
    """Return who gives the command; by number where the system has no name for it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
