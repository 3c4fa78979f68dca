"""Write docs/reference/doctor.md from the rules; `--check` fails if it is stale."""

from __future__ import annotations

import sys
from pathlib import Path

from chassis.doctor.finding import SEVERITIES, Rule
from updater.doctor.service import RULES as UPDATERS
from vault.doctor.service import RULES as VAULTS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "doctor.md"
HEAD = """\
# Doctor

Made by `python tools/doctor_page.py` from the rules in `chassis/doctor`, `vault/doctor` and
`updater/doctor`.

    cardvault doctor [--json] [--strict] [--processes N] [--hostname NAME] [--deadline SECONDS]
    cardvault-updater doctor [--json] [--strict] [--hostname NAME] [--deadline SECONDS]

Reports every setting that would break a promise, as the service's own role sees it; it asks, and
changes nothing. A line a finding: severity, id, what is, what must be, which promise breaks, what
to do. Ids never change. Exit 1 where a promise is broken (`--strict`: at a risk, too).

**broken**: a promise does not hold. **risk**: it holds until something else happens, or nobody
could look (`NOT_CHECKED`). **note**: what can't be seen from here. An asterisk: outside production
a risk.

In production on PostgreSQL, `cardvault serve`, `cardvault-updater serve` and `run-once` look at
durability, the role and its rights by themselves, and do not start where a promise is broken;
`CARDVAULT_DOCTOR=warn`, and `CARDVAULT_UPDATER_DOCTOR=warn`, make that a warning.

Whether standbys are synchronous shows only to a role with `pg_read_all_stats`; everything else
shows to `cardvault_serving`. Whether Patroni may empty the list of standbys
(`synchronous_mode_strict`) shows to nobody in SQL.

"""


def main() -> None:
    """Write or check the page."""
    if "--check" in sys.argv:
        if PAGE.read_text("utf-8") != page():
            sys.exit(f"{PAGE} is stale: run python tools/doctor_page.py")
        return
    PAGE.write_text(page(), "utf-8")


def page() -> str:
    """Return the page."""
    rules = {rule.id: rule for rule in (*VAULTS, *UPDATERS)}
    listed = sorted(rules.values(), key=lambda rule: (SEVERITIES.index(rule.severity), rule.id))
    head = (
        "| id | severity | must be | breaks | do | on RDS, Aurora |",
        "|---|---|---|---|---|---|",
    )
    return HEAD + "\n".join((*head, *map(row, listed))) + "\n"


def row(rule: Rule) -> str:
    """Return a rule's line."""
    severity = rule.severity.value + ("\\*" if rule.relaxed else "")
    cells = (f"`{rule.id}`", severity, rule.must, rule.breaks, rule.how, rule.rds)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    main()
