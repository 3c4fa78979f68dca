"""An operator's decisions over the wire: held files, pauses and exceptions."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from cardvault.updater.v1 import feed_service_pb2 as f
from cardvault.updater.v1 import updater_service_pb2 as u
from cardvault.vault.v1 import card_pb2, update_pb2

from tests.doubles.updater_acquirer import answer
from tests.doubles.updater_requests import kept_exception, kept_file
from tests.doubles.updater_site import CHANNEL, DEADLINE, Site, reason, rid, until, updater_site
from updater.domain.feed import FeedState

STRICT = """\
channels:
  - name: acquirer
    format: cybersource-au-csv
    exchange_directory: {root}/exchange
    bounds: {{closed_share: 0, from_records: 1}}
"""


def strict(root: Path) -> Path:
    """Write a channels file in which a single closed card makes an operator look."""
    path = root / "channels.yaml"
    path.write_text(STRICT.format(root=root))
    return path


async def held(site: Site) -> tuple[str, Any]:
    """Have a card closed by a channel that takes no such answer unseen."""
    site.acquirer.script = lambda question: answer(question, "ACL")
    token = await site.card("shop")
    await site.asked("acquirer")
    return token, await site.fed(f.FEED_FILE_STATE_HELD)


def approval(file: Any, **fields: Any) -> f.ApproveFeedFileRequest:
    values = {"request_id": rid(), "feed_file_id": file.feed_file_id, "reason": "seen"}
    return f.ApproveFeedFileRequest(**{**values, **fields})


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return reason(error.value)


async def test_a_held_file_waits_and_is_applied_once_approved(tmp_path: Path) -> None:
    async with updater_site(tmp_path, channels=strict(tmp_path)) as site:
        token, file = await held(site)
        assert (file.hold.reason, file.hold.decided_by) == (f.HOLD_REASON_CLOSED_SHARE, "")
        _, feeds = await site.stubs("operator")
        waiting = f.ListExceptionsRequest(kinds=[f.EXCEPTION_KIND_FILE_HELD], channel="acquirer")
        (exception,) = (await feeds.ListExceptions(waiting, timeout=DEADLINE)).exceptions
        assert exception.feed_file_id == file.feed_file_id
        request = approval(file)
        shown: Any = (await feeds.ApproveFeedFile(request, timeout=DEADLINE)).feed_file
        assert shown.hold.decided_by == "spiffe://demo/operator"
        assert shown.hold.reason == f.HOLD_REASON_CLOSED_SHARE
        assert (shown.hold.rejected, shown.hold.decision) == (False, "seen")
        done = await site.file_in(f.FEED_FILE_STATE_APPLIED)
        assert [(each.outcome, each.disposition) for each in done.counts] == [
            (update_pb2.UPDATE_OUTCOME_CLOSED, update_pb2.DISPOSITION_APPLIED)
        ]
        again: Any = (await feeds.ApproveFeedFile(request, timeout=DEADLINE)).feed_file
        assert again.state == f.FEED_FILE_STATE_APPLIED
        late = await refused(feeds.ApproveFeedFile(approval(file), timeout=DEADLINE))
        assert late == (grpc.StatusCode.FAILED_PRECONDITION, "FEED_FILE_STATE")
        other = approval(file, request_id=request.request_id, reason="another reason")
        reused = await refused(feeds.ApproveFeedFile(other, timeout=DEADLINE))
        assert reused == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
        settled: Any = await feeds.GetException(
            f.GetExceptionRequest(exception_id=exception.exception_id), timeout=DEADLINE
        )
        assert settled.exception.state == f.EXCEPTION_STATE_RESOLVED
        assert (settled.exception.resolution, settled.exception.resolved_by) == (
            "seen",
            "spiffe://demo/operator",
        )
        assert await status_of(site, token) == card_pb2.CARD_STATUS_CLOSED


async def status_of(site: Site, token: str) -> int:
    """Return a card's status at the vault."""
    found = await site.running.updater.ports.vault.card("demo", token)
    assert found is not None
    return card_pb2.CardStatus.Value(f"CARD_STATUS_{found.status}")


async def test_a_rejected_file_is_quarantined_and_changes_nothing(tmp_path: Path) -> None:
    async with updater_site(tmp_path, channels=strict(tmp_path)) as site:
        token, file = await held(site)
        _, feeds = await site.stubs("operator")
        request = f.RejectFeedFileRequest(
            request_id=rid(), feed_file_id=file.feed_file_id, reason="not theirs"
        )
        shown: Any = (await feeds.RejectFeedFile(request, timeout=DEADLINE)).feed_file
        assert shown.state == f.FEED_FILE_STATE_QUARANTINED
        assert shown.quarantine.reason == "REJECTED_BY_OPERATOR"
        assert not shown.quarantine.HasField("offset")
        assert (shown.hold.rejected, shown.hold.decision) == (True, "not theirs")
        assert shown.hold.decided_by == "spiffe://demo/operator"
        late = await refused(feeds.ApproveFeedFile(approval(file), timeout=DEADLINE))
        assert late == (grpc.StatusCode.FAILED_PRECONDITION, "FEED_FILE_STATE")

        async def put_aside() -> bool:
            return any((tmp_path / "exchange" / "quarantine").iterdir())

        await until(put_aside)
        assert await status_of(site, token) == card_pb2.CARD_STATUS_ACTIVE


