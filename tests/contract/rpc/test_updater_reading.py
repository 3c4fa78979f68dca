"""The updater's own client and store against the real stream: what it must not miss."""

from __future__ import annotations

from pathlib import Path

from cardvault.vault.v1 import vault_service_pb2 as vault
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.clock import SystemClock
from tests.doubles.rpc_requests import SHOP, agreement, covered
from tests.doubles.vault_site import request_id, vault_site
from updater.adapters.sqlite.database import open_database
from updater.adapters.sqlite.enrolments import SqliteEnrolments
from updater.adapters.vault_client import VaultClient
from updater.usecases.enrol import Enrol


async def test_a_withdrawn_consent_reaches_the_updater(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site, open_database(tmp_path / "updater.db") as database:
        root, updater = await site.client("root"), await site.client("updater")
        card = await covered(root)
        store = SqliteEnrolments(database)
        enrol = Enrol(VaultClient(updater.channel), store, SystemClock())
        assert await enrol("demo") == 1
        withdrawn = agreement(withdraw_time=Timestamp(seconds=1_695_000_000))
        await root.vault.UpdateCard(
            vault.UpdateCardRequest(
                request_id=request_id(),
                token=card.token,
                expected_revision=card.revision,
                stored_credentials=[withdrawn],
            )
        )
        assert await enrol("demo") == 1
        kept = await store.get("demo", card.token, SHOP)
        assert kept is not None
        assert not kept.covered
        assert await enrol("demo") == 0  # read again for the overlap's sake, and nothing new
