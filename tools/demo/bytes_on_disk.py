"""Chapter 4: every byte that the demo left on disk is scanned for every number there ever was."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

from tools.demo.planting import HIDDEN
from tools.demo.story import Story


async def scan_every_byte(story: Story) -> None:
    """Have the scanner find planted numbers first, then nothing under data, exchange and logs."""
    claims, site = story.claims, story.site
    claims.step("4 · the bytes on disk")
    numbers = story.numbers
    planted = plant(story.home / "planted", numbers, story.plan.seed)
    with story.busy("cardvault scan: planted numbers"):
        found, _ = await _scan(story, [story.home / "planted"])
    right = {
        (Path(hit["file"]).stem, hit["encoding"], hit["line"]) for hit in found
    } == planted and len(found) == len(planted)
    kinds = Counter(sorted(encoding for _, encoding, _ in planted))
    claims.claim(
        f"the scanner finds all {len(planted)} planted numbers: "
        + ", ".join(f"{count} in {name}" for name, count in kinds.items()),
        right,
        f"{len(found)} found",
    )
    places = {"data": site.data, "exchange": site.exchange, "logs": site.logs}
    exchanged = [path for path in site.exchange.rglob("*.pgp") if path.stat().st_size]
    claims.claim(
        f"there is something to look at: {len(exchanged)} exchange files, database, log, events",
        len(exchanged) >= 2 and all((site.data / name).stat().st_size for name in _DATA),
    )
    for name, path in places.items():
        with story.busy(f"cardvault scan: {name}"):
            found, totals = await _scan(story, [path])
        claims.claim(
            f"{name}: {totals['files']} files, {totals['bytes']:,} bytes, scanned for "
            f"{len(numbers):,} numbers: none",
            totals["found"] == 0 and totals["unreadable"] == 0 and totals["files"] > 0,
            found[:5] or totals,
        )


_DATA = ("vault.db", "vault.db-wal", "updater.db", "events.jsonl")


def plant(directory: Path, numbers: list[str], seed: int) -> set[tuple[str, str, int]]:
    """Hide a number per encoding and alignment, each in a file; return (file, encoding, line)."""
    directory.mkdir()
    dice = random.Random(seed)  # noqa: S311 - not a secret
    planted = set()
    for name, (encoding, hide) in HIDDEN.items():
        line = dice.randrange(len(numbers))
        # Long enough for the number to lie across what is read at once.
        before = dice.randbytes((1 << 20) - 8) if name == "ascii" else dice.randbytes(512)
        hidden = hide(numbers[line])
        (directory / f"{name}.bin").write_bytes(before + b"\x01\x02" + hidden + b"\x01\x02")
        planted.add((name, encoding, line + 1))
    return planted


async def _scan(story: Story, paths: list[Path]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    said = await story.run(
        *("-m", "vault", "scan", "--json", "--numbers-from", "-", *(str(path) for path in paths)),
        stdin="\n".join(story.numbers).encode(),
        accept=(0, 1),
    )
    *found, totals = [json.loads(line) for line in said.splitlines()]
    return found, totals
