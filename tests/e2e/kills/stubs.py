"""Channels to a vault that dies: one per identity, reconnecting at once, without retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Self

import grpc
from cardvault.vault.v1.audit_service_pb2_grpc import AuditServiceStub
from cardvault.vault.v1.reveal_service_pb2_grpc import RevealServiceStub
from cardvault.vault.v1.vault_service_pb2_grpc import VaultServiceStub

from chassis.channel import MESSAGE_LIMIT
from chassis.tls import channel_credentials
from tests.e2e.processes import Site

Method = Callable[..., Awaitable[Any]]

_STUBS: Final[tuple[tuple[str, Any, tuple[str, ...]], ...]] = (
    (
        "app",
        VaultServiceStub,
        (
            "Tokenize",
            "BatchTokenize",
            "GetCard",
            "BatchGetCards",
            "ListCardVersions",
            "UpdateCard",
            "DeleteCard",
            "UndeleteCard",
        ),
    ),
    ("operator", VaultServiceStub, ("SetCardStatus",)),
    ("operator", AuditServiceStub, ("ListAuditRecords",)),
    ("psp", RevealServiceStub, ("Detokenize", "BatchDetokenize")),
)
_OPTIONS: Final = (
    # Without a service config every attempt is the test's own, so that the history has it. What no
    # server has taken in, because a connection reached its age just then, gRPC still sends again.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long one attempt to connect may take
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
)


class Stubs:
    """The methods by name, each called as an identity that may."""

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods: Final = methods

    def __getitem__(self, name: str) -> Method:
        return self._methods[name]

    @classmethod
    @asynccontextmanager
    async def to(cls, site: Site) -> AsyncIterator[Self]:
        """Open channels that outlive the vaults of `site`."""
        channels: dict[str, grpc.aio.Channel] = {}
        methods: dict[str, Method] = {}
        async with AsyncExitStack() as stack:
            for identity, stub, names in _STUBS:
                if identity not in channels:
                    credentials = channel_credentials(site.tls(identity))
                    channels[identity] = await stack.enter_async_context(
                        grpc.aio.secure_channel(site.vault_address, credentials, options=_OPTIONS)
                    )
                made = stub(channels[identity])
                methods.update({name: getattr(made, name) for name in names})
            yield cls(methods)
