"""Say who calls, and what the policy lets them do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DEFAULT_STATUSES: Final = frozenset({"ACTIVE", "NEEDS_CARDHOLDER"})
"""Statuses a purpose may see unless the policy lists others for it (api.md, "Policy file")."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Hold one principal's effective rights: the union of its roles. Compiled once, at load.

    `statuses` names, per purpose, the statuses it may see; a purpose without an entry may see
    `DEFAULT_STATUSES`.
    """

    principal: str
    tenants: tuple[str, ...]
    permissions: frozenset[str]
    purposes: frozenset[str]
    statuses: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)

    def allows(self, permission: str) -> bool:
        """Say whether a role of this principal grants the permission."""
        return permission in self.permissions
