"""`python -m tools.demo`: exit 0 only if every claim that was printed held."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from tools.demo.bytes_on_disk import scan_every_byte
from tools.demo.claims import Claims
from tools.demo.story import Plan, Story, bring_cards_in, kill_it_under_load, prove_the_audit
from tools.demo.updates import bring_cards_up_to_date
from tools.running.process import ProcessFailed
from tools.running.site import Site

_SETTINGS: Final = {
    "CARDVAULT_UPDATER_POLL_INTERVAL": "PT0.3S",
    "CARDVAULT_UPDATER_ASK_INTERVAL": "PT1H",
}


async def run_demo(plan: Plan, home: Path, console: Console) -> bool:
    """Tell the whole story in `home`; True if every claim held. Leaves no process behind."""
    claims = Claims(console)
    async with Site.temporary(home, _SETTINGS) as site:
        story = Story(site, home, plan, console, claims)
        with story.busy("starting the vault"):
            await site.start_vault()
        console.print(f"Vault at {site.vault_address} (process {site.vault.pid}), mTLS, SQLite.")
        await bring_cards_in(story)
        checkpoint = home / "checkpoint.json"
        await story.run(
            *("-m", "vault", "audit", "export-checkpoint"),
            *("--database", str(site.data / "vault.db"), "--output", str(checkpoint)),
        )
        await kill_it_under_load(story)
        await bring_cards_up_to_date(story)
        await scan_every_byte(story)  # before the vault stops, which empties its log
        await prove_the_audit(story, checkpoint)
    return claims.verdict()


def main() -> int:
    """Read the arguments, make the directory, run, and take the directory away again."""
    standard = Plan()
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--cards", type=int, default=standard.cards, help="cards to import")
    parser.add_argument(
        "--load", type=int, default=standard.load, help="cards stored under the kill"
    )
    parser.add_argument("--seed", type=int, default=standard.seed, help="decides what cards become")
    parser.add_argument("--keep", action="store_true", help="keep the directory")
    given = parser.parse_args()
    if not (300 <= given.cards <= 40_000 and 60 <= given.load <= 40_000):
        parser.error("--cards takes 300 to 40,000 and --load 60 to 40,000")
    console = Console()
    home = Path(tempfile.mkdtemp(prefix="cardvault-demo-"))
    started = time.monotonic()
    try:
        console.print(f"Everything happens in {home}; nothing else is touched.", highlight=False)
        plan = Plan(given.cards, given.load, given.seed)
        good = asyncio.run(run_demo(plan, home, console))
    except (ProcessFailed, TimeoutError, OSError) as error:
        console.print(f"[bold red]The demo broke off[/]: {type(error).__name__}", highlight=False)
        console.print(str(error), markup=False, highlight=False)
        good = False
    finally:
        if given.keep:
            console.print(f"Kept: {home}", highlight=False)
        else:
            shutil.rmtree(home, ignore_errors=True)
    console.print(f"{time.monotonic() - started:.0f} s", highlight=False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
