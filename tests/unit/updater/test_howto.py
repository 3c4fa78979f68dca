"""Every command of the operator's guide does what it says, in its order."""

import re
import shlex
from pathlib import Path
from typing import Final

from tests.doubles.operator_terminal import at_work
from tests.doubles.updater_requests import kept_exception, kept_file
from tests.doubles.updater_site import CHANNEL
from updater.domain.feed import ExceptionKind, FeedState, Incident

GUIDE: Final = Path(__file__).parents[3] / "docs" / "howto" / "updater.md"
NEEDS_NOTHING: Final = ("check-config", "feeds", "exceptions", "channels")


def commands() -> list[list[str]]:
    """Return the guide's commands, each as words."""
    blocks = re.findall(r"^```\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("cardvault-updater ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


async def test_the_guide_can_be_followed(tmp_path: Path) -> None:
    given = commands()
    assert {words[0] for words in given} == set(NEEDS_NOTHING)
    async with at_work(tmp_path) as (site, give):
        token = await site.card("shop")
        await site.asked()
        feed_id = (await site.fed()).feed_file_id
        lost = await kept_file(site, FeedState.HELD)
        gone = Incident(ExceptionKind.FILE_MISSING, f"{lost}/1", "NOT_IN_THE_INBOX", opened_at=1)
        await site.stores.feeds.missing(lost, gone)
        meant = {
            "$LOST": lost,
            "$STUCK": await kept_file(site, FeedState.VALIDATED),
            "$FILE": feed_id,
            "$HELD": await kept_file(site, FeedState.HELD),
            "$WRONG": await kept_file(site, FeedState.HELD),
            "$CHANNEL": CHANNEL,
            "$ID": str(await kept_exception(site, feed_id, token=token)),
            "$OTHER": str(await kept_exception(site, feed_id)),
        }
        used = {word for words in given for word in words if word.startswith("$")}
        assert used == set(meant)
        for words in given:
            assert await give(*(meant.get(word, word) for word in words))
        after = await site.stores.feeds.find(feed_id)
    assert after is not None
    assert after.state is FeedState.REVERTED
