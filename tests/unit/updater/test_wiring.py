"""A service of several channels: each has a worker, a lease and numbers of its own."""

from __future__ import annotations

import re
from pathlib import Path

from tests.doubles.scrape import scraped
from tests.doubles.updater_site import CHANNEL, until, updater_site
from updater.wiring import RunningUpdater

CHANNELS = """
channels:
  - name: visa
    format: gp-bigbatch-80
    exchange_directory: {root}/visa
    brands: [VISA]
    segments: {{V: "88"}}
  - name: {name}
    format: {name}
    exchange_directory: {root}/exchange
"""


async def test_every_channel_works_and_is_counted_by_itself(tmp_path: Path) -> None:
    document = tmp_path / "channels.yaml"
    document.write_text(CHANNELS.format(root=tmp_path, name=CHANNEL))
    async with updater_site(tmp_path, channels=document) as site:
        running = site.running
        assert [each.channel.name for each in running.updater.channels] == ["visa", CHANNEL]
        await site.card("shop")
        assert (await running.workers.enrolment.enrolling()).enrolled == 1
        for worker in running.workers.channels:
            worker.enrolled.set()
        await until(lambda: _sent(tmp_path / "visa"))
        await until(lambda: _listened_again(running))
        assert not list((tmp_path / "exchange" / "outbox").iterdir())
        numbers = await scraped(f"127.0.0.1:{running.ops_port}")
    for name, channel, value in (
        ("on_duty", "enrol", 1),
        ("on_duty", "visa", 1),
        ("on_duty", CHANNEL, 1),
        ("inquiries_awaiting", "visa", 1),
        ("inquiries_awaiting", CHANNEL, 0),
        ("records_asked_total", "visa", 1),
    ):
        found = re.search(
            rf'^cardvault_updater_{name}{{channel="{channel}"}} (\S+)$', numbers, re.MULTILINE
        )
        assert found is not None, f"{name} of {channel}"
        assert float(found[1]) == value, f"{name} of {channel}"


async def _sent(exchange: Path) -> bool:
    return bool(list((exchange / "outbox").iterdir()))


async def _listened_again(running: RunningUpdater) -> bool:
    """Wait until every channel has looked again since, once what was asked is noted."""
    waiting = await running.updater.listen()
    turns = [worker.turns.counted["listen"] for worker in running.workers.channels]
    return waiting.awaiting == 1 and min(turns) > 20
