"""An operator's commands beside a running updater: what they print, change, and exit with."""

import os
import pwd
from pathlib import Path

from cardvault.updater.v1 import feed_service_pb2 as f
from cardvault.vault.v1 import card_pb2

from tests.doubles.operator_terminal import NUMBER, at_work
from tests.doubles.updater_acquirer import answer
from tests.doubles.updater_requests import kept_exception, kept_file
from tests.doubles.updater_site import CHANNEL, until
from updater.domain.feed import FeedState, IncidentState

HOLDING = """\
channels:
  - name: cybersource-au-csv
    format: cybersource-au-csv
    exchange_directory: {root}/exchange
    bounds: {{closed_share: 0, from_records: 1}}
"""


async def test_files_are_listed_and_shown_with_what_came_of_them(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (site, give):
        token = await site.card("shop")
        await site.asked()
        file = await site.fed()
        table = await give("feeds")
        for word in (file.feed_file_id, CHANNEL, "APPLIED", "PAN_UPDATED"):
            assert word in table
        assert token not in table
        (listed,) = await give.data("feeds", "--state", "APPLIED", "--channel", CHANNEL)
        assert listed["counts"] == [
            {
                "outcome": "UPDATE_OUTCOME_PAN_UPDATED",
                "disposition": "DISPOSITION_APPLIED",
                "count": "1",
            }
        ]
        for nothing in (("--state", "HELD"), ("--channel", "other"), ("--tenant", "second")):
            assert await give.data("feeds", *nothing) == []
        shown = await give("feeds", "show", file.feed_file_id)
        for word in (token, "NAN/800", "PAN_UPDATED", file.inquiry_id):
            assert word in shown
        data = await give.data("feeds", "show", file.feed_file_id)
        assert [each["token"] for each in data["answers"]] == [token]
        rest = await give.data("feeds", "show", file.feed_file_id, "--after", "1")
        assert rest["answers"] == []


async def test_a_held_file_is_approved_or_rejected_by_command(tmp_path: Path) -> None:
    settings = tmp_path / "channels.yaml"
    settings.write_text(HOLDING.format(root=tmp_path))
    async with at_work(tmp_path, channels=settings) as (site, give):
        site.acquirer.script = lambda question: answer(question, "ACL")
        await site.card("shop")
        await site.asked()
        feed_id = (await site.fed(f.FEED_FILE_STATE_HELD)).feed_file_id
        assert "CLOSED_SHARE" in await give("feeds")
        assert "released" in await give("feeds", "approve", feed_id, "--reason", "they said so")
        await site.file_in(f.FEED_FILE_STATE_APPLIED)
        refused = await give("feeds", "approve", feed_id, "--reason", "once more", code=1)
        assert "FEED_FILE_STATE" in refused
        other = await kept_file(site, FeedState.HELD)
        data = await give.data("feeds", "reject", other, "--reason", "not theirs")
        assert data["feed_file"]["state"] == "FEED_FILE_STATE_QUARANTINED"
        assert data["feed_file"]["hold"]["decided_by"] == "spiffe://demo/operator"
        missing = await give("feeds", "reject", "feed_none", "--reason", "x", code=1)
        assert "FEED_FILE_NOT_FOUND" in missing
        assert "--reason" in await give("feeds", "reject", other, code=2)
        number = await give("feeds", "reject", other, "--reason", f"card {NUMBER}", code=1)
        assert "CARD_NUMBER_IN_OTHER_FIELD" in number


async def test_a_file_is_replayed_and_taken_back_by_command(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (site, give):
        token = await site.card("shop")
        await site.asked()
        feed_id = (await site.fed()).feed_file_id
        said = ("--reason", "a mistake of the acquirer's")
        assert "would bring" in await give("feeds", "replay", feed_id, "--dry-run", *said)
        again = await give("feeds", "replay", feed_id, *said)
        assert "The replay brought" in again
        assert "DUPLICATE" in again
        trial = await give("feeds", "revert", feed_id, "--dry-run", *said)
        assert "would do" in trial
        assert "REVERTED" in trial
        assert (await site.revealed(token)).masked.credential_version == 2
        done = await give.data("feeds", "revert", feed_id, *said)
        assert done["counts"] == [{"undone": "UNDONE_REVERTED", "count": "1"}]
        assert (await site.revealed(token)).masked.credential_version == 3
        assert "REVERTED" in await give("feeds")
        assert "a mistake of the acquirer's" in await give("feeds", "show", feed_id)
        assert "ALREADY_REVERTED" in await give("feeds", "revert", feed_id, *said)
        assert "FEED_FILE_STATE" in await give("feeds", "replay", feed_id, *said, code=1)


async def test_channels_are_listed_paused_and_resumed(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (_site, give):
        assert CHANNEL in await give("channels", "list")
        paused = await give("channels", "pause", CHANNEL, "--reason", "[/red] maintenance")
        assert "[/red] maintenance" in paused
        (channel,) = await give.data("channels", "list")
        assert channel["pause"]["reason"] == "[/red] maintenance"
        assert channel["pause"]["paused_by"] == "spiffe://demo/operator"
        assert "pause" not in await give.data("channels", "resume", CHANNEL)
        unknown = await give("channels", "pause", "none", "--reason", "x", code=1)
        assert "CHANNEL_UNKNOWN" in unknown


async def test_exceptions_are_worked_off_beside_the_service(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (site, give):
        token = await site.card("shop")
        feed = await kept_file(site, FeedState.APPLIED)
        first = await kept_exception(site, feed, token=token)
        nobodys = await kept_exception(site, feed, tenant="")
        listed = await give.data("exceptions", "list")
        assert [each["exception_id"] for each in listed] == [str(first), str(nobodys)]
        assert token in await give("exceptions", "show", str(first))
        masked = await give("exceptions", "card", str(first))
        assert masked.strip() == f"{token}: {NUMBER[:6]}****{NUMBER[-4:]}"
        card = await give.data("exceptions", "card", str(first))
        assert card["status"] == card_pb2.CardStatus.Name(card_pb2.CARD_STATUS_ACTIVE)
        settled = await give.data("exceptions", "resolve", str(first), "--reason", "asked them")
        assert settled["state"] == "EXCEPTION_STATE_RESOLVED"
        user = pwd.getpwuid(os.getuid()).pw_name
        assert (settled["resolution"], settled["resolved_by"]) == ("asked them", f"local:{user}")
        await give("exceptions", "dismiss", str(nobodys), "--reason", "old")
        found = await site.stores.incidents.get(nobodys)
        assert found is not None
        assert found.state is IncidentState.DISMISSED
        assert await give.data("exceptions", "list") == []
        assert len(await give.data("exceptions", "list", "--all")) == 2
        dismissed = await give.data("exceptions", "list", "--state", "DISMISSED")
        assert [each["exception_id"] for each in dismissed] == [str(nobodys)]
        twice = await give("exceptions", "dismiss", str(first), "--reason", "no", code=1)
        assert "settled before" in twice
        for bad in ("", "x" * 201, f"card {NUMBER}", "two\nlines"):
            await give("exceptions", "resolve", str(first), "--reason", bad, code=2)


async def test_who_may_not_and_what_is_away_are_told_apart(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (site, give):
        held = await kept_file(site, FeedState.HELD)
        said = (held, "--reason", "seen")
        denied = await give("feeds", "approve", *said, "--as", "app", code=1)
        assert "PERMISSION_DENIED" in denied
        path = str(site.vault.directory / "pki" / "operator")
        away = await give("feeds", "approve", *said, "--service", "127.0.0.1:1", code=3)
        assert "give the command again" in away
        missing = await give("feeds", "approve", *said, "--as", "/nowhere/x", code=1)
        assert "Traceback" not in missing
        usage = await give("feeds", "approve", *said, "--tenant", "second", code=2)
        assert "--tenant" in usage
        await give("feeds", "approve", *said, "--as", path)


async def test_names_of_files_move_no_cursor(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (site, give):
        site.acquirer.deliver("\x1b[2Jname.pgp", b"no message")

        async def there() -> bool:
            return bool(await give.data("feeds"))

        await until(there)
        table = await give("feeds")
        assert "\x1b" not in table
        assert "?[2Jname.pgp" in table
