"""Every field of every request gets its first invalid values over the wire.

Cases come from the descriptors (`tests/doubles/rpc_bad_fields.py`): a field without a case fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cardvault.vault.v1 import card_pb2

from chassis.routes import Route
from tests.doubles.rpc_bad_fields import BadField, bad_fields, fields_with_cases, reachable
from tests.doubles.rpc_complaints import complaint
from tests.doubles.rpc_requests import GOOD, card_for, good_request
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import Answer, Refusal, refusal_in, send, short, vault_routes
from tests.doubles.vault_site import Client, vault_site

ROUTES = vault_routes()

EXEMPT: Mapping[str, str] = {
    "cardvault.vault.v1.DetokenizeRequest.include_security_code": "every varint is a bool",
    "cardvault.vault.v1.CredentialUpdate.dry_run": "every varint is a bool",
    "cardvault.vault.v1.RevertUpdatesRequest.dry_run": "every varint is a bool",
    "google.type.PostalAddress.revision": "any int32 goes: it is sealed with the address as it is",
}
"""Fields of which no value is invalid, with the reason."""

ALONE = {"BatchTokenize": ("requests", "error"), "ApplyUpdates": ("updates", "error")}
"""RPCs whose items fail alone: the field of items, and the field of an item's error."""


def of_item(case: BadField, method: str) -> bool:
    """Tell whether the case is about an item that fails alone, not about the list itself."""
    return method in ALONE and not case.path.startswith(ALONE[method][0])


def refusal_told(answer: Answer, case: BadField, method: str) -> Refusal | None:
    """Return the call's refusal, or the item's where items fail alone."""
    if not of_item(case, method) or answer.refusal is not None:
        return answer.refusal
    reply: Any = answer.replies[0]
    assert len(reply.results) == 1
    result = reply.results[0]
    if not result.HasField("error"):
        return None
    return refusal_in(result.error, extra=reply.SerializeToString())


def test_every_rpc_has_a_good_request() -> None:
    assert {short(route) for route in ROUTES} == set(GOOD)


@pytest.mark.parametrize("route", ROUTES, ids=short)
def test_every_field_has_a_case(route: Route) -> None:
    covered = fields_with_cases(route)
    assert reachable(route.request) - covered - EXEMPT.keys() == set()


def test_no_exemption_is_stale() -> None:
    known: set[str] = set()
    covered: set[str] = set()
    for route in ROUTES:
        known |= reachable(route.request)
        covered |= fields_with_cases(route)
    assert EXEMPT.keys() <= known
    assert EXEMPT.keys() & covered == set()


async def _good_call_works(route: Route, client: Client) -> card_pb2.Card:
    answer = Answer(())
    for _attempt in range(60):  # the first checkpoint takes a second
        card = await card_for(short(route), client)
        answer = await send(client.channel, route, good_request(short(route), card))
        if answer.code == "OK":
            break
        await asyncio.sleep(0.05)
    assert answer.code == "OK"
    for reply in answer.replies:
        assert not any(result.HasField("error") for result in getattr(reply, "results", ())), (
            "the good request is not good"
        )
    return await card_for(short(route), client)


@pytest.mark.parametrize("route", ROUTES, ids=short)
async def test_the_first_invalid_value_of_every_field_is_refused_and_nothing_stored(
    route: Route, tmp_path: Path
) -> None:
    cases = bad_fields(route.request)
    assert cases
    complaints = []
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await _good_call_works(route, root)
        before = stored_rows(site)
        for case in cases:
            request = good_request(short(route), card)
            case.apply(request)
            answer = await send(root.channel, route, request)
            complaints.append(complaint(case, refusal_told(answer, case, short(route))))
        assert stored_rows(site) == before
    assert [each for each in complaints if each] == []
