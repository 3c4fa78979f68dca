"""Every attribute a span may carry, in one place: the conventions they follow still move.

Names of OpenTelemetry's conventions; RPC ones as opentelemetry-instrumentation-grpc writes them.
"""

from __future__ import annotations

from typing import Final

RPC_SYSTEM: Final = "rpc.system"
RPC_SERVICE: Final = "rpc.service"
RPC_METHOD: Final = "rpc.method"
RPC_STATUS: Final = "rpc.grpc.status_code"
ERROR_TYPE: Final = "error.type"
DB_SYSTEM: Final = "db.system.name"
MESSAGING_SYSTEM: Final = "messaging.system"

ALLOWED: Final = frozenset(
    {RPC_SYSTEM, RPC_SERVICE, RPC_METHOD, RPC_STATUS, ERROR_TYPE, DB_SYSTEM, MESSAGING_SYSTEM}
)
"""What leaves. The library also writes the caller's user agent and address: the one is whatever a
caller likes, the other is in the audit record, where it can be relied on."""
