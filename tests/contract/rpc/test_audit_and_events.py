"""What is written about calls: the audit trail over the wire, checkpoints, and events."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import apsw
from cardvault.vault.v1 import audit_service_pb2 as audits
from cardvault.vault.v1 import card_pb2, error_reason_pb2, event_pb2, update_pb2
from cardvault.vault.v1 import credential_service_pb2 as credentials
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.timestamp_pb2 import Timestamp

from tests.doubles.clocks import FakeClock
from tests.doubles.rpc_requests import card_for, covered, good_request, stored, update
from tests.doubles.rpc_wire import refused, send, short, vault_routes
from tests.doubles.vault_site import Client, VaultSite, new_pan, request_id, vault_site

ROUTES: Final = {short(route): route for route in vault_routes()}
APP, PSP = "spiffe://demo/app", "spiffe://demo/psp"


async def records(client: Client, **query: Any) -> list[audits.AuditRecord]:
    """Return a tenant's records that match, over all pages."""
    request = audits.ListAuditRecordsRequest(**query)
    found: list[audits.AuditRecord] = []
    while True:
        page = await client.audit.ListAuditRecords(request)
        found += page.records
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_changes_and_reveals_are_recorded_and_masked_reads_are_not(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, psp = await site.client("app"), await site.client("psp")
        operator = await site.client("operator")
        card = await stored(app)
        await psp.reveal.Detokenize(reveals.DetokenizeRequest(token=card.token, purpose="payment"))
        await psp.reveal.FindByNumber(
            reveals.FindByNumberRequest(numbers=[new_pan()], purpose="dispute")
        )
        await app.vault.GetCard(vault.GetCardRequest(token=card.token))
        await app.vault.ListCards(vault.ListCardsRequest())
        delete = vault.DeleteCardRequest(request_id=request_id(), token=card.token)
        await app.vault.DeleteCard(delete)
        told = await refused(
            psp.reveal.Detokenize(reveals.DetokenizeRequest(token=card.token, purpose="payment"))
        )
        of_card = await records(operator, token=card.token)
        of_psp = await records(operator, principal=PSP)
        reveals_of = await records(operator, action="card.reveal")
    assert [(each.action, each.result, each.principal) for each in of_card] == [
        ("card.tokenize", "ok", APP),
        ("card.reveal", "ok", PSP),
        ("card.delete", "ok", APP),
        ("card.reveal", "refused", PSP),
    ]
    assert [each.revision for each in of_card] == [1, 0, 2, 0]
    assert of_card[1].purpose == "payment"
    assert of_card[2].request_id == delete.request_id
    assert of_card[3].reason == error_reason_pb2.ERROR_REASON_CARD_DELETED
    assert all(each.tenant == "demo" and each.origin for each in of_card)
    assert told.reason == "CARD_DELETED"
    assert {each.action for each in of_psp} == {"card.reveal", "card.find_by_number"}
    assert [each.result for each in reveals_of] == ["ok", "refused"]


async def test_every_rpc_that_changes_or_reveals_leaves_its_record(tmp_path: Path) -> None:
    silent = {"GetCard", "BatchGetCards", "ListCards", "ListCardVersions", "StreamCredentials"}
    reads = {"ListAuditRecords", "GetCheckpoint", "ListCheckpoints"}
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        for method, route in ROUTES.items():
            if method in reads:
                continue
            card = await card_for(method, root)
            before = len(await records(root, page_size=1000))
            answer = await send(root.channel, route, good_request(method, card))
            assert answer.code == "OK"
            added = len(await records(root, page_size=1000)) - before
            assert (added > 0) == (method not in silent), method


async def test_pages_of_records_go_on_without_a_gap_and_link_their_hashes(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, operator = await site.client("app"), await site.client("operator")
        for _card in range(12):
            await stored(app)
        request = audits.ListAuditRecordsRequest(page_size=5)
        sizes = []
        while True:
            page = await operator.audit.ListAuditRecords(request)
            sizes.append(len(page.records))
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        whole = await records(operator, page_size=5)
    sequences = [each.sequence for each in whole]
    assert sizes == [5, 5, 2]
    assert sequences == list(range(sequences[0], sequences[0] + 12))
    for before, after in itertools.pairwise(whole):
        digest = hashlib.sha256(b"cardvault/audit/v1\n" + before.hash + after.record).digest()
        assert after.hash == digest


async def test_records_are_found_by_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        cards = []
        for _card in range(3):
            cards.append(await stored(root))
            clock.advance(60)
        start = Timestamp(seconds=cards[1].create_time.seconds)
        end = Timestamp(seconds=cards[2].create_time.seconds)
        from_second = await records(root, start_time=start)
        only_second = await records(root, start_time=start, end_time=end)
    assert [each.token for each in from_second] == [cards[1].token, cards[2].token]
    assert [each.token for each in only_second] == [cards[1].token]


async def test_another_tenants_records_are_not_shown(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, other = await site.client("app"), await site.client("other")
        mine, theirs = await stored(app), await stored(other)
        shown = await records(other)
    assert {each.tenant for each in shown} == {"second"}
    assert theirs.token in {each.token for each in shown}
    assert mine.token not in {each.token for each in shown}


async def _checkpoints(client: Client, least: int) -> list[audits.Checkpoint]:
    """Return all checkpoints once there are so many, newest first as they are listed."""
    for _attempt in range(200):
        await stored(client)  # a checkpoint is signed when there is something to sign
        reply = await client.audit.ListCheckpoints(audits.ListCheckpointsRequest())
        if len(reply.checkpoints) >= least:
            return list(reply.checkpoints)
        await asyncio.sleep(0.05)
    raise AssertionError("checkpoints are signed every second")


async def test_checkpoints_are_listed_newest_first_and_found_by_number(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        listed = await _checkpoints(root, 3)
        newest = (await root.audit.GetCheckpoint(audits.GetCheckpointRequest())).checkpoint
        second = (await root.audit.GetCheckpoint(audits.GetCheckpointRequest(number=2))).checkpoint
        none = await refused(root.audit.GetCheckpoint(audits.GetCheckpointRequest(number=9_999)))
        request = audits.ListCheckpointsRequest(page_size=2)
        paged: list[int] = []
        while True:
            page = await root.audit.ListCheckpoints(request)
            paged += [each.number for each in page.checkpoints]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
    numbers = [each.number for each in listed]
    assert numbers == list(range(len(listed), 0, -1))
    assert newest.number >= numbers[0]
    assert second == listed[-2]
    assert paged[-len(numbers) :] == numbers
    assert (none.code, none.reason) == ("NOT_FOUND", "CHECKPOINT_NOT_FOUND")
    assert all(len(each.signature) == 64 and each.key_id for each in listed)


def events(site: VaultSite) -> list[tuple[Mapping[str, Any], event_pb2.CardEvent]]:
    """Return the lines of the events file, each with its decoded payload."""
    path = site.directory / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    found = []
    for line in lines:
        event = json.loads(line)
        payload = event_pb2.CardEvent.FromString(base64.b64decode(event["data_base64"]))
        found.append((event, payload))
    return found


async def _all_events(site: VaultSite, count: int) -> list[event_pb2.CardEvent]:
    """Return the payloads once the relay has delivered so many."""
    for _attempt in range(100):
        found = events(site)
        if len(found) >= count:
            return [payload for _event, payload in found]
        await asyncio.sleep(0.05)
    raise AssertionError("the relay delivers every event")


async def test_every_change_is_one_event_and_revisions_have_no_gaps(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        number = new_pan()
        card = await covered(root, number)
        hold = card_pb2.Hold(type=card_pb2.HOLD_TYPE_LEGAL_HOLD)
        for action, status in (
            (vault.HOLD_ACTION_PLACE, None),
            (vault.HOLD_ACTION_RELEASE, card_pb2.CARD_STATUS_NEEDS_CARDHOLDER),
        ):
            request = vault.SetCardStatusRequest(
                request_id=request_id(),
                token=card.token,
                expected_revision=card.revision,
                status=status,
                holds=[vault.HoldChange(hold=hold, action=action)],
                reason="as asked",
            )
            card = (await root.vault.SetCardStatus(request)).card
        answer = update(card, "PAN_UPDATED", new_number=new_pan())
        await root.credential.ApplyUpdates(credentials.ApplyUpdatesRequest(updates=[answer]))
        delete = vault.DeleteCardRequest(request_id=request_id(), token=card.token)
        await root.vault.DeleteCard(delete)
        await root.vault.UndeleteCard(
            vault.UndeleteCardRequest(request_id=request_id(), token=card.token)
        )
        delete = vault.DeleteCardRequest(request_id=request_id(), token=card.token)
        delete.grace.seconds = 0
        delete.grace.SetInParent()
        await root.vault.DeleteCard(delete)
        await site.running.sweeper.sweep()
        told = sorted(await _all_events(site, 8), key=lambda event: event.revision)
        clean = number.encode() not in (tmp_path / "events.jsonl").read_bytes()
    types = [event.event_type.removeprefix("cardvault.card.") for event in told]
    assert types == [
        "stored",
        "hold_changed",
        "status_changed",
        "updated",
        "deleted",
        "undeleted",
        "deleted",
        "erased",
    ]
    assert [event.revision for event in told] == list(range(1, 9))
    assert [event.card.revision for event in told] == list(range(1, 9))
    assert {event.token for event in told} == {card.token}
    assert told[3].cause == card_pb2.CHANGE_CAUSE_NETWORK
    assert told[3].old_fingerprint == told[2].card.fingerprint != told[3].card.fingerprint
    assert told[2].old_status == card_pb2.CARD_STATUS_ACTIVE
    assert told[3].old_status == card_pb2.CARD_STATUS_NEEDS_CARDHOLDER
    assert not told[4].HasField("old_fingerprint")
    assert clean


async def test_what_changes_nothing_makes_no_event(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root, customer="c")
        request = good_request("Detokenize", card)
        await root.reveal.Detokenize(request)
        await root.credential.ApplyUpdates(
            credentials.ApplyUpdatesRequest(updates=[update(card, "NO_MATCH")])
        )
        await refused(
            root.vault.DeleteCard(
                vault.DeleteCardRequest(
                    request_id=request_id(), token=card.token, expected_revision=7
                )
            )
        )
        other = await stored(root)
        told = await _all_events(site, 2)
    assert [(event.token, event.revision) for event in told] == [(card.token, 1), (other.token, 1)]


async def test_concurrent_changes_of_many_cards_leave_no_gap_anywhere(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        cards = [await stored(root) for _card in range(8)]

        async def decline(card: card_pb2.Card) -> None:
            request = good_request("ReportDecline", card)
            await root.vault.ReportDecline(request)

        await asyncio.gather(*[decline(card) for card in cards for _time in range(10)])
        told = await _all_events(site, 88)
    revisions: dict[str, list[int]] = defaultdict(list)
    for event in told:
        revisions[event.token].append(event.revision)
    assert revisions == {card.token: list(range(1, 12)) for card in cards}


async def test_events_say_who_and_what_a_network_said(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await covered(root)
        await root.credential.ApplyUpdates(
            credentials.ApplyUpdatesRequest(updates=[update(card, "CLOSED")])
        )
        first, closed = sorted(await _all_events(site, 2), key=lambda event: event.revision)
    assert first.source.principal == closed.source.principal == "spiffe://demo/root"
    assert first.outcome == update_pb2.UPDATE_OUTCOME_UNSPECIFIED
    assert closed.outcome == update_pb2.UPDATE_OUTCOME_CLOSED
    assert (closed.source.update.channel, closed.source.update.file) == ("csv", "f1")
    assert closed.cause == card_pb2.CHANGE_CAUSE_NETWORK
    assert closed.old_status == card_pb2.CARD_STATUS_ACTIVE


async def test_a_page_of_long_checkpoints_stops_at_3_mib_and_goes_on(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        await stored(await site.client("root"))
    database = apsw.Connection(str(tmp_path / "vault.db"))
    last = int(database.execute("SELECT max(number) FROM checkpoints").get)
    long = [(last + at, at, bytes(1 << 20), "key", bytes(64)) for at in range(1, 6)]
    database.executemany("INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?)", long)
    database.close()
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        request = audits.ListCheckpointsRequest(page_size=1_000)
        pages = [await root.audit.ListCheckpoints(request)]
        while pages[-1].next_page_token:
            request.page_token = pages[-1].next_page_token
            pages.append(await root.audit.ListCheckpoints(request))
    numbers = [each.number for page in pages for each in page.checkpoints]
    assert numbers == list(range(numbers[0], 0, -1))
    assert numbers[0] >= last + 5
    assert len(pages) > 1
