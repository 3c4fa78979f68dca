"""Cardvault's client: `cardvault.client` batches; stubs are in `cardvault.{vault,updater}.v1`.

This module imports none of them: servers have the stubs, and no use for the client.
"""

from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ("channel_options", "service_config")

_MESSAGE_LIMIT: Final = 4 << 20
_RETRY_BUFFER: Final = _MESSAGE_LIMIT + (64 << 10)
"""Room for any message that may be sent, and for its metadata."""


@cache
def service_config() -> str:
    """Return how channels should call Cardvault, as the JSON that gRPC takes in every language.

    For `options=[("grpc.service_config", service_config())]`. Calls are spread over all addresses;
    UNAVAILABLE, and nothing else, is tried again, up to four times in all: it alone says that
    nothing is known to be done, or that the same request id may be sent again. No method has a
    time-out in it: deadlines are the caller's.

    Where most calls fail, nothing is tried again (`retryThrottling`): of a channel's 100 tokens
    each UNAVAILABLE takes one, each success gives back a tenth, and a retry needs more than 50. So
    after some 50 failures a call is tried but once, until calls succeed: ten for each token short.
    """
    return files(__name__).joinpath("service_config.json").read_text("utf-8")


def channel_options() -> tuple[tuple[str, str | int], ...]:
    """Return the options of a channel to Cardvault: `service_config()`, and how to connect again.

    gRPC would wait a second after a connection that failed, longer than all its tries of a call
    together, and two minutes after many: so one that a dying server reset failed its callers. And
    what is larger than 256 KiB, as a batch may well be, it would not keep, so never try again.
    """
    return (
        ("grpc.service_config", service_config()),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
        ("grpc.max_send_message_length", _MESSAGE_LIMIT),
        ("grpc.per_rpc_retry_buffer_size", _RETRY_BUFFER),
        # Not below 5 minutes: the server counts closer pings as abuse and hangs up.
        ("grpc.keepalive_time_ms", 330_000),
        ("grpc.keepalive_timeout_ms", 20_000),
    )
