"""For the updater: the stream of credentials, its cursors and filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import vault_service_pb2 as vault

from cards.brands import Brand
from tests.doubles.damage import damage_cards
from tests.doubles.rpc_requests import (
    agreement,
    covered,
    stored_many,
    update,
)
from tests.doubles.scrape import reading
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

ACTIVE: Final = card_pb2.CARD_STATUS_ACTIVE
CLOSED: Final = card_pb2.CARD_STATUS_CLOSED


async def applied(client: Client, *updates: Any) -> list[credentials.UpdateResult]:
    request = credentials.ApplyUpdatesRequest(updates=updates)
    return list((await client.credential.ApplyUpdates(request)).results)


async def now(client: Client, card: card_pb2.Card) -> card_pb2.Card:
    return (await client.vault.GetCard(vault.GetCardRequest(token=card.token))).card


async def streamed(client: Client, **query: Any) -> list[credentials.Credential]:
    stream = client.credential.StreamCredentials(credentials.StreamCredentialsRequest(**query))
    return [credential async for part in stream for credential in part.credentials]


def expiry(month: int, year: int) -> card_pb2.Expiry:
    return card_pb2.Expiry(month=month, year=year)


async def test_a_damaged_card_is_left_out_and_counted(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, updater = await site.client("app"), await site.client("updater")
        tokens = await stored_many(app, 5)
        damage_cards(tmp_path / "vault.db", meaningless=tokens[2], unreadable=tokens[4])
        seen = await streamed(updater)
        stream = updater.credential.StreamCredentials(credentials.StreamCredentialsRequest())
        ends = [part.cursor async for part in stream]
        behind = await streamed(updater, cursor=ends[-1])
        ops = f"127.0.0.1:{site.running.ops_port}"
        counted = await reading(ops, "cardvault_stream_damaged_total")
    assert [each.token for each in seen] == [tokens[at] for at in (0, 1, 3)]
    assert behind == []  # the cursor is behind the damaged ones, too
    assert counted == 4.0


async def test_the_stream_goes_on_from_any_cursor(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, updater = await site.client("app"), await site.client("updater")
        tokens = await stored_many(app, 600)
        seen = await streamed(updater)
        rest = await streamed(updater, cursor=seen[249].cursor)
        parts = [
            part
            async for part in updater.credential.StreamCredentials(
                credentials.StreamCredentialsRequest()
            )
        ]
        end = await streamed(updater, cursor=parts[-1].cursor)
    assert [each.token for each in seen] == tokens
    assert [each.token for each in rest] == tokens[250:]
    assert len(parts) > 1
    assert all(part.ByteSize() < 3 << 20 for part in parts)
    assert end == []


async def test_a_credential_has_what_the_updater_needs_and_no_number(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, updater = await site.client("app"), await site.client("updater")
        number = new_pan()
        card = await covered(app, number)
        (seen,) = await streamed(updater)
    assert (seen.token, seen.revision, seen.credential_version) == (card.token, 1, 1)
    assert (seen.kind, seen.status, seen.brand) == (
        card_pb2.CARD_KIND_FPAN,
        ACTIVE,
        card_pb2.BRAND_VISA,
    )
    assert seen.expiry == expiry(12, 2030)
    assert list(seen.stored_credentials) == [agreement()]
    assert seen.fingerprint
    assert number.encode() not in seen.SerializeToString()
    assert number[:6].encode() not in seen.SerializeToString()


async def test_the_stream_shows_what_its_filters_say(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        visa, amex = await covered(root), await covered(root, new_pan(Brand.AMEX))
        closed, gone = await covered(root), await covered(root)
        await applied(root, update(closed, "CLOSED"))
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=gone.token)
        )
        last = (await now(root, closed)).update_time

        async def tokens(**query: Any) -> set[str]:
            return {each.token for each in await streamed(root, **query)}

        everything = await tokens()
        deleted = await tokens(statuses=[card_pb2.CARD_STATUS_DELETED])
        only_closed = await tokens(statuses=[CLOSED])
        brands = await tokens(brands=[card_pb2.BRAND_AMEX])
        expiring = await tokens(expires_before=expiry(1, 2031))
        none_expiring = await tokens(expires_before=expiry(12, 2030))
        changed = await tokens(changed_since=last)
    assert everything == {visa.token, amex.token, closed.token}
    assert deleted == {gone.token}
    assert only_closed == {closed.token}
    assert brands == {amex.token}
    assert expiring == everything
    assert none_expiring == set()
    assert changed == {closed.token}
