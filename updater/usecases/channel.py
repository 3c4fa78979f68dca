"""How this deployment uses one channel: its format, whom it serves, and what passes unseen."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cards.brands import Brand
from updater.domain.bounds import Bounds
from updater.domain.enrolment import AskingPolicy
from updater.domain.mapping import Network, network_of
from updater.domain.shadow import Shadow
from updater.files.answers import DISCOVER, MASTERCARD, VISA
from updater.files.codec import Codec

_MERCHANT_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,29}")
"""What fits a file's name, whose parts dots delimit."""

_LETTERS: Final[Mapping[Network, str]] = {
    Network.VISA: VISA,
    Network.MASTERCARD: MASTERCARD,
    Network.DISCOVER: DISCOVER,
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel, as configured.

    `merchant_ids` maps (tenant, merchant account) to the acquirer's merchant id; an account
    without an entry goes by its own name, or isn't served at all if `only_listed`. `segments` are
    what the networks call us, by the format's network letter; `terminal_id` goes into the formats
    that have one. `records_per_file` keeps files within the format's size. `takes_test_numbers`:
    a published test number may become a card's number here, as it may nowhere in production.
    """

    name: str
    codec: Codec
    policy: AskingPolicy
    merchant_ids: Mapping[tuple[str, str], str]
    status_email: str
    records_per_file: int = 50_000
    only_listed: bool = False
    segments: Mapping[str, str] = field(default_factory=dict)
    terminal_id: str = ""
    bounds: Bounds = field(default_factory=Bounds)
    shadow: Shadow = field(default_factory=Shadow)
    takes_test_numbers: bool = False

    def serves(self, tenant: str, account: str, brand: Brand) -> bool:
        """Tell whether cards of a brand are asked about here for a merchant account."""
        listed = not self.only_listed or (tenant, account) in self.merchant_ids
        return listed and brand in self.policy.brands

    def merchant_id(self, tenant: str, account: str) -> str:
        """Return the acquirer's id of a merchant account; empty if none can be written."""
        merchant_id = self.merchant_ids.get((tenant, account), account)
        return merchant_id if _MERCHANT_ID.fullmatch(merchant_id) else ""

    def network(self, brand: Brand) -> str:
        """Return the letter of the network that a file is for; empty where one file has all."""
        return network_letter(brand) if self.codec.one_network_per_file else ""


def network_letter(brand: Brand) -> str:
    """Return a brand's network as the formats with one network a file name it, or nothing."""
    return _LETTERS.get(network_of(brand), "")


def asker(
    channels: Sequence[Channel],
    paused: Collection[tuple[str, str]],
    *,
    tenant: str,
    account: str,
    brand: Brand,
) -> Channel | None:
    """Return the channel that asks: the first in configuration order that serves and doesn't rest.

    `paused` are (channel, tenant). So two channels never ask about one card, whoever runs them.
    """
    for channel in channels:
        if (channel.name, tenant) not in paused and channel.serves(tenant, account, brand):
            return channel
    return None
