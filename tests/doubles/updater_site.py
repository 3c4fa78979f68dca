"""An updater in this process, served over real mTLS in front of a real vault and real files."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import grpc
from cardvault.updater.v1 import feed_service_pb2 as feed_pb
from cardvault.updater.v1 import updater_service_pb2 as pb
from cardvault.updater.v1.feed_service_pb2_grpc import FeedServiceStub
from cardvault.updater.v1.updater_service_pb2_grpc import UpdaterServiceStub
from cardvault.vault.v1 import card_pb2, reveal_service_pb2, vault_service_pb2
from google.rpc import error_details_pb2, status_pb2

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from chassis.channel import open_channel
from tests.doubles.updater_acquirer import Acquirer
from tests.doubles.updater_scripts import new_number
from tests.doubles.updater_vault_server import agreement
from tests.doubles.vault_site import VaultSite, vault_site
from updater.adapters.marks import make_marks_key
from updater.adapters.openpgp import make_exchange_keys
from updater.config import UpdaterConfig
from updater.domain.mapping import CYBERSOURCE
from updater.usecases.assembly import Stores
from updater.wiring import RunningUpdater, running_updater

DEADLINE: Final = 10.0
CHANNEL: Final = CYBERSOURCE
"""The one channel, unless the settings name a file of several: its name is its format's."""


@dataclass
class Site:
    """A running updater, its vault, its acquirer, and stubs per identity."""

    vault: VaultSite
    config: UpdaterConfig
    running: RunningUpdater
    acquirer: Acquirer
    counter: int = 0

    @property
    def address(self) -> str:
        """Return where the API is."""
        return f"127.0.0.1:{self.running.server.port}"

    @property
    def stores(self) -> Stores:
        """Return the service's own stores."""
        return self.running.updater.ports.stores

    async def channel(self, name: str) -> grpc.aio.Channel:
        """Return an identity's channel."""
        channel = open_channel(self.address, self.vault.tls(name))
        return await self.vault.stack.enter_async_context(channel)

    async def stubs(
        self, name: str
    ) -> tuple[Any, Any]:  # the stubs' types are those of blocking calls
        """Return an identity's stubs of both services."""
        channel = await self.channel(name)
        return UpdaterServiceStub(channel), FeedServiceStub(channel)

    async def card(self, *accounts: str, brand: Brand = Brand.VISA) -> str:
        """Store a card whose cardholder agreed to recurring payments at these accounts."""
        self.counter += 1
        client: Any = await self.vault.client("root")
        details = card_pb2.CardDetails(
            number=number_for_test(brand, self.counter), expiry_month=11, expiry_year=2027
        )
        request = vault_service_pb2.TokenizeRequest(
            request_id=rid(),
            card=details,
            kind=card_pb2.CARD_KIND_FPAN,
            token_format=card_pb2.TOKEN_FORMAT_OPAQUE,
            stored_credentials=[agreement(account) for account in accounts],
        )
        reply: Any = await client.vault.Tokenize(request, timeout=DEADLINE)
        return str(reply.card.token)

    async def revealed(self, token: str) -> Any:
        """Return what the vault reveals of a card."""
        client: Any = await self.vault.client("root")
        request = reveal_service_pb2.DetokenizeRequest(token=token, purpose="payment")
        return await client.reveal.Detokenize(request, timeout=DEADLINE)

    async def asked(self, channel: str = CHANNEL, account: str = "shop") -> str:
        """Open an inquiry and wait until its file is sent; return its id."""
        updater, _ = await self.stubs("root")
        request = pb.CreateInquiryRequest(
            request_id=rid(), channel=channel, merchant_account=account
        )
        opened: Any = await updater.CreateInquiry(request, timeout=DEADLINE)
        inquiry_id = str(opened.inquiry.inquiry_id)

        async def sent() -> bool:
            return await self.inquiry_state(inquiry_id) == pb.INQUIRY_STATE_SENT

        await until(sent)
        return inquiry_id

    async def inquiry_state(self, inquiry_id: str) -> int:
        """Return how far an inquiry is."""
        updater, _ = await self.stubs("root")
        request = pb.GetInquiryRequest(inquiry_id=inquiry_id)
        reply: Any = await updater.GetInquiry(request, timeout=DEADLINE)
        return int(reply.inquiry.state)

    async def fed(self, state: int = feed_pb.FEED_FILE_STATE_APPLIED) -> Any:
        """Have what is in the outbox answered; wait for the newest file to be in a state."""
        _, feeds = await self.stubs("root")
        before = len((await self._files(feeds)).feed_files)
        self.acquirer.answer_all()
        return await self.file_in(state, more_than=before)

    async def file_in(self, state: int, *, more_than: int = 0) -> Any:
        """Wait until the newest feed file is in a state, and return it with its counts."""
        _, feeds = await self.stubs("root")

        async def there() -> bool:
            files = (await self._files(feeds)).feed_files
            return len(files) > more_than and files[0].state == state

        await until(there)
        newest = (await self._files(feeds)).feed_files[0].feed_file_id
        request = feed_pb.GetFeedFileRequest(feed_file_id=newest)
        return (await feeds.GetFeedFile(request, timeout=DEADLINE)).feed_file

    async def _files(self, feeds: Any) -> Any:
        return await feeds.ListFeedFiles(feed_pb.ListFeedFilesRequest(), timeout=DEADLINE)


@asynccontextmanager
async def updater_site(root: Path, **settings: Any) -> AsyncIterator[Site]:
    """Serve an updater until the block is left. `async with` it inside the test itself."""
    make_exchange_keys(root / "keys", root / "simulator-keys")
    make_marks_key(root / "keys")
    async with vault_site(root) as vault:
        pki = vault.directory / "pki"
        config = UpdaterConfig.load(
            **{
                "listen": "127.0.0.1:0",
                "ops_listen": "127.0.0.1:0",
                "health_listen": "127.0.0.1:0",
                "tls_ca": pki / "ca.pem",
                "tls_certificate": pki / "server.pem",
                "tls_key": pki / "server.key",
                "client_certificate": pki / "updater.pem",
                "client_key": pki / "updater.key",
                "policy": vault.config.policy,
                "vault_address": vault.address,
                "database_url": f"sqlite:///{root}/updater.db",
                "exchange_directory": root / "exchange",
                "exchange_keys": root / "keys",
                "endpoint_delay": timedelta(0),
                "drain_timeout": timedelta(seconds=1),
                "poll_interval": timedelta(milliseconds=50),
                "ask_interval": timedelta(hours=1),
                **settings,
            }
        )
        acquirer = Acquirer(root / "simulator-keys", root / "exchange", CHANNEL, new_number)
        async with running_updater(config) as running:
            # Its first look for due cards is over: from here on only requests open inquiries.
            await until(lambda: _asked(running))
            yield Site(vault, config, running, acquirer)


async def _asked(running: RunningUpdater) -> bool:
    turns = [worker.turns.counted["ask"] for worker in running.workers.channels]
    return min(turns) > 0 and running.workers.enrolment.turns.counted["enrol"] > 0


def rid() -> str:
    """Return a fresh request id."""
    return str(uuid.uuid4())


async def until(ready: Callable[[], Awaitable[bool]]) -> None:
    """Wait, for ten seconds at most, until something is so."""
    async with asyncio.timeout(10):
        while not await ready():  # noqa: ASYNC110 - another process's state: nothing to wait on
            await asyncio.sleep(0.02)


def reason(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str]:
    """Return a status's code and reason."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(bytes(trailers["grpc-status-details-bin"]))
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return error.code(), info.reason.removeprefix("ERROR_REASON_")
