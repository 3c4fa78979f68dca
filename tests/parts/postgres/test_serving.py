"""The whole vault on PostgreSQL: two of them on one database, over mTLS, and starting again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault

from tests.doubles.rpc_requests import tokenize
from tests.doubles.vault_site import new_pan, vault_site
from tests.parts.servers.postgres import PostgresServer
from vault.adapters.postgres.address import Address
from vault.adapters.postgres.open import open_postgres
from vault.crypto.checkpoints import parse_body


async def test_two_vaults_on_one_database_and_a_third_after_them(dsn: str, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    kms_key = f"local:{tmp_path / 'one' / 'local-kms.key'}"
    number = new_pan()
    async with (
        vault_site(tmp_path / "one", database_url=dsn) as one,
        vault_site(tmp_path / "two", database_url=dsn, kms_key=kms_key) as two,
    ):
        app, other = await one.client("app"), await two.client("app")
        asked = tokenize(number, customer="c")
        card = (await app.vault.Tokenize(asked)).card
        again = await other.vault.Tokenize(asked)  # the same request id, at the other process
        assert again.card.token == card.token
        psp = await two.client("psp")
        asks = reveals.DetokenizeRequest(token=card.token, purpose="payment")
        shown = await psp.reveal.Detokenize(asks)
        right = number in str(shown)
        assert right
        many = [app.vault.Tokenize(tokenize(new_pan())) for _ in range(20)]
        many += [other.vault.Tokenize(tokenize(new_pan())) for _ in range(20)]
        tokens = {answer.card.token for answer in await asyncio.gather(*many)}
        assert len(tokens) == 40
        found = await other.vault.GetCard(vault.GetCardRequest(token=card.token))
        assert found.card.last4 == number[-4:]
    async with vault_site(tmp_path / "one", database_url=dsn):
        pass  # it ends both their chains, which they left in order
    async with open_postgres(Address(dsn)) as engine:
        open_now = await engine.audit.open_chains()
        assert len(open_now) == 1
        (first,) = await engine.audit.chain_records(open_now[0].chain, 0, 1)
        assert len(json.loads(json.loads(first.record)["note"])) == 2
        numbers = [each.number for each in await engine.audit.checkpoints(0, 1_000)]
        assert numbers == list(range(len(numbers), 0, -1))
        assert len(numbers) >= 3
        last = await engine.audit.last_checkpoint()
        assert last is not None
        assert any(mark.chain == open_now[0].chain for mark in parse_body(last.body).chains)


async def test_a_vault_does_not_start_before_its_database_is_migrated(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    dsn = await postgres.empty_database()
    refused = ""
    try:
        async with vault_site(tmp_path, database_url=dsn):
            pass
    except Exception as error:  # noqa: BLE001 - told by its text, below
        refused = str(error)
    assert "cardvault migrate" in refused
