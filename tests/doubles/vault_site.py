"""A vault in this process, served over real mTLS on free ports, with a client per identity.

For tests that look at answers. Tests that kill use processes: `tests/e2e/processes.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from cardvault.vault.v1.audit_service_pb2_grpc import AuditServiceStub
from cardvault.vault.v1.credential_service_pb2_grpc import CredentialServiceStub
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from cards.brands import Brand
from cards.testcards import test_pan
from chassis.channel import open_channel
from chassis.clock import Clock
from chassis.pki import Leaf, ensure_pki
from chassis.tls import TlsFiles
from vault.adapters.local_kms import make_local_key
from vault.config import VaultConfig
from vault.wiring import RunningVault, Seams, running_vault

if TYPE_CHECKING:  # the stubs' asynchronous faces exist for type checkers only
    from cardvault.vault.v1.audit_service_pb2_grpc import AuditServiceAsyncStub
    from cardvault.vault.v1.credential_service_pb2_grpc import CredentialServiceAsyncStub
    from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceAsyncStub
    from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceAsyncStub

# Every identity a test may need; `root` may do everything, `nobody` is in no policy,
# `several` has two tenants, `other` belongs to another tenant.
IDENTITIES = ("app", "psp", "updater", "operator", "root", "several", "other", "nobody")

POLICY = """\
principals:
  - {match: {san: "spiffe://demo/app"}, tenants: [demo], roles: [merchant]}
  - {match: {san: "spiffe://demo/psp"}, tenants: [demo], roles: [psp]}
  - {match: {san: "spiffe://demo/updater"}, tenants: [demo], roles: [updater]}
  - {match: {san: "spiffe://demo/operator"}, tenants: [demo], roles: [operator]}
  - {match: {san: "spiffe://demo/root"}, tenants: [demo], roles: [root]}
  - {match: {san: "spiffe://demo/several"}, tenants: [demo, second], roles: [root]}
  - {match: {san: "spiffe://demo/other"}, tenants: [second], roles: [root]}
roles:
  merchant: {allow: [tokenize, read, update, delete, undelete, security_code], purposes: []}
  psp:
    allow: [reveal, find_by_number, reveal_security_code]
    purposes: [payment, refund, dispute]
    statuses:
      refund: [ACTIVE, NEEDS_CARDHOLDER, CLOSED]
      dispute: [ACTIVE, NEEDS_CARDHOLDER, CLOSED]
  updater:
    allow: [stream_credentials, apply_updates, revert_updates, read, reveal, fingerprint]
    purposes: [updater_inquiry]
  operator: {allow: [keys, audit, tenants, read, status, revert_updates, approve]}
  root:
    allow: [tokenize, read, update, delete, undelete, status, security_code, reveal, find_by_number,
      stream_credentials, apply_updates, revert_updates, approve, audit, bin8, fingerprint,
      reveal_superseded, reveal_security_code, update_existing, erase_now]
    purposes: [payment, refund, dispute, updater_inquiry]
    statuses: {refund: [ACTIVE, NEEDS_CARDHOLDER, CLOSED]}
"""


@cache
def _pki(root: Path) -> Path:
    leaves = (Leaf("server", server=True), *(Leaf(name) for name in IDENTITIES))
    ensure_pki(root, leaves, trust_domain="demo", now=datetime.now(UTC))
    return root


@dataclass(frozen=True, slots=True)
class Client:
    """One identity's stubs."""

    channel: grpc.aio.Channel
    vault: VaultServiceAsyncStub
    reveal: RevealServiceAsyncStub
    credential: CredentialServiceAsyncStub
    audit: AuditServiceAsyncStub


@dataclass(slots=True)
class VaultSite:
    """A running vault and how to reach it."""

    running: RunningVault
    directory: Path
    config: VaultConfig
    stack: AsyncExitStack
    _clients: dict[str, Client] = field(default_factory=dict)

    def tls(self, name: str) -> TlsFiles:
        """Return an identity's files."""
        pki = self.directory / "pki"
        return TlsFiles(pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key")

    @property
    def address(self) -> str:
        """Return the API's address."""
        return f"127.0.0.1:{self.running.server.port}"

    async def client(self, name: str) -> Client:
        """Return an identity's stubs, over one channel for the site's life."""
        if name not in self._clients:
            channel = open_channel(self.address, self.tls(name))
            await self.stack.enter_async_context(channel)
            self._clients[name] = Client(
                channel,
                VaultServiceStub(channel),
                RevealServiceStub(channel),
                CredentialServiceStub(channel),
                AuditServiceStub(channel),
            )
        return self._clients[name]


def site_config(directory: Path, **settings: Any) -> VaultConfig:
    """Return settings for a vault in `directory`, made ready with keys and certificates."""
    pki = _pki(directory / "pki")
    key, policy = directory / "local-kms.key", directory / "policy.yaml"
    if not key.exists():
        make_local_key(key)
    if not policy.exists():
        policy.write_text(POLICY)
    values: Mapping[str, Any] = {
        "listen": "127.0.0.1:0",
        "ops_listen": "127.0.0.1:0",
        "health_listen": "127.0.0.1:0",
        "tls_ca": pki / "ca.pem",
        "tls_certificate": pki / "server.pem",
        "tls_key": pki / "server.key",
        "policy": policy,
        "kms_key": f"local:{key}",
        "database_url": f"sqlite:///{directory}/vault.db",
        "events_url": f"file://{directory}/events.jsonl",
        "endpoint_delay": timedelta(0),
        "connection_age": timedelta(minutes=5),  # so that a stop doesn't wait for connections
        **settings,
    }
    return VaultConfig.load(**values)


@asynccontextmanager
async def vault_site(
    directory: Path,
    *,
    clock: Clock | None = None,
    seams: Seams = Seams(),  # noqa: B008 - frozen
    **settings: Any,
) -> AsyncIterator[VaultSite]:
    """Serve a vault until the block is left. `async with` it inside the test itself."""
    config = site_config(directory, **settings)
    async with (
        running_vault(config, clock=clock, seams=seams) as running,
        AsyncExitStack() as stack,
    ):
        yield VaultSite(running, directory, config, stack)


_COUNTERS: Iterator[int] = count(1)


def new_pan(brand: Brand = Brand.VISA) -> str:
    """Return a test number that no other test of this process uses."""
    return test_pan(brand, next(_COUNTERS))


def request_id() -> str:
    """Return a fresh request id."""
    return str(uuid.uuid4())
