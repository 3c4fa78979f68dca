"""DeleteCard, UndeleteCard and what the sweeper leaves: tombstones, legal holds, grace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

from cardvault.vault.v1 import card_pb2
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.field_mask_pb2 import FieldMask

from tests.doubles.clocks import FakeClock
from tests.doubles.rpc_requests import agreement, stored, tokenize
from tests.doubles.rpc_stored import stored_rows
from tests.doubles.rpc_wire import refused
from tests.doubles.vault_site import Client, new_pan, request_id, vault_site

DELETED: Final = card_pb2.CARD_STATUS_DELETED
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


async def deleted(
    client: Client, card: card_pb2.Card, grace: timedelta | None = None
) -> card_pb2.Card:
    request = vault.DeleteCardRequest(request_id=request_id(), token=card.token)
    if grace is not None:
        request.grace.FromTimedelta(grace)
    return (await client.vault.DeleteCard(request)).card


async def undeleted(client: Client, card: card_pb2.Card) -> card_pb2.Card:
    request = vault.UndeleteCardRequest(request_id=request_id(), token=card.token)
    return (await client.vault.UndeleteCard(request)).card


async def now(client: Client, card: card_pb2.Card) -> card_pb2.Card:
    return (await client.vault.GetCard(vault.GetCardRequest(token=card.token))).card


async def held(client: Client, card: card_pb2.Card, action: vault.HoldAction) -> card_pb2.Card:
    hold = card_pb2.Hold(type=card_pb2.HOLD_TYPE_LEGAL_HOLD)
    request = vault.SetCardStatusRequest(
        request_id=request_id(),
        token=card.token,
        expected_revision=card.revision,
        holds=[vault.HoldChange(hold=hold, action=action)],
        reason="a court asked",
    )
    return (await client.vault.SetCardStatus(request)).card


async def test_a_deleted_card_comes_back_within_its_grace_as_it_was(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        card = await stored(root)
        gone = await deleted(root, card)
        told = await refused(
            root.reveal.Detokenize(reveals.DetokenizeRequest(token=card.token, purpose="payment"))
        )
        clock.advance(timedelta(days=6, hours=23))
        await site.running.sweeper.sweep()
        back = await undeleted(root, card)
        again = await refused(undeleted(root, card))
        await root.reveal.Detokenize(reveals.DetokenizeRequest(token=card.token, purpose="payment"))
    assert (gone.status, gone.revision) == (DELETED, 2)
    assert gone.erase_time.seconds - gone.delete_time.seconds == 7 * 86_400
    assert (told.code, told.reason) == ("FAILED_PRECONDITION", "CARD_DELETED")
    assert (back.status, back.revision) == (card_pb2.CARD_STATUS_ACTIVE, 3)
    assert not back.HasField("erase_time")
    assert (again.code, again.reason) == ("FAILED_PRECONDITION", "CARD_NOT_DELETED")


async def test_after_the_grace_only_a_tombstone_is_left(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        request = tokenize(customer="c", metadata={"a": "1"}, stored_credentials=[agreement()])
        card = (await root.vault.Tokenize(request)).card
        card = (
            await root.vault.UpdateCard(
                vault.UpdateCardRequest(
                    request_id=request_id(),
                    token=card.token,
                    expected_revision=1,
                    card=card_pb2.CardChanges(number=new_pan()),
                    update_mask=FieldMask(paths=["card.number"]),
                )
            )
        ).card
        gone = await deleted(root, card, 2 * HOUR)
        clock.advance(2 * HOUR)
        late = await refused(undeleted(root, card))
        await site.running.sweeper.sweep()
        tombstone = await now(root, card)
        versions = await root.vault.ListCardVersions(
            vault.ListCardVersionsRequest(token=card.token)
        )
        later = await refused(undeleted(root, card))
        replay = await root.vault.Tokenize(request)
        rows = stored_rows(site)
    assert (late.code, late.reason) == ("FAILED_PRECONDITION", "CARD_ERASED")
    assert (later.code, later.reason) == ("FAILED_PRECONDITION", "CARD_ERASED")
    assert (tombstone.token, tombstone.status) == (card.token, DELETED)
    assert tombstone.revision == gone.revision + 1
    assert tombstone.create_time == card.create_time
    for field in ("bin", "last4", "fingerprint", "customer", "metadata", "stored_credentials"):
        assert not getattr(tombstone, field)
    assert not tombstone.HasField("expiry_year")
    assert not versions.versions
    assert replay.card == tombstone
    assert rows["card_versions"] == rows["fingerprints"] == rows["existing_cards"] == 0


async def test_no_grace_needs_a_permission_of_its_own(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        app, root = await site.client("app"), await site.client("root")
        card = await stored(app)
        told = await refused(deleted(app, card, timedelta(0)))
        still = await now(app, card)
        await deleted(root, card, timedelta(0))
        await site.running.sweeper.sweep()
        erased = await now(app, card)
    assert (told.code, told.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert still.status == card_pb2.CARD_STATUS_ACTIVE
    assert (erased.status, erased.last4) == (DELETED, "")


async def test_a_legal_hold_keeps_contents_until_it_is_released(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        card = await held(root, await stored(root), vault.HOLD_ACTION_PLACE)
        gone = await deleted(root, card, DAY)
        clock.advance(30 * DAY)
        await site.running.sweeper.sweep()
        kept = await now(root, card)
        await held(root, kept, vault.HOLD_ACTION_RELEASE)
        await site.running.sweeper.sweep()
        erased = await now(root, card)
    assert gone.status == DELETED  # the hold stops erasure, not deletion
    assert kept.last4 == card.last4
    assert erased.last4 == ""


async def test_a_hold_may_still_be_placed_on_what_waits_for_its_erasure(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        gone = await deleted(root, await stored(root), DAY)
        await held(root, gone, vault.HOLD_ACTION_PLACE)
        clock.advance(2 * DAY)
        await site.running.sweeper.sweep()
        kept = await now(root, gone)
    assert kept.last4 == gone.last4


async def test_a_card_past_its_time_to_live_is_swept(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        root = await site.client("root")
        card = await stored(root, ttl=DAY)
        clock.advance(DAY)
        await site.running.sweeper.sweep()
        erased = await now(root, card)
    assert (erased.status, erased.last4) == (DELETED, "")


async def test_a_deletion_is_decided_on_a_revision_if_one_is_given(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        root = await site.client("root")
        card = await stored(root)
        request = vault.DeleteCardRequest(
            request_id=request_id(), token=card.token, expected_revision=2
        )
        told = await refused(root.vault.DeleteCard(request))
        request.expected_revision = 1
        first = await root.vault.DeleteCard(request)
        again = await root.vault.DeleteCard(request)
        undelete = vault.UndeleteCardRequest(
            request_id=request_id(), token=card.token, expected_revision=1
        )
        late = await refused(root.vault.UndeleteCard(undelete))
    assert (told.code, told.reason) == ("ABORTED", "REVISION_CONFLICT")
    assert first == again
    assert (late.code, late.reason) == ("ABORTED", "REVISION_CONFLICT")


async def test_superseded_versions_go_when_their_retention_ends(tmp_path: Path) -> None:
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock, superseded_retention=DAY) as site:
        root = await site.client("root")
        old = new_pan()
        card = await stored(root, old)
        await root.vault.UpdateCard(
            vault.UpdateCardRequest(
                request_id=request_id(),
                token=card.token,
                expected_revision=1,
                card=card_pb2.CardChanges(number=new_pan()),
                update_mask=FieldMask(paths=["card.number"]),
            )
        )
        reveal = reveals.DetokenizeRequest(
            token=card.token, purpose="payment", credential_version=1
        )
        shown = (await root.reveal.Detokenize(reveal)).card
        same = shown.number == old
        clock.advance(DAY)
        await site.running.sweeper.sweep()
        told = await refused(root.reveal.Detokenize(reveal))
        found = await root.reveal.FindByNumber(
            reveals.FindByNumberRequest(numbers=[old], purpose="dispute")
        )
    assert same
    assert not found.results[0].response.holders
    assert (told.code, told.reason) == ("NOT_FOUND", "VERSION_NOT_FOUND")
