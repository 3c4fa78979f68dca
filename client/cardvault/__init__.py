"""Cardvault's client: `cardvault.client` batches; stubs are in `cardvault.{vault,updater}.v1`.

This module imports none of them: servers have the stubs, and no use for the client.
"""

from functools import cache
from importlib.resources import files

__all__ = ("service_config",)


@cache
def service_config() -> str:
    """Return how channels should call Cardvault, as the JSON that gRPC takes in every language.

    For `options=[("grpc.service_config", service_config())]`. Calls are spread over all addresses;
    UNAVAILABLE, and nothing else, is tried again, up to four times in all: it alone says that
    nothing is known to be done, or that the same request id may be sent again. No method has a
    time-out in it: deadlines are the caller's.
    """
    return files(__name__).joinpath("service_config.json").read_text("utf-8")
