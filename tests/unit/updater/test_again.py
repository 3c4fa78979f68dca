"""A file replayed and taken back, over the wire and with the real vault."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from cardvault.updater.v1 import feed_service_pb2 as f
from cardvault.updater.v1 import updater_service_pb2 as u
from cardvault.vault.v1 import update_pb2
from structlog.testing import capture_logs

from tests.doubles.updater_requests import kept_file
from tests.doubles.updater_site import CHANNEL, DEADLINE, Site, reason, rid, updater_site
from updater.domain.feed import FeedState

CHANNELS = """\
channels:
  - name: cybersource-au-csv
    format: cybersource-au-csv
    exchange_directory: {root}/exchange
    shadow: {{everything: {shadow}}}
"""
APPLIED = (update_pb2.UPDATE_OUTCOME_PAN_UPDATED, update_pb2.DISPOSITION_APPLIED)
DUPLICATE = (update_pb2.UPDATE_OUTCOME_PAN_UPDATED, update_pb2.DISPOSITION_DUPLICATE)


def channels(root: Path, *, shadow: bool) -> Path:
    path = root / "channels.yaml"
    path.write_text(CHANNELS.format(root=root, shadow=str(shadow).lower()))
    return path


def counts(message: Any) -> list[tuple[int, int, bool, int]]:
    return [(each.outcome, each.disposition, each.shadow, each.count) for each in message.counts]


def replay(feed_id: str, **fields: Any) -> f.ReplayFeedFileRequest:
    values = {"request_id": rid(), "feed_file_id": feed_id, "reason": "again"}
    return f.ReplayFeedFileRequest(**{**values, **fields})


def revert(feed_id: str, **fields: Any) -> f.RevertFeedFileRequest:
    values = {"request_id": rid(), "feed_file_id": feed_id, "reason": "a wrong file"}
    return f.RevertFeedFileRequest(**{**values, **fields})


async def version(site: Site, token: str) -> int:
    return int((await site.revealed(token)).masked.credential_version)


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason(error.value)


async def test_what_was_in_the_shadow_is_applied_by_a_replay_out_of_it(tmp_path: Path) -> None:
    async with updater_site(tmp_path, channels=channels(tmp_path, shadow=True)) as site:
        token = await site.card("shop")
        await site.asked()
        file = await site.fed()
        assert counts(file) == [(*APPLIED, True, 1)]
        updater, feeds = await site.stubs("operator")
        listed: Any = await updater.ListChannels(u.ListChannelsRequest(), timeout=DEADLINE)
        assert [each.shadow for each in listed.channels] == [True]
        still: Any = await feeds.ReplayFeedFile(replay(file.feed_file_id), timeout=DEADLINE)
        assert counts(still) == [(*APPLIED, True, 1)]
        assert await version(site, token) == 1
    async with updater_site(tmp_path, channels=channels(tmp_path, shadow=False)) as site:
        _, feeds = await site.stubs("operator")
        trial: Any = await feeds.ReplayFeedFile(
            replay(file.feed_file_id, dry_run=True), timeout=DEADLINE
        )
        assert counts(trial) == [(*APPLIED, False, 1)]
        assert await version(site, token) == 1
        assert counts(trial.feed_file) == [(*APPLIED, True, 1)]
        done: Any = await feeds.ReplayFeedFile(replay(file.feed_file_id), timeout=DEADLINE)
        assert counts(done) == [(*APPLIED, False, 1)]
        assert await version(site, token) == 2
        get = f.GetFeedFileRequest(feed_file_id=file.feed_file_id)
        kept: Any = (await feeds.GetFeedFile(get, timeout=DEADLINE)).feed_file
        assert counts(kept) == [(*APPLIED, False, 1)]
        again: Any = await feeds.ReplayFeedFile(replay(file.feed_file_id), timeout=DEADLINE)
        assert counts(again) == [(*DUPLICATE, False, 1)]
        kept = (await feeds.GetFeedFile(get, timeout=DEADLINE)).feed_file
        assert counts(kept) == [(*APPLIED, False, 1)]
        assert await version(site, token) == 2


async def test_a_replay_needs_the_bytes_and_a_channel_that_works(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        await site.card("shop")
        await site.asked()
        feed_id = (await site.fed()).feed_file_id
        updater, feeds = await site.stubs("operator")
        request = replay(feed_id)
        await feeds.ReplayFeedFile(request, timeout=DEADLINE)
        reused = replay(feed_id, request_id=request.request_id, dry_run=True)
        assert await refused(feeds.ReplayFeedFile(reused, timeout=DEADLINE)) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_ID_REUSED",
        )
        pause = u.PauseChannelRequest(request_id=rid(), channel=CHANNEL, reason="rest")
        await updater.PauseChannel(pause, timeout=DEADLINE)
        state = (grpc.StatusCode.FAILED_PRECONDITION, "FEED_FILE_STATE")
        assert await refused(feeds.ReplayFeedFile(replay(feed_id), timeout=DEADLINE)) == state
        await feeds.ReplayFeedFile(replay(feed_id, dry_run=True), timeout=DEADLINE)
        held = await kept_file(site, FeedState.HELD)
        assert await refused(feeds.ReplayFeedFile(replay(held), timeout=DEADLINE)) == state
        gone = (grpc.StatusCode.FAILED_PRECONDITION, "FEED_FILE_GONE")
        (shelved,) = (tmp_path / "exchange" / "done").iterdir()
        (asked,) = site.acquirer.asked  # another good file that came under the same name
        another = site.acquirer.plain(asked, site.acquirer.respond(asked))
        shelved.write_bytes(site.acquirer.seal(another))
        trial = replay(feed_id, dry_run=True)
        assert await refused(feeds.ReplayFeedFile(trial, timeout=DEADLINE)) == gone
        shelved.unlink()
        trial = replay(feed_id, dry_run=True)
        assert await refused(feeds.ReplayFeedFile(trial, timeout=DEADLINE)) == gone


async def test_a_file_is_taken_back_after_a_trial_and_once(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        token = await site.card("shop")
        await site.asked()
        feed_id = (await site.fed()).feed_file_id
        assert await version(site, token) == 2
        _, feeds = await site.stubs("operator")
        trial: Any = await feeds.RevertFeedFile(revert(feed_id, dry_run=True), timeout=DEADLINE)
        assert [(each.undone, each.count) for each in trial.counts] == [(f.UNDONE_REVERTED, 1)]
        assert trial.feed_file.state == f.FEED_FILE_STATE_APPLIED
        assert await version(site, token) == 2
        request = revert(feed_id)
        done: Any = await feeds.RevertFeedFile(request, timeout=DEADLINE)
        assert [(each.undone, each.count) for each in done.counts] == [(f.UNDONE_REVERTED, 1)]
        assert done.feed_file.state == f.FEED_FILE_STATE_REVERTED
        assert done.feed_file.HasField("revert_time")
        assert done.feed_file.reverted_by == "spiffe://demo/operator"
        assert done.feed_file.revert_reason == request.reason
        shown = await site.revealed(token)
        assert shown.masked.credential_version == 3
        assert (shown.card.expiry_month, shown.card.expiry_year) == (11, 2027)
        again: Any = await feeds.RevertFeedFile(request, timeout=DEADLINE)
        assert [each.undone for each in again.counts] == [f.UNDONE_ALREADY_REVERTED]
        assert await version(site, token) == 3
        state = (grpc.StatusCode.FAILED_PRECONDITION, "FEED_FILE_STATE")
        again = await feeds.RevertFeedFile(revert(feed_id, reason="sure?"), timeout=DEADLINE)
        assert [each.undone for each in again.counts] == [f.UNDONE_ALREADY_REVERTED]
        assert again.feed_file.revert_reason == request.reason
        assert await refused(feeds.ReplayFeedFile(replay(feed_id), timeout=DEADLINE)) == state
        held = await kept_file(site, FeedState.HELD)
        with capture_logs() as lines:
            assert await refused(feeds.RevertFeedFile(revert(held), timeout=DEADLINE)) == state
            assert await refused(feeds.ReplayFeedFile(replay(held), timeout=DEADLINE)) == state
            await feeds.RevertFeedFile(revert(feed_id), timeout=DEADLINE)
        said = [line["subject"] for line in lines if line["event"] == "decided"]
        assert said == [feed_id]  # what was refused was not decided


async def test_a_vault_that_is_away_leaves_a_file_applied(tmp_path: Path) -> None:
    async with updater_site(tmp_path, vault_address="127.0.0.1:1") as site:
        feed_id = await kept_file(site, FeedState.APPLIED)
        _, feeds = await site.stubs("operator")
        assert await refused(feeds.RevertFeedFile(revert(feed_id), timeout=DEADLINE)) == (
            grpc.StatusCode.UNAVAILABLE,
            "VAULT_UNAVAILABLE",
        )
        file = await site.stores.feeds.find(feed_id)
        assert file is not None
        assert file.state is FeedState.APPLIED
