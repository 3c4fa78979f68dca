"""Page tokens of the updater's lists: whole in pages, and bound to their tenant, list and query."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from chassis.call import TENANT_KEY
from tests.doubles.rpc_wire import send, short
from tests.doubles.updater_requests import (
    keep,
    kept_exception,
    kept_file,
    one_cycle,
    updater_routes,
)
from tests.doubles.updater_site import CHANNEL, Site, updater_site
from updater.domain.feed import FeedState

LISTS: Final = [
    route for route in updater_routes() if "page_token" in route.request.DESCRIPTOR.fields_by_name
]
TENANT: Final = ((TENANT_KEY, "demo"),)


async def _filled(site: Site) -> Any:
    """Keep more than one of everything that is listed."""
    cycle = await one_cycle(site)
    await site.card("shop")
    await site.asked(account="other-shop")
    for _ in range(3):
        await kept_file(site, FeedState.HELD)
        await kept_exception(site, cycle[2])
    return await keep(site, cycle)


def _entries(reply: Any) -> list[bytes]:
    field = next(each for each in reply.DESCRIPTOR.fields if each.is_repeated)
    return [each.SerializeToString(deterministic=True) for each in getattr(reply, field.name)]


async def test_pages_together_are_the_whole_list(tmp_path: Path) -> None:
    sizes: dict[str, int] = {}
    async with updater_site(tmp_path) as site:
        kept = await _filled(site)
        channel = await site.channel("root")
        for route in LISTS:
            request: Any = route.request()
            if "feed_file_id" in request.DESCRIPTOR.fields_by_name:
                request.feed_file_id = kept.feed
            whole: Any = (await send(channel, route, request)).replies[0]
            pages: list[bytes] = []
            request.page_size = 1
            while True:
                reply: Any = (await send(channel, route, request)).replies[0]
                assert len(_entries(reply)) == 1
                pages += _entries(reply)
                request.page_token = reply.next_page_token
                if not reply.next_page_token:
                    break
            assert pages == _entries(whole)
            sizes[short(route)] = len(pages)
    assert len(LISTS) == 5
    one = {"ListFeedAnswers"}  # the file has one answer
    assert all(size > 1 for name, size in sizes.items() if name not in one), sizes


async def test_a_token_is_of_one_tenant_list_and_query(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        await _filled(site)
        several = await site.channel("several")
        tokens: dict[str, str] = {}
        for route in LISTS:
            if short(route) == "ListFeedAnswers":
                continue
            request: Any = route.request(page_size=1)
            reply: Any = (await send(several, route, request, TENANT)).replies[0]
            tokens[short(route)] = reply.next_page_token
            assert reply.next_page_token
        for route in LISTS:
            for name, token in tokens.items():
                request = route.request(page_size=2, page_token=token)
                if "feed_file_id" in request.DESCRIPTOR.fields_by_name:
                    request.feed_file_id = "feed_1"
                own = (await send(several, route, request, TENANT)).code
                assert own == ("OK" if name == short(route) else "INVALID_ARGUMENT")
                other = await send(several, route, request, ((TENANT_KEY, "second"),))
                assert other.refusal is not None
                assert other.refusal.reason == "PAGE_TOKEN_INVALID"
                if name == short(route):
                    changed = await send(several, route, _filtered(route.request(), token), TENANT)
                    assert changed.refusal is not None
                    assert changed.refusal.reason == "PAGE_TOKEN_INVALID"


async def test_a_channels_list_holds_that_channels_own_only(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        await _filled(site)
        channel = await site.channel("root")
        filtered = [r for r in LISTS if "channel" in r.request.DESCRIPTOR.fields_by_name]
        for route in filtered:
            own: Any = (await send(channel, route, route.request(channel=CHANNEL))).replies[0]
            assert len(_entries(own)) > 1
            other: Any = (await send(channel, route, route.request(channel="another"))).replies[0]
            assert _entries(other) == []
    assert len(filtered) == 3


def _filtered(request: Any, token: str) -> Any:
    request.page_token = token
    names = request.DESCRIPTOR.fields_by_name
    setattr(request, "channel" if "channel" in names else "merchant_account", "another")
    return request
