"""Filters for lists, and the signed checkpoint: plain values that stores and readers share."""

from __future__ import annotations

from typing import NamedTuple


class CardQuery(NamedTuple):
    """A page of cards. Empty fields do not filter; `expires_before` is yyyymm, exclusive."""

    tenant: str
    limit: int
    after_token: str = ""
    customer: str = ""
    fingerprint: str = ""
    statuses: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    expires_before: int = 0
    changed_since: int = 0  # microseconds, inclusive
    now: int = 0  # cards past their time to live count as DELETED at this time
    kind: str = ""


class AuditQuery(NamedTuple):
    """Audit records of one tenant, behind the (chain, sequence) of `after` and up to `until`'s."""

    tenant: str
    limit: int
    after: tuple[str, int] = ("", 0)
    from_time: int = 0
    to_time: int = 0
    action: str = ""
    token: str = ""
    principal: str = ""
    until: tuple[str, int] | None = None


class Checkpoint(NamedTuple):
    """A signed statement of where all chains stood; `body` is the JSON that was signed."""

    number: int
    time: int
    body: bytes
    key_id: str
    signature: bytes
