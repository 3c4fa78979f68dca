"""`feeds approve | reject | replay | revert`: an operator's decisions, made by the service."""

import uuid
from typing import Any

import click
from cardvault.updater.v1 import feed_service_pb2 as pb

from updater.cli.feed_tables import replayed_table, reverted_table
from updater.cli.options import AS_JSON, DRY_RUN, REASON, SOON_S, WITHIN
from updater.cli.service import Service, calls_service
from updater.cli.tables import printed
from updater.cli.told_as_data import message_data


@click.command()
@click.argument("file")
@REASON
@AS_JSON
@calls_service
def approve(service: Service, *, file: str, reason: str, as_json: bool) -> None:
    """Release a held file: its answers are applied when the service next looks."""
    request = pb.ApproveFeedFileRequest(request_id=_id(), feed_file_id=file, reason=reason)
    reply = service.call("ApproveFeedFile", request, within_s=SOON_S)
    printed(f"{file} is released", message_data(reply), as_json=as_json)


@click.command()
@click.argument("file")
@REASON
@AS_JSON
@calls_service
def reject(service: Service, *, file: str, reason: str, as_json: bool) -> None:
    """Refuse a held file, or give up on one that stands still: no more of it is applied."""
    request = pb.RejectFeedFileRequest(request_id=_id(), feed_file_id=file, reason=reason)
    reply: Any = service.call("RejectFeedFile", request, within_s=SOON_S)
    begun = reply.feed_file.state == pb.FEED_FILE_STATE_APPLIED
    became = "stays as far applied as it is" if begun else "is quarantined"
    printed(f"{file} {became}", message_data(reply), as_json=as_json)


@click.command()
@click.argument("file")
@REASON
@DRY_RUN
@WITHIN
@AS_JSON
@calls_service
def replay(
    service: Service, *, file: str, reason: str, dry_run: bool, within: float, as_json: bool
) -> None:
    """Bring an applied file's answers to the vault again; what was applied stays as it is."""
    request = pb.ReplayFeedFileRequest(
        request_id=_id(), feed_file_id=file, dry_run=dry_run, reason=reason
    )
    reply: Any = service.call("ReplayFeedFile", request, within_s=within)
    printed(replayed_table(reply, dry_run=dry_run), message_data(reply), as_json=as_json)


@click.command()
@click.argument("file")
@REASON
@DRY_RUN
@WITHIN
@AS_JSON
@calls_service
def revert(
    service: Service, *, file: str, reason: str, dry_run: bool, within: float, as_json: bool
) -> None:
    """Take an applied file back, except where something newer is known. Try --dry-run first."""
    request = pb.RevertFeedFileRequest(
        request_id=_id(), feed_file_id=file, dry_run=dry_run, reason=reason
    )
    reply: Any = service.call("RevertFeedFile", request, within_s=within)
    printed(reverted_table(reply, dry_run=dry_run), message_data(reply), as_json=as_json)


def _id() -> str:
    return str(uuid.uuid4())
