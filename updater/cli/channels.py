"""`channels`: which there are, which rest and why; and an operator's pauses."""

import uuid
from typing import Any

import click
from cardvault.updater.v1 import updater_service_pb2 as pb

from updater.cli.options import AS_JSON, REASON, SOON_S
from updater.cli.service import Service, calls_service
from updater.cli.tables import channels_table, printed
from updater.cli.told_as_data import message_data


@click.group()
def channels() -> None:
    """List channels, let one rest, or let it go on: for one tenant, by the running service."""


@channels.command("list")
@AS_JSON
@calls_service
def list_channels(service: Service, *, as_json: bool) -> None:
    """List channels in the order in which they are asked."""
    reply: Any = service.call("ListChannels", pb.ListChannelsRequest(), within_s=SOON_S)
    data = [message_data(each) for each in reply.channels]
    printed(channels_table(reply.channels), data, as_json=as_json)


@channels.command()
@click.argument("channel")
@REASON
@AS_JSON
@calls_service
def pause(service: Service, *, channel: str, reason: str, as_json: bool) -> None:
    """Let a channel rest: nothing is asked, and answers that come in wait."""
    request = pb.PauseChannelRequest(request_id=_id(), channel=channel, reason=reason)
    reply: Any = service.call("PauseChannel", request, within_s=SOON_S)
    printed(channels_table([reply.channel]), message_data(reply.channel), as_json=as_json)


@channels.command()
@click.argument("channel")
@AS_JSON
@calls_service
def resume(service: Service, *, channel: str, as_json: bool) -> None:
    """Let a channel go on with what waits."""
    request = pb.ResumeChannelRequest(request_id=_id(), channel=channel)
    reply: Any = service.call("ResumeChannel", request, within_s=SOON_S)
    printed(channels_table([reply.channel]), message_data(reply.channel), as_json=as_json)


def _id() -> str:
    return str(uuid.uuid4())
