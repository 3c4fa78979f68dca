"""ApplyUpdates by number, end to end: two tokens, parked answers, tenants, and their bounds."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
from cardvault.vault.v1 import card_pb2, update_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import vault_service_pb2 as vault

from chassis.call import TENANT_KEY
from tests.doubles.rpc_requests import covered, update
from tests.doubles.rpc_wire import refusal_in
from tests.doubles.vault_site import Client, VaultSite, new_pan, vault_site


def of_number(number: str, outcome: str = "PAN_UPDATED", **fields: Any) -> Any:
    """Return an answer about a number."""
    answer = update(card_pb2.Card(token="unused"), outcome, **fields)
    answer.number = number
    return answer


def told(result: credentials.UpdateResult) -> str:
    return update_pb2.Disposition.Name(result.disposition).removeprefix("DISPOSITION_")


async def applied(
    client: Client, *updates: Any, tenant: str = ""
) -> list[credentials.UpdateResult]:
    request = credentials.ApplyUpdatesRequest(updates=updates)
    metadata = ((TENANT_KEY, tenant),) if tenant else ()
    return list((await client.credential.ApplyUpdates(request, metadata=metadata)).results)


async def last4(client: Client, token: str) -> str:
    return (await client.vault.GetCard(vault.GetCardRequest(token=token))).card.last4


async def becomes(client: Client, token: str, wanted: str) -> bool:
    """Wait for what the flush behind a reply does."""
    for _ in range(200):
        if await last4(client, token) == wanted:
            return True
        await asyncio.sleep(0.01)
    return False


async def test_both_tokens_of_a_number_are_updated_and_told_of(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, updater = await site.client("root"), await site.client("updater")
        number, new = new_pan(), new_pan()
        cards = [await covered(root, number) for _ in range(2)]
        answer = of_number(number, new_number=new)
        (result,) = await applied(updater, answer)
        (again,) = await applied(updater, answer)
    assert (told(result), result.update_id) == ("APPLIED", answer.update_id)
    assert [item.card.token for item in result.cards] == sorted(card.token for card in cards)
    assert {item.card.last4 for item in result.cards} == {new[-4:]}
    assert {item.previous_credential_version for item in result.cards} == {1}
    assert {item.disposition for item in result.cards} == {update_pb2.DISPOSITION_APPLIED}
    assert told(again) == "DUPLICATE"
    assert len(again.cards) == 2


async def test_a_file_in_the_wrong_order_ends_where_it_should(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, updater = await site.client("root"), await site.client("updater")
        numbers = [new_pan() for _ in range(4)]
        card = await covered(root, numbers[0])
        rows = [of_number(old, new_number=new) for old, new in pairwise(numbers)]
        late = await applied(updater, rows[2], rows[1])
        assert [told(each) for each in late] == ["PARKED", "PARKED"]
        assert [len(each.cards) for each in late] == [0, 0]
        (parked,) = await applied(updater, rows[2])
        assert told(parked) == "PARKED"
        (first,) = await applied(updater, rows[0])
        assert told(first) == "APPLIED"
        assert await becomes(root, card.token, numbers[3][-4:])
        again = await applied(updater, *rows)
        assert [told(each) for each in again] == ["DUPLICATE"] * 3
        versions = await root.vault.ListCardVersions(
            vault.ListCardVersionsRequest(token=card.token)
        )
    causes = [each.cause for each in versions.versions]
    assert causes.count(card_pb2.CHANGE_CAUSE_NETWORK) >= 2


async def test_another_tenants_card_is_not_there(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, other = await site.client("root"), await site.client("other")
        number = new_pan()
        card = await covered(root, number)
        ours = of_number(number, new_number=new_pan())
        assert parked_of(site) == []
        (theirs,) = await applied(other, ours)
        assert (told(theirs), len(theirs.cards)) == ("PARKED", 0)
        assert await last4(root, card.token) == number[-4:]
        assert [tenant for tenant, _sealed in parked_of(site)] == ["second"]
        held = [number.encode() in sealed for _tenant, sealed in parked_of(site)]
    assert not any(held)


def parked_of(site: VaultSite) -> list[tuple[str, bytes]]:
    """Return what waits, by tenant, as it lies in the database."""
    database = apsw.Connection(str(site.directory / "vault.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(database.execute("SELECT tenant, sealed FROM parked_updates"))
    finally:
        database.close()


async def test_what_cannot_be_taken_says_why(tmp_path: Path) -> None:
    async with vault_site(tmp_path, parked_per_day=1) as site:
        root, updater = await site.client("root"), await site.client("updater")
        card = await covered(root, new_pan())
        number = new_pan()
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
        results = await applied(
            updater,
            of_number(wrong, new_number=new_pan()),
            of_number(new_pan(), "CLOSED"),
            of_number(new_pan(), new_number=wrong),
            of_number(new_pan(), new_number=new_pan()),
            of_number(new_pan(), new_number=new_pan()),
        )
        assert card.token
    assert [told(each) for each in results] == [
        "REJECTED",
        "NOT_FOUND",
        "REJECTED",
        "PARKED",
        "REJECTED",
    ]
    refused = [refusal_in(each.error) for each in results if told(each) == "REJECTED"]
    assert [(each.reason, list(each.fields)) for each in refused] == [
        ("CARD_NUMBER_INVALID", ["number"]),
        ("CARD_NUMBER_INVALID", ["new_number"]),
        ("PARKED_FULL", []),
    ]