async def test_a_pause_keeps_answers_waiting_and_says_why(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        token = await site.card("shop")
        await site.asked()
        updater, _ = await site.stubs("operator")
        request = u.PauseChannelRequest(
            request_id=rid(), channel=CHANNEL, reason="trouble at the acquirer's"
        )
        paused: Any = (await updater.PauseChannel(request, timeout=DEADLINE)).channel
        assert paused.pause.paused_by == "spiffe://demo/operator"
        site.acquirer.answer_all()
        file = await site.file_in(f.FEED_FILE_STATE_VALIDATED)
        listed: Any = await updater.ListChannels(u.ListChannelsRequest(), timeout=DEADLINE)
        (channel,) = listed.channels
        assert (channel.channel, channel.format, channel.shadow) == (CHANNEL, CHANNEL, False)
        assert list(channel.brands) == ["DISCOVER", "MASTERCARD", "VISA"]
        assert channel.pause.reason == "trouble at the acquirer's"
        foreign, _ = await site.stubs("other")
        others: Any = await foreign.ListChannels(u.ListChannelsRequest(), timeout=DEADLINE)
        assert not others.channels[0].HasField("pause")
        second = u.PauseChannelRequest(request_id=rid(), channel=CHANNEL, reason="another")
        kept: Any = (await updater.PauseChannel(second, timeout=DEADLINE)).channel
        assert kept.pause.reason == "trouble at the acquirer's"
        explain = u.ExplainCardRequest(token=token, merchant_account="shop")
        why: Any = await updater.ExplainCard(explain, timeout=DEADLINE)
        assert why.not_asked == u.NOT_ASKED_REASON_ANSWER_AWAITED
        resume = u.ResumeChannelRequest(request_id=rid(), channel=CHANNEL)
        resumed: Any = (await updater.ResumeChannel(resume, timeout=DEADLINE)).channel
        assert not resumed.HasField("pause")
        done = await site.file_in(f.FEED_FILE_STATE_APPLIED)
        assert done.feed_file_id == file.feed_file_id
        unknown = u.ResumeChannelRequest(request_id=rid(), channel="none")
        assert await refused(updater.ResumeChannel(unknown, timeout=DEADLINE)) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "CHANNEL_UNKNOWN",
        )
        why = await updater.ExplainCard(explain, timeout=DEADLINE)
        assert why.channel == CHANNEL
        assert why.last_answer.outcome == update_pb2.UPDATE_OUTCOME_PAN_UPDATED


async def test_an_exception_is_shown_with_its_card_masked_and_settled_once(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        token = await site.card("shop")
        feed = await kept_file(site, FeedState.APPLIED)
        number = await kept_exception(site, feed, token=token)
        _, feeds = await site.stubs("operator")
        get = f.GetExceptionRequest(exception_id=str(number))
        shown: Any = (await feeds.GetException(get, timeout=DEADLINE)).exception
        assert shown.token == token
        card = shown.card
        assert (card.brand, len(card.bin), len(card.last4)) == (card_pb2.BRAND_VISA, 6, 4)
        assert (card.expiry_month, card.expiry_year) == (11, 2027)
        assert card.status == card_pb2.CARD_STATUS_ACTIVE
        listed: Any = await feeds.ListExceptions(f.ListExceptionsRequest(), timeout=DEADLINE)
        assert [each.exception_id for each in listed.exceptions] == [str(number)]
        assert not listed.exceptions[0].HasField("card")
        request = f.ResolveExceptionRequest(
            request_id=rid(),
            exception_id=str(number),
            state=f.EXCEPTION_STATE_DISMISSED,
            reason="both rows say the same",
        )
        for _ in range(2):
            settled: Any = (await feeds.ResolveException(request, timeout=DEADLINE)).exception
            assert settled.state == f.EXCEPTION_STATE_DISMISSED
            assert settled.resolved_by == "spiffe://demo/operator"
        request.request_id = rid()
        request.state = f.EXCEPTION_STATE_RESOLVED
        assert await refused(feeds.ResolveException(request, timeout=DEADLINE)) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "EXCEPTION_SETTLED",
        )
        listed = await feeds.ListExceptions(f.ListExceptionsRequest(), timeout=DEADLINE)
        assert not listed.exceptions


async def test_who_may_audit_only_sees_the_exception_without_its_card(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        policy = site.config.policy
        rights = "keys, audit, tenants, read, status"
        text = policy.read_text()
        assert rights in text
        policy.write_text(text.replace(rights, rights.replace("read, ", "")))
        number = await kept_exception(site, "feed_1", token=await site.card("shop"))
        get = f.GetExceptionRequest(exception_id=str(number))

        async def shown(name: str) -> Any:
            _, feeds = await site.stubs(name)
            return (await feeds.GetException(get, timeout=DEADLINE)).exception

        async def taken_up() -> bool:
            return not (await shown("operator")).HasField("card")

        await until(taken_up)
        assert (await shown("operator")).token
        assert (await shown("app")).card.last4


async def test_exceptions_are_readable_while_the_vault_is_away(tmp_path: Path) -> None:
    async with updater_site(tmp_path, vault_address="127.0.0.1:1") as site:
        number = await kept_exception(site, "feed_1", token="tok_1")
        _, feeds = await site.stubs("operator")
        get = f.GetExceptionRequest(exception_id=str(number))
        shown: Any = (await feeds.GetException(get, timeout=DEADLINE)).exception
        assert shown.token == "tok_1"
        assert not shown.HasField("card")


async def test_nobodys_exceptions_are_nobodys_over_the_api(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        number = await kept_exception(site, "feed_1", tenant="")
        _, feeds = await site.stubs("root")
        get = f.GetExceptionRequest(exception_id=str(number))
        assert await refused(feeds.GetException(get, timeout=DEADLINE)) == (
            grpc.StatusCode.NOT_FOUND,
            "EXCEPTION_NOT_FOUND",
        )
