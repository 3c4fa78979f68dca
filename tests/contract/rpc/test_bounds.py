"""Whatever cards grow to: answers fit, searches stop, and nothing is done that nobody hears of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest
from cardvault.vault.v1 import audit_service_pb2 as audits
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.duration_pb2 import Duration

from tests.doubles.rpc_requests import stored, tokenize, wordy_agreements
from tests.doubles.rpc_wire import refused
from tests.doubles.vault_site import Client, VaultSite, new_pan, request_id, vault_site
from vault.rpc import audits as auditing


async def wordy(root: Client, numbers: list[str], customer: str = "") -> list[str]:
    """Store a card of more than 20 KiB for each number; return the tokens."""
    tokens: list[str] = []
    for start in range(0, len(numbers), 60):
        batch = vault.BatchTokenizeRequest(
            requests=[
                tokenize(number, stored_credentials=wordy_agreements(), customer=customer or None)
                for number in numbers[start : start + 60]
            ]
        )
        reply = await root.vault.BatchTokenize(batch, timeout=60)
        tokens += [each.response.card.token for each in reply.results]
    return tokens


def records(site: VaultSite, action: str) -> Iterator[dict[str, object]]:
    """Yield the audit records of an action, as they are stored."""
    database = apsw.Connection(str(site.directory / "vault.db"))
    rows: Any = database.execute("SELECT record FROM audit ORDER BY sequence").fetchall()
    for (record,) in rows:
        fields = json.loads(record)
        if fields["action"] == action:
            yield fields
    database.close()


async def test_no_card_is_revealed_that_the_reply_has_no_room_for(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        tokens = await wordy(root, [new_pan() for _card in range(180)])
        batch = reveals.BatchDetokenizeRequest(tokens=tokens, purpose="payment")
        answer = await root.reveal.BatchDetokenize(batch, timeout=60)
        told = [each.response.masked.token for each in answer.results]
        revealed = [record["token"] for record in records(site, "card.reveal")]
    assert answer.truncated
    assert answer.ByteSize() <= 3 << 20
    assert 100 < len(told) < 180
    assert told == tokens[: len(told)] == revealed


async def test_found_cards_are_shortened_where_they_would_not_fit(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        numbers = [new_pan() for _card in range(180)]
        tokens = await wordy(root, numbers, "anna")
        batch = vault.BatchTokenizeRequest(
            requests=[tokenize(number, customer="anna") for number in numbers]
        )
        answer = await root.vault.BatchTokenize(batch, timeout=60)
        cards = [each.response.card for each in answer.results]
    assert answer.ByteSize() < 4 << 20
    assert [card.token for card in cards] == tokens
    assert cards[0].stored_credentials
    assert not cards[-1].stored_credentials
    assert (cards[-1].revision, cards[-1].status) == (1, cards[0].status)


async def test_a_number_that_stands_twice_is_searched_once(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, number = await site.client("root"), new_pan()
        other = new_pan()
        card = await stored(root, number)
        request = reveals.FindByNumberRequest(numbers=[number, other] * 20, purpose="payment")
        results = (await root.reveal.FindByNumber(request)).results
        searches = len(list(records(site, "card.find_by_number")))
    found = [[each.token for each in result.response.holders] for result in results]
    assert found == [[card.token], []] * 20
    assert searches == 2


async def test_a_number_of_very_many_cards_is_answered_in_part_and_says_so(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, number = await site.client("root"), new_pan()
        for count in (1_000, 1):
            batch = vault.BatchTokenizeRequest(
                requests=[tokenize(number) for _card in range(count)]
            )
            await root.vault.BatchTokenize(batch, timeout=60)
            request = reveals.FindByNumberRequest(numbers=[number], purpose="payment")
            (result,) = (await root.reveal.FindByNumber(request)).results
            assert len(result.response.holders) == 1_000
            assert result.response.truncated == (count == 1)


async def test_a_number_whose_index_row_outlived_its_card_is_stored_again(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root, number = await site.client("root"), new_pan()
        card = await stored(root, number)
        await root.vault.DeleteCard(
            vault.DeleteCardRequest(request_id=request_id(), token=card.token, grace=Duration())
        )
        database = apsw.Connection(str(tmp_path / "vault.db"))
        sealed = bytearray(
            database.execute("SELECT sealed FROM cards WHERE token = ?", (card.token,)).get
        )
        sealed[-1] ^= 1
        database.execute("UPDATE cards SET sealed = ? WHERE token = ?", (bytes(sealed), card.token))
        database.close()
        await site.running.sweeper.sweep()
        (erased,) = records(site, "card.erase")
        batch = vault.BatchTokenizeRequest(requests=[tokenize(number), tokenize(), tokenize()])
        answer = await root.vault.BatchTokenize(batch)
    assert erased["note"] == "did not open: its index row stays"
    assert [each.response.created for each in answer.results] == [True] * 3


@pytest.mark.parametrize(
    ("grace", "code"),
    [
        (timedelta(0), "PERMISSION_DENIED"),
        (timedelta(microseconds=1), "PERMISSION_DENIED"),
        (timedelta(minutes=59), "PERMISSION_DENIED"),
        (timedelta(hours=1), "OK"),
    ],
    ids=str,
)
async def test_hardly_any_grace_is_none_and_takes_the_same_permission(
    tmp_path: Path, grace: timedelta, code: str
) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        request = vault.DeleteCardRequest(
            request_id=request_id(), token=(await stored(app)).token, grace=grace
        )
        if code == "OK":
            await app.vault.DeleteCard(request)
            return
        told = await refused(app.vault.DeleteCard(request))
    assert told.code == code


@pytest.mark.parametrize("nanos", [1, 500, 999_999_999])
async def test_a_time_to_live_below_a_second_is_refused(tmp_path: Path, nanos: int) -> None:
    async with vault_site(tmp_path) as site:
        app = await site.client("app")
        told = await refused(app.vault.Tokenize(tokenize(ttl=Duration(nanos=nanos))))
        card = await stored(app, ttl=Duration(seconds=1))
        put = vault.PutSecurityCodeRequest(
            token=card.token, security_code="123", ttl=Duration(nanos=nanos)
        )
        kept = await refused(app.vault.PutSecurityCode(put))
    assert (told.code, told.fields) == ("INVALID_ARGUMENT", ("ttl",))
    assert (kept.code, kept.fields) == ("INVALID_ARGUMENT", ("ttl",))
    assert card.HasField("expire_time")


async def test_all_versions_are_listed_page_by_page_however_many(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root)
        database = apsw.Connection(str(tmp_path / "vault.db"))
        columns = "tenant, token, brand, bin, last4, expiry, fingerprint"
        database.execute(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1010)"  # noqa: S608 - constants only
            f" INSERT INTO card_versions ({columns}, credential_version, cause, source,"
            " create_time, superseded_time, purge_time, event_time, file_time, asked_time,"
            f" sealed, sealed_revision) SELECT {columns}, n, 'CARDHOLDER', '', 1, 1,"
            " 1 << 60, 0, 0, 0, sealed, 1 FROM n CROSS JOIN cards WHERE token = ?",
            (card.token,),
        ).fetchall()
        database.execute(
            "UPDATE cards SET credential_version = 1011 WHERE token = ?", (card.token,)
        )
        database.close()
        request = vault.ListCardVersionsRequest(token=card.token, page_size=500)
        seen: list[int] = []
        while True:
            page = await root.vault.ListCardVersions(request)
            assert len(page.versions) <= 500
            seen += [each.credential_version for each in page.versions]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
    assert seen == list(range(1011, 0, -1))


async def test_a_search_of_the_trail_goes_on_where_its_part_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "PARTS", 2)
    monkeypatch.setattr(auditing, "PART_RECORDS", 5)
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        cards = [await stored(root) for _card in range(40)]
        request = audits.ListAuditRecordsRequest(token=cards[33].token)
        sizes, tokens = [], []
        while True:
            page = await root.audit.ListAuditRecords(request)
            sizes.append(len(page.records))
            tokens += [each.token for each in page.records]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        whole = audits.ListAuditRecordsRequest(page_size=7)
        found: list[int] = []
        while True:
            page = await root.audit.ListAuditRecords(whole)
            found += [each.sequence for each in page.records]
            whole.page_token = page.next_page_token
            if not page.next_page_token:
                break
    assert tokens == [cards[33].token]
    assert len(sizes) >= 4
    assert sizes[0] == 0
    assert found == list(range(found[0], found[0] + 40))


async def test_a_batch_of_unknown_tokens_is_a_few_records(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        psp = await site.client("psp")
        tokens = [f"tok_none_{at}" for at in range(300)]
        batch = reveals.BatchDetokenizeRequest(tokens=tokens, purpose="payment")
        await psp.reveal.BatchDetokenize(batch)
        one_by_one = len(list(records(site, "card.reveal")))
        summaries = [str(record["note"]) for record in records(site, "refusals")]
    counted = sum(int(note.removeprefix("CARD_NOT_FOUND x")) for note in summaries)
    assert one_by_one + counted == 300
    assert one_by_one + len(summaries) < 100


async def test_a_call_without_a_deadline_ends_at_the_servers_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stuck(*_args: object, **_named: object) -> None:
        await asyncio.sleep(60)

    async with vault_site(tmp_path, default_deadline=timedelta(seconds=0.5)) as site:
        root, app = await site.client("root"), await site.client("app")
        card = await stored(root)
        put = vault.PutSecurityCodeRequest(token=card.token, security_code="123")
        now = vault.DeleteCardRequest(request_id=request_id(), token=card.token, grace=Duration())
        with monkeypatch.context() as patch:
            patch.setattr(site.running.ledger, "read", stuck)
            async with asyncio.timeout(10):
                read = await refused(root.vault.PutSecurityCode(put))
        with monkeypatch.context() as patch:
            patch.setattr(site.running.ledger, "apply", stuck)
            async with asyncio.timeout(4):  # the record of a refusal alone may take 5 s
                denied = await refused(app.vault.DeleteCard(now))
    assert read.reason == "DEADLINE_EXCEEDED"
    assert denied.reason == "PERMISSION_DENIED"
