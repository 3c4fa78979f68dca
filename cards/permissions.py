"""What a policy may grant: both services read one policy file (api.md, "Policy file")."""

from typing import Final

PERMISSIONS: Final = frozenset(
    {
        "tokenize",
        "read",
        "update",
        "delete",
        "undelete",
        "status",
        "security_code",
        "reveal",
        "find_by_number",
        "stream_credentials",
        "apply_updates",
        "revert_updates",
        "keys",
        "audit",
        "tenants",
        "approve",
        "import",
        "export",
        "bin8",
        "fingerprint",
        "reveal_superseded",
        "reveal_security_code",
        "update_existing",
        "erase_now",
        "seal",
        "shred",
    }
)
"""All that a role's `allow` may name."""

REVEALED_STATUSES: Final = frozenset({"ACTIVE", "NEEDS_CARDHOLDER", "CLOSED"})
"""The card statuses that a role's `statuses` may name: a deleted card is revealed to nobody."""
