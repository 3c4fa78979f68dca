"""Every RPC of the updater with good, bad, crashing and malformed input; then a number is sought.

In logs, statuses, replies, metrics and files: zero hits. That the search finds what is there is
proven beside the vault's (`test_canary.py`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from cards.brands import Brand
from cards.testcards import test_pan
from chassis.call import TENANT_KEY
from chassis.routes import Route
from tests.doubles.logged import logged
from tests.doubles.rpc_canary import Canaries, text_places
from tests.doubles.rpc_wire import Answer, send, short
from tests.doubles.scrape import scraped
from tests.doubles.traces import ASKED
from tests.doubles.updater_requests import GOOD, Kept, keep, one_cycle, updater_routes
from tests.doubles.updater_site import Site, updater_site
from updater.rpc.calls import LOGGED

ROUTES: Final = updater_routes()
NUMBER: Final = test_pan(Brand.VISA, 9_753_108)
CANARIES: Final = Canaries((NUMBER,))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    with logged("updater", level="DEBUG", fields=LOGGED) as stream:
        yield stream


class Heard:
    """Codes of all that came back, and what held the number."""

    def __init__(self) -> None:
        self.codes: set[str] = set()
        self.leaks: list[str] = []
        self.calls = 0

    def take(self, what: str, route: Route, answer: Answer) -> None:
        """Search one answer, good or bad: the updater shows no number to anybody."""
        self.calls += 1
        self.codes.add(answer.code)
        data = answer.refusal.raw if answer.refusal else b""
        data += b"".join(reply.SerializeToString() for reply in answer.replies)
        if CANARIES.found_in(data):
            self.leaks.append(f"{short(route)}: {what}")


async def _numbers_everywhere(site: Site, kept: Kept, heard: Heard) -> dict[str, str]:
    """Write a number into every text of every request; return what was said to that."""
    channel = await site.channel("root")
    said: dict[str, str] = {}
    for route in ROUTES:
        for what, write in text_places(route.request):
            request = GOOD[short(route)](kept)
            write(request, NUMBER)
            answer = await send(channel, route, request)
            heard.take(what, route, answer)
            said[f"{short(route)}.{what}"] = answer.refusal.reason if answer.refusal else "OK"
        for metadata in (
            ((TENANT_KEY, NUMBER),),
            (("x-canary", NUMBER), ("baggage", f"card={NUMBER}")),
            (*ASKED, ("tracestate", f"vendor={NUMBER}")),
        ):
            answer = await send(channel, route, GOOD[short(route)](kept), metadata)
            heard.take("metadata", route, answer)
    return said


async def _malformed(site: Site, kept: Kept, heard: Heard) -> None:
    channel = await site.channel("root")
    for route in ROUTES:
        whole = GOOD[short(route)](kept).SerializeToString()
        for sent in (
            whole[:-1],
            b"\xff\xff" + whole,
            NUMBER.encode(),
            b"\xfa\x3f\x10" + NUMBER.encode(),
        ):
            heard.take("malformed", route, await send(channel, route, sent))


async def _crashing(
    site: Site, kept: Kept, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Call everything while the database raises an exception full of numbers."""
    channel = await site.channel("root")
    database: Any = site.stores.feeds

    async def crash(*_args: Any, **_more: Any) -> Any:
        try:
            raise ValueError(f"bad value: {NUMBER}")
        except ValueError as cause:
            raise LookupError(f"the row was ({NUMBER})") from cause

    codes = {}
    with monkeypatch.context() as patch:
        patch.setattr(type(database._database), "run", crash)
        for route in ROUTES:
            answer = await send(channel, route, GOOD[short(route)](kept))
            heard.take("crash", route, answer)
            codes[short(route)] = answer.code
    return codes


async def test_no_number_is_found_where_none_belongs(
    tmp_path: Path,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    heard = Heard()
    async with updater_site(tmp_path) as site:
        kept = await keep(site, await one_cycle(site))
        said = await _numbers_everywhere(site, kept, heard)
        await _malformed(site, kept, heard)
        crashed = await _crashing(site, kept, heard, monkeypatch)
        metrics = await scraped(f"127.0.0.1:{site.running.ops_port}")
    printed = "".join(capfd.readouterr())
    assert heard.calls > 200
    assert {"OK", "INVALID_ARGUMENT", "PERMISSION_DENIED", "INTERNAL"} <= heard.codes
    assert heard.leaks == []
    # Refused as what it is, wherever its rules would let it through; ids have other shapes.
    by_form = {"INVALID_FIELD", "PAGE_TOKEN_INVALID"}
    assert set(said.values()) <= {"CARD_NUMBER_IN_OTHER_FIELD", *by_form}, said
    assert said["ApproveFeedFile.reason"] == "CARD_NUMBER_IN_OTHER_FIELD"
    assert said["GetException.exception_id"] == "CARD_NUMBER_IN_OTHER_FIELD"
    assert set(crashed.values()) == {"INTERNAL"}, crashed
    assert "unexpected error" in log.getvalue()
    assert not CANARIES.found_in(log.getvalue().encode())
    assert not CANARIES.found_in(printed.encode())
    assert not CANARIES.found_in(metrics.encode())
    assert CANARIES.files_with(tmp_path) == []


async def test_a_number_inside_a_sentence_is_found(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        channel, kept = await site.channel("root"), await keep(site, await one_cycle(site))
        for route in ROUTES:
            if "reason" not in route.request.DESCRIPTOR.fields_by_name:
                continue
            for text in (f"card {NUMBER} is wrong", f"{NUMBER[:4]} {NUMBER[4:]}"):
                request = GOOD[short(route)](kept)
                request.reason = text
                told = (await send(channel, route, request)).refusal
                assert told is not None
                assert (told.reason, told.fields) == ("CARD_NUMBER_IN_OTHER_FIELD", ("reason",))
