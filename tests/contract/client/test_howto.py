"""docs/howto/client.md is true: its program runs as it stands, its limits are the code's."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Final

from cardvault.batching import Limits

from tests.doubles.vault_site import vault_site

ROOT: Final = Path(__file__).parents[3]
GUIDE: Final = (ROOT / "docs" / "howto" / "client.md").read_text()
TOLD: Final = re.compile(
    r"(tok_[0-9a-z]{26} ends in (1111|4444|0005)\n){3}"
    r"PERMISSION_DENIED ERROR_REASON_PERMISSION_DENIED\n"
)


async def test_the_program_runs(tmp_path: Path) -> None:
    [program] = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
    async with vault_site(tmp_path) as site:
        for usual, own in (("localhost:50051", site.address), (".cardvault/pki", "pki")):
            assert program.count(usual) == 1
            program = program.replace(usual, own)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-c", program),
            cwd=site.directory,
            env={"PYTHONPATH": str(ROOT / "client"), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, err) == (0, b"")
    assert TOLD.fullmatch(out.decode()) is not None


def test_the_limits_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]+) \|", GUIDE, re.MULTILINE))
    usual = Limits()
    assert told == {
        "`batch_calls`": f"{usual.batch_calls}",
        "`batch_bytes`": f"{usual.batch_bytes >> 20} MiB",
        "`batches`": f"{usual.batches}",
        "`waiting_calls`, `waiting_bytes`": (
            f"{usual.waiting_calls:,}, {usual.waiting_bytes >> 20} MiB"
        ),
    }
