"""The README's program runs as it is printed, against a real vault."""

import asyncio
import re
import sys
from pathlib import Path

from tests.doubles.vault_site import vault_site

ROOT = Path(__file__).parents[2]


async def test_the_program_in_the_readme_stores_a_card(tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    async with vault_site(tmp_path) as site:
        program = program.replace("localhost:50051", f"localhost:{site.running.server.port}")
        program = program.replace(".cardvault/pki/", f"{tmp_path}/pki/")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            stdout=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": str(ROOT / "client")},
        )
        out, _err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    assert re.fullmatch(rb"tok_[0-9a-z]{26} 2 1111 True\n", out)
