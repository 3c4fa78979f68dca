"""Describe one RPC as data: where it is, what it takes, who may call it, what runs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from google.protobuf.message import Message

from chassis.call import Call


class Kind(Enum):
    """Say how many messages go each way."""

    UNARY = auto()
    SERVER_STREAM = auto()


Handler = Callable[[Any, Call], Awaitable[Message]] | Callable[[Any, Call], AsyncIterator[Message]]
"""Take the parsed request and its call. Streams are async generators. Raise `StatusError`, or an
error that the service's translation knows; anything else becomes INTERNAL without its text."""


@dataclass(frozen=True, slots=True)
class Route:
    """Bind a handler to its path, messages and rights; checked when it is made.

    `permission` is one name, or alternatives of which one is enough, or None for any known
    identity. `read_only` handlers may be cut off at any await: the guard then enforces the
    deadline itself, as it does for streams. A handler that writes enforces its own.
    """

    path: str
    request: type[Message]
    response: type[Message]
    kind: Kind
    permission: str | tuple[str, ...] | None
    handler: Handler
    tenant_scoped: bool = True
    read_only: bool = False

    def __post_init__(self) -> None:
        """Refuse a path that isn't "/package.Service/Method", and an empty alternative."""
        parts = self.path.split("/")
        if len(parts) != 3 or parts[0] or not parts[1] or not parts[2]:
            raise ValueError("a route's path is /package.Service/Method")
        if self.permission is not None and not self.permissions:
            raise ValueError("a route without alternatives would admit nobody")

    @property
    def service(self) -> str:
        """Return the full name of the gRPC service."""
        return self.path.split("/")[1]

    @property
    def method(self) -> str:
        """Return "package.Service/Method", the form used in metrics and logs."""
        return self.path[1:]

    @property
    def permissions(self) -> frozenset[str]:
        """Return the alternatives as a set; empty when any known identity may call."""
        if self.permission is None:
            return frozenset()
        if isinstance(self.permission, str):
            return frozenset({self.permission} - {""})
        return frozenset(self.permission) - {""}
