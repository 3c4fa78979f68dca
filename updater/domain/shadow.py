"""Shadow mode: answers are judged and decided as ever, and change nothing.

It serves to try a new channel, tenant or range of cards: the vault is asked what it would do
(`dry_run`), and the file's report tells what would have changed.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shadow:
    """Whose answers change nothing: the whole channel's, tenants', or card ranges'.

    `bins` are 6 or 8 leading digits of the number that was asked about.
    """

    everything: bool = False
    tenants: Collection[str] = frozenset()
    bins: Collection[str] = frozenset()

    def covers(self, tenant: str, digits: str) -> bool:
        """Tell whether an answer about a number of a tenant is in the shadow."""
        if self.everything or tenant in self.tenants:
            return True
        return any(digits.startswith(prefix) for prefix in self.bins)
