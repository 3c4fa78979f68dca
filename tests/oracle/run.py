"""`python -m tests.oracle.run`: an updater's semantics against the simulator's ledger.

Real processes, killed at random; exit 0 only if every card and every row is as it has to be.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chassis.channel import open_channel
from tests.bench.machine import this_machine
from tests.oracle.drive import Drive
from tests.oracle.installation import Installation, installed
from tests.oracle.judgement import Judgement
from tests.oracle.operator import Operator
from tests.oracle.outcome import Proven
from tests.oracle.page import report, write_page
from tests.oracle.plan import Plan
from tests.oracle.scanning import scan


async def prove(plan: Plan, home: Path, say: Callable[[str], None]) -> Proven:
    """Run a proof under `home`, which is empty. Raises what keeps it from its end."""
    async with installed(plan, home) as installation:
        site = installation.site
        address = site.addresses["CARDVAULT_UPDATER_LISTEN"]
        async with open_channel(address, site.tls("operator")) as channel:
            operator = Operator(channel)
            drive = Drive(installation, operator, say)
            await drive.run()
            judgement = Judgement(installation, operator, drive.stored)
            verdict = await judgement.judge()
            drive.times.lap("judge")
        audit = await _audit(installation)
        drive.times.lap("audit verify")
        numbers = [*(card.contents.number for card in drive.stored), *judgement.given]
        found = await asyncio.to_thread(scan, installation, numbers, plan.most_scanned)
        drive.times.lap("scan")
    return Proven(
        plan=plan,
        verdict=verdict,
        kinds=judgement.kinds,
        kills=drive.kills.done,
        approved=operator.approved,
        audit=audit,
        scan=found,
        seconds=drive.times.parts,
    )


async def _audit(installation: Installation) -> str:
    """Stop the vault and verify its audit; return what is wrong with it."""
    site = installation.site
    await site.vault.stop()
    done = await asyncio.to_thread(
        site.run,
        *("-m", "vault", "audit", "verify", "--database", str(site.data / "vault.db")),
        *("--public-key", str(site.data / "audit-public.pem")),
        accept=range(256),
    )
    return "" if done.returncode == 0 else done.stdout.decode(errors="replace")[-500:]


def main() -> None:
    """Read the arguments, prove, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=20_261)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--dir", type=Path, help="Keep what it left here; it has to be empty.")
    parser.add_argument("--page", type=Path, help="Write this page, if all was right.")
    arguments = parser.parse_args()
    machine = this_machine("make proof")
    plan = Plan(arguments.answers, arguments.seed, arguments.kills)

    def say(text: str) -> None:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    with tempfile.TemporaryDirectory(prefix="cardvault-proof-") as scratch:
        proven = asyncio.run(prove(plan, arguments.dir or Path(scratch), say))
    sys.stdout.write(f"{report(proven)}\n")
    if proven.right and arguments.page:
        write_page(arguments.page, proven, machine)
    sys.exit(0 if proven.right else 1)


if __name__ == "__main__":
    main()
