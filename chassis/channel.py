"""Open client channels the way this product wants to be called: mTLS, retries in the channel."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from chassis.call import TENANT_KEY
from chassis.tls import TlsFiles, channel_credentials

MESSAGE_LIMIT: Final = 4 << 20

SERVICE_CONFIG: Final[Mapping[str, object]] = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                # UNAVAILABLE only: it alone says that nothing is known to be done, or that the
                # same request id may be tried again. Anything else is the caller's decision.
                "retryableStatusCodes": ["UNAVAILABLE"],
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
            },
        }
    ],
    "retryThrottling": {"maxTokens": 100, "tokenRatio": 0.1},
}
"""The one retry layer (reliability-security-operations.md §1.2); no code retries around it.

The client distribution ships the same as `cardvault/service_config.json`; this module imports no
client, so a test holds the two together."""


def service_config_json() -> str:
    """Return the service config as the JSON that every gRPC language takes."""
    return json.dumps(SERVICE_CONFIG, sort_keys=True)


def channel_options() -> tuple[tuple[str, str | int], ...]:
    """Return the options of a channel to another service: the same as the client's."""
    return (
        ("grpc.service_config", service_config_json()),
        # Else a connection that a dying server reset is looked for after a second, longer than all
        # tries of a call together; after a long outage, up to two minutes late.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", MESSAGE_LIMIT),
        ("grpc.max_send_message_length", MESSAGE_LIMIT),
        # Else what is larger than 256 KiB is not kept, and so never tried again.
        ("grpc.per_rpc_retry_buffer_size", MESSAGE_LIMIT + (64 << 10)),
        # Not below 5 minutes: the server counts closer pings as abuse and hangs up.
        ("grpc.keepalive_time_ms", 330_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    )


def tenant_metadata(tenant: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that names a tenant, for identities with several."""
    return ((TENANT_KEY, tenant),)


def open_channel(
    target: str, files: TlsFiles, interceptors: Sequence[grpc.aio.ClientInterceptor] = ()
) -> grpc.aio.Channel:
    """Open an mTLS channel; raises CertificateInvalid. The caller closes it."""
    return grpc.aio.secure_channel(
        target,
        channel_credentials(files),
        interceptors=interceptors,
        options=channel_options(),
    )


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Return the status that came with a failed call; an empty one where none did.

    Or where it can't be read: a proxy's, say. The call's code is true all the same.
    """
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()


def reason_in(status: status_pb2.Status) -> str:
    """Return the ErrorReason's name in a status, without its prefix; "" where there is none."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        try:
            if detail.Unpack(info):
                return str(info.reason).removeprefix("ERROR_REASON_")
        except DecodeError:
            continue
    return ""
