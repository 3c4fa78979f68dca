"""Where the database is, and what each session asks of the server. Needs no driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SETTINGS: Final = {
    "application_name": "cardvault",
    "default_transaction_isolation": "read committed",
    # A plan is made once and serves tables of any size: it may only search by index.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "join_collapse_limit": "1",  # joins run in the order in which they are written
    "from_collapse_limit": "1",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is, and how long to wait for it. Times in seconds."""

    dsn: str = field(repr=False)  # may hold a password
    connections: int = 4
    connect_s: float = 5.0
    lock_s: float = 2.0
    flush_s: float = 10.0

    def settings(self, *, listing: bool = False) -> dict[str, str]:
        """Return a session's settings; `listing` lets filters choose their plan."""
        made = SETTINGS | {"lock_timeout": str(int(self.lock_s * 1_000))}
        return made | {"plan_cache_mode": "auto"} if listing else made
