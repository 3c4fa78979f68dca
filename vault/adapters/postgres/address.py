"""What the vault's sessions ask of PostgreSQL. Needs no driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from chassis.postgres import address

SETTINGS: Final = {
    "application_name": "cardvault",
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


class Address(address.Address):
    """Where the vault's database is, and how long to wait for it. Times in seconds."""

    __slots__ = ()
    session: ClassVar[Mapping[str, str]] = SETTINGS
