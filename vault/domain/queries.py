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
    """A page of audit records of one tenant; `after` is the last (time, chain, sequence)."""

    tenant: str
    limit: int
    after: tuple[int, str, int] = (0, "", 0)
    from_time: int = 0
    to_time: int = 0
    action: str = ""
    token: str = ""
    principal: str = ""


class Checkpoint(NamedTuple):
    """A signed statement of where all chains stood; `body` is the JSON that was signed."""

    number: int
    time: int
    body: bytes
    key_id: str
    signature: bytes
