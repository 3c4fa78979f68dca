"""What the updater's sessions ask of PostgreSQL. Needs no driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.postgres import address

SETTINGS: Final = {
    "application_name": "cardvault-updater",
    # Statements are few and large: each is planned for the rows it has, and searches by index.
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "jit": "off",
    # A process that is stopped in the middle of a transaction holds the lease's row: not for long.
    "idle_in_transaction_session_timeout": "10000",
}


class Address(address.Address):
    """Where the updater's database is, and how long to wait for it. Times in seconds."""

    __slots__ = ()
    session: ClassVar[Mapping[str, str]] = SETTINGS
