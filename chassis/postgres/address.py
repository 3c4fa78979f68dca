"""Where a database is, and what each session asks of the server. Needs no driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Pooler = Literal["none", "pgbouncer", "pgbouncer-prepared"]
"""What stands between: nothing, PgBouncer in transaction mode, or one (1.21 up, with
`max_prepared_statements`) that keeps prepared statements apart."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is, and how long to wait for it. Times in seconds."""

    session: ClassVar[Mapping[str, str]] = {}
    """What a service asks of its sessions, beside what all ask; a subclass says it."""

    dsn: str = field(repr=False)  # may hold a password
    connections: int = 4
    connect_s: float = 5.0
    lock_s: float = 2.0
    flush_s: float = 10.0
    pooler: Pooler = "none"

    @property
    def pooled(self) -> bool:
        """Tell whether sessions are a pooler's, with the role's settings and none of ours."""
        return self.pooler != "none"

    @property
    def prepares(self) -> bool:
        """Tell whether a statement that was prepared is still there later."""
        return self.pooler != "pgbouncer"

    def at_start(self, *, listing: bool = False) -> dict[str, str]:
        """Return the settings that are sent when a session begins; a pooler takes no others."""
        asked = self.settings(listing=listing)
        if self.pooled:
            return {name: asked[name] for name in asked if name == "application_name"}
        return asked

    def settings(self, *, listing: bool = False) -> dict[str, str]:
        """Return a session's settings; `listing` lets filters choose their plan."""
        made = {
            "default_transaction_isolation": "read committed",
            **self.session,
            "lock_timeout": str(int(self.lock_s * 1_000)),
        }
        # One pool's sessions serve both, so all of them let filters choose.
        return made | {"plan_cache_mode": "auto"} if listing or self.pooled else made


def hosts_of(dsn: str) -> tuple[str, ...]:
    """Split `scheme://user@host1:port,host2:port/database?...` into one address a host."""
    scheme, _, rest = dsn.partition("://")
    end = min((place for mark in "/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    user, at, hosts = rest[:end].rpartition("@")
    return tuple(f"{scheme}://{user}{at}{host}{rest[end:]}" for host in hosts.split(","))
