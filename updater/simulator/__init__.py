"""Play the acquirer and the card networks behind an exchange directory.

The simulator is the updater's oracle: it shares a directory with it, and neither process nor code.
It has its own check digit, brand table, parser and writer, so that a mistake of the updater's is
not repeated here. Layout: account-updater.md section 4.1; what was chosen here: README.md.
"""

from updater.simulator.ledger import DEFAULT_RATES, Expiry, IssuerLedger, Outcome, Rates, Truth
from updater.simulator.numbers import CardNumber

__all__ = [
    "DEFAULT_RATES",
    "CardNumber",
    "Expiry",
    "IssuerLedger",
    "Outcome",
    "Rates",
    "Truth",
]
