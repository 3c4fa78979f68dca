"""One vault, one updater with three channels, and three acquirers: set up, and their settings."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from cardvault.vault.v1.card_pb2 import (
    Agreement,
    CardDetails,
    CardKind,
    Initiator,
    StoredCredential,
    TokenFormat,
)
from cardvault.vault.v1.vault_service_pb2 import BatchTokenizeRequest, TokenizeRequest
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.channel import open_channel, tenant_metadata
from tests.oracle.plan import CHANNELS, OTHER_TENANT, ChannelPlan, Plan, PlannedCard, planned_cards
from tests.oracle.record import Stored
from tools.running.process import Process
from tools.running.site import Site

if TYPE_CHECKING:  # the asynchronous stubs are types only
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

_BATCH: Final = 1_000
_AT_ONCE: Final = 4
_DEADLINE: Final = 60.0
NOBODY: Final = "nobody"
"""A merchant account without cards: a channel that lists it alone asks about none."""
SWEEP_S: Final = 1
"""How often a vault sweeps, in seconds."""


@dataclass(frozen=True, slots=True)
class Installation:
    """A running proof's places and processes."""

    site: Site
    plan: Plan
    home: Path

    def exchange(self, channel: ChannelPlan) -> Path:
        """Return a channel's exchange directory."""
        return self.site.data / f"exchange-{channel.name}"

    def script(self, channel: ChannelPlan) -> Path:
        """Return where the script is that the simulator plays for a channel."""
        return self.site.data / f"script-{channel.name}.yaml"

    @property
    def exchanges(self) -> Sequence[Path]:
        """Return all exchange directories."""
        return [self.exchange(each) for each in CHANNELS]

    def enrolled(self) -> int:
        """Return how many enrolments the updater has."""
        path = self.site.data / "updater.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            [count] = db.execute("SELECT count(*) FROM enrolments").fetchone()
        return int(count)

    def ask_about(self, *, anybody: bool) -> None:
        """Write the channels file: each channel asks about its account's cards, or about none."""
        document = {"channels": [self._channel(each, anybody=anybody) for each in CHANNELS]}
        self._channels_file.write_text(yaml.safe_dump(document))

    def late_updater(self) -> Process:
        """Name an updater whose patience with unanswered questions is over; it isn't started."""
        self.site.env["CARDVAULT_UPDATER_ANSWER_TIMEOUT"] = "PT1S"
        return self.site.process("late-updater", "-m", "updater", "serve")

    @property
    def _channels_file(self) -> Path:
        return self.site.data / "channels.yaml"

    def _channel(self, channel: ChannelPlan, *, anybody: bool) -> Mapping[str, Any]:
        account = channel.account if anybody else NOBODY
        rows = self.plan.records_per_file
        bounds = {"changed_share": 0.95, "closed_share": 0.4, "unasked": 0}
        if channel.format != "gp-bigbatch-80":  # there every step of a chain is one of these
            bounds["unasked"] = max(3, rows // 50)
        return {
            "name": channel.name,
            "format": channel.format,
            "exchange_directory": str(self.exchange(channel)),
            "merchant_ids": {f"demo/{account}": f"MERCHANT{channel.name.upper()}"},
            "brands": [each.value for each in channel.brands],
            "only_listed": True,
            "records_per_file": rows,
            "bounds": bounds,
            **channel.settings,
        }


@asynccontextmanager
async def installed(plan: Plan, home: Path) -> AsyncIterator[Installation]:
    """Make everything, start nothing; kill what still runs when the block is left."""
    settings = {
        "CARDVAULT_PARKED_PER_DAY": str(plan.parked_per_day),
        "CARDVAULT_SWEEP_INTERVAL": f"PT{SWEEP_S}S",
        "CARDVAULT_UPDATER_CHANNELS": str((home / "data" / "channels.yaml").absolute()),
        "CARDVAULT_UPDATER_POLL_INTERVAL": "PT0.2S",
        "CARDVAULT_UPDATER_ASK_INTERVAL": "PT1H",
    }
    async with Site.temporary(home, settings) as site:
        made = Installation(site, plan, home)
        await asyncio.to_thread(site.run, "-m", "updater", "init", "--dir", str(site.data))
        for channel in CHANNELS:
            for folder in ("inbox", "outbox"):
                (made.exchange(channel) / folder).mkdir(parents=True, mode=0o700)
            made.script(channel).write_text(yaml.safe_dump(dict(channel.script)))
        made.ask_about(anybody=True)
        policy = site.data / "policy.yaml"
        both = policy.read_text()
        for who in ("app", "psp"):
            mine = f'san: "spiffe://demo/{who}"}}\n    tenants: [demo'
            both = both.replace(mine, f"{mine}, {OTHER_TENANT}")
        policy.write_text(both)
        yield made


async def store_cards(installation: Installation) -> Sequence[Stored]:
    """Store every planned card over the API, several batches at a time."""
    site, found = installation.site, []
    async with open_channel(site.vault_address, site.tls("app")) as channel:
        vault: VaultServiceAsyncStub = VaultServiceStub(channel)
        for tenant in ("demo", OTHER_TENANT):
            cards = [each for each in planned_cards(installation.plan) if each.tenant == tenant]
            parts = [cards[at : at + _BATCH] for at in range(0, len(cards), _BATCH)]
            turn = asyncio.Semaphore(_AT_ONCE)

            async def store(
                part: Sequence[PlannedCard], place: int, tenant: str, turn: asyncio.Semaphore
            ) -> Sequence[Stored]:
                async with turn:
                    return await _stored(vault, tenant, part, place)

            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(store(part, place, tenant, turn))
                    for place, part in enumerate(parts)
                ]
            found += [each for task in running for each in task.result()]
    return found


async def _stored(
    vault: VaultServiceAsyncStub, tenant: str, cards: Sequence[PlannedCard], place: int
) -> Sequence[Stored]:
    requests = [_tokenize(each, place * _BATCH + at) for at, each in enumerate(cards)]
    response = await vault.BatchTokenize(
        BatchTokenizeRequest(requests=requests),
        timeout=_DEADLINE,
        metadata=tenant_metadata(tenant),
        wait_for_ready=True,
    )
    tokens = [result.response.card.token for result in response.results]
    if not all(tokens):
        raise RuntimeError("a card could not be stored")
    return [
        Stored(token, tenant, card.account, card.contents)
        for token, card in zip(tokens, cards, strict=True)
    ]


def _tokenize(card: PlannedCard, place: int) -> TokenizeRequest:
    year, month = card.contents.expiry
    details = CardDetails(number=card.contents.number, expiry_month=month, expiry_year=year)
    consent = StoredCredential(
        merchant_account=card.account,
        agreement=Agreement.AGREEMENT_RECURRING,
        initiator=Initiator.INITIATOR_MERCHANT,
    )
    consent.consent_time.seconds = 1
    return TokenizeRequest(
        request_id=f"00000000-0000-4000-8000-{place:012x}",
        card=details,
        customer=card.customer,
        kind=CardKind.CARD_KIND_FPAN,
        token_format=TokenFormat.TOKEN_FORMAT_OPAQUE,
        stored_credentials=[consent] if card.account else [],
    )
