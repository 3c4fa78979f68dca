"""Options that several commands have."""

from typing import Final

import click

AS_JSON: Final = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
REASON: Final = click.option(
    "--reason", required=True, help="Why, for the log: 1 to 200 characters, no card number."
)
DRY_RUN: Final = click.option("--dry-run", is_flag=True, help="Say what would be; change nothing.")
WITHIN: Final = click.option(
    "--within",
    type=click.FloatRange(1, 86_400),
    default=600.0,
    show_default=True,
    help="Seconds it may take; given again, it goes over the same file once more.",
)
SOON_S: Final = 30.0
"""How long a command waits for a service that has little to do."""
