"""Real processes for end-to-end tests: `Site` (tools/running), and a vault that dies on cue.

async with Site.temporary(tmp_path) as site:
    vault = killable_vault(site, {"after_commit": 40})
    vault.start()
    await vault.ready(site.addresses["CARDVAULT_OPS_LISTEN"])
    ...                                # load, until the phase is reached
    assert await vault.ended() == -signal.SIGKILL
    await site.start_vault()           # an ordinary one on the same data
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Final

from tools.running.process import Process, ProcessFailed
from tools.running.site import ROOT, Site

__all__ = ("Process", "ProcessFailed", "Site", "killable_vault", "limits")

_NUMBERS: Final = count(1)


def killable_vault(site: Site, die: Mapping[str, int]) -> Process:
    """Name a vault of `site` that kills itself at a phase's n-th time; it isn't started."""
    script = str(ROOT / "tests" / "e2e" / "killable_vault.py")
    return site.process(f"killable-vault-{next(_NUMBERS)}", script, *limits(die))


def limits(die: Mapping[str, int]) -> list[str]:
    """Return the arguments that tell a vault where to kill itself."""
    return [text for phase, times in die.items() for text in ("--die", f"{phase}:{times}")]
