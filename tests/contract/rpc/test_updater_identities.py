"""Who may call what of the updater, and what another tenant finds: nothing, to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from chassis.call import TENANT_KEY
from tests.doubles.rpc_wire import Answer, send, short
from tests.doubles.updater_requests import GOOD, Kept, keep, one_cycle, updater_routes
from tests.doubles.updater_site import Site, updater_site

ROUTES: Final = updater_routes()
COLUMNS: Final = ("app", "psp", "updater", "operator", "root", "other")
OK, PD, NF, FP = "OK", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION"
UA = "UNAVAILABLE"

# `other` may do everything, in another tenant. Each call is about something that nobody has
# decided about yet. For that tenant the updater itself may not ask the vault, so what needs it is
# unavailable.
TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "Enroll": (OK, PD, PD, OK, OK, UA),
    "Unenroll": (OK, PD, PD, OK, OK, NF),
    "GetEnrollment": (OK, PD, OK, OK, OK, NF),
    "ListEnrollments": (OK, PD, OK, OK, OK, OK),
    "CreateInquiry": (OK, PD, FP, FP, FP, UA),
    "GetInquiry": (OK, PD, OK, OK, OK, NF),
    "ListInquiries": (OK, PD, OK, OK, OK, OK),
    "ExplainCard": (OK, PD, OK, OK, OK, NF),
    "ListChannels": (OK, PD, OK, OK, OK, OK),
    "PauseChannel": (PD, PD, PD, OK, OK, OK),
    "ResumeChannel": (PD, PD, PD, OK, OK, OK),
    "ListFeedFiles": (OK, PD, OK, OK, OK, OK),
    "GetFeedFile": (OK, PD, OK, OK, OK, NF),
    "ListFeedAnswers": (OK, PD, OK, OK, OK, NF),
    "ApproveFeedFile": (PD, PD, PD, OK, OK, NF),
    "RejectFeedFile": (PD, PD, PD, OK, OK, NF),
    "ReplayFeedFile": (PD, PD, OK, OK, OK, NF),
    "RevertFeedFile": (PD, PD, OK, OK, OK, NF),
    "ListExceptions": (OK, PD, OK, OK, OK, OK),
    "GetException": (OK, PD, OK, OK, OK, NF),
    "ResolveException": (PD, PD, PD, OK, OK, NF),
}
"""Status by method and identity. There is one card to ask about: the first inquiry has it."""

NAMED: Final = {
    "inquiry_id": "1" * 26,
    "feed_file_id": "feed_" + "0" * 24,
    "exception_id": "9" * 19,
    "token": "tok_nobodys",
}
"""Ids of nothing, by the field that holds them; the last one no database can count to."""


def test_every_rpc_has_a_row_and_every_row_its_rpc() -> None:
    assert {short(route) for route in ROUTES} == set(TABLE)
    assert all(len(row) == len(COLUMNS) for row in TABLE.values())


async def test_each_identity_may_do_what_its_roles_allow(tmp_path: Path) -> None:
    found: dict[str, tuple[str, ...]] = {}
    async with updater_site(tmp_path) as site:
        cycle = await one_cycle(site)
        channels = {name: await site.channel(name) for name in COLUMNS}
        for route in ROUTES:
            answers = []
            for name in COLUMNS:
                request = GOOD[short(route)](await keep(site, cycle))
                answers.append((await send(channels[name], route, request)).code)
            found[short(route)] = tuple(answers)
    assert found == TABLE


DECIDING: Final = frozenset(
    {"ApproveFeedFile", "RejectFeedFile", "PauseChannel", "ResumeChannel", "ResolveException"}
)


def test_who_may_set_a_cards_status_decides_about_no_file_and_no_channel() -> None:
    allowed = {short(route): route.permissions for route in ROUTES if short(route) in DECIDING}
    assert allowed == dict.fromkeys(DECIDING, frozenset({"approve"}))


async def test_who_is_nobody_or_names_no_tenant_of_theirs_gets_nowhere(tmp_path: Path) -> None:
    doors: Mapping[str, tuple[str, tuple[tuple[str, str], ...], str]] = {
        "nobody": ("nobody", (), "UNAUTHENTICATED"),
        "several, none named": ("several", (), "TENANT_REQUIRED"),
        "one, another's": ("app", ((TENANT_KEY, "second"),), "TENANT_DENIED"),
    }
    async with updater_site(tmp_path) as site:
        kept = await keep(site, await one_cycle(site))
        for name, metadata, reason in doors.values():
            channel = await site.channel(name)
            for route in ROUTES:
                answer = await send(channel, route, GOOD[short(route)](kept), metadata)
                assert answer.refusal is not None
                assert answer.refusal.reason == reason


async def test_what_is_anothers_looks_like_nothing_to_the_letter(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        kept = await keep(site, await one_cycle(site))
        told = {
            short(route): [await _refusal(site, route, request) for request in _pair(route, kept)]
            for route in ROUTES
            if set(NAMED) & set(route.request.DESCRIPTOR.fields_by_name)
            and TABLE[short(route)][-1] in {NF, UA}
        }
        before = await site.stores.feeds.find(kept.held)
    assert len(told) == 13
    for foreign, unknown in told.values():
        assert foreign == unknown
    assert before is not None
    assert before.state == "HELD"


async def test_lists_show_a_tenant_its_own_only(tmp_path: Path) -> None:
    async with updater_site(tmp_path) as site:
        cycle = await one_cycle(site)
        await keep(site, cycle)
        other, root = await site.channel("other"), await site.channel("root")
        lists = [route for route in ROUTES if short(route).startswith("List")]
        shown: dict[str, tuple[int, int]] = {}
        for route in lists:
            if short(route) in {"ListChannels", "ListFeedAnswers"}:
                continue
            request = route.request()
            sizes = [_shown(await send(channel, route, request)) for channel in (root, other)]
            shown[short(route)] = (sizes[0], sizes[1])
    assert len(shown) == 4
    for own, others in shown.values():
        assert own > 0
        assert others == 0


def _pair(route: Any, kept: Kept) -> list[Any]:
    """Return a request about what is another's, and one about nothing."""
    foreign, unknown = GOOD[short(route)](kept), GOOD[short(route)](kept)
    for name, value in NAMED.items():
        if name in unknown.DESCRIPTOR.fields_by_name:
            setattr(unknown, name, value)
    return [foreign, unknown]


async def _refusal(site: Site, route: Any, request: Any) -> bytes:
    channel = await site.channel("other")
    refusal = (await send(channel, route, request)).refusal
    assert refusal is not None
    return refusal.raw


def _shown(answer: Answer) -> int:
    reply: Any = answer.replies[0]
    repeated = [field for field in reply.DESCRIPTOR.fields if field.is_repeated]
    return len(getattr(reply, repeated[0].name))
