"""The distribution stands on its own: it needs neither the server's code nor its libraries."""

import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parents[3] / "client"
PROGRAM = """
import socket, sys
def refuse(*_): raise AssertionError("importing opened a socket")
socket.socket.connect = refuse
import cardvault.client
ours = {"vault", "updater", "chassis", "cards"}
ours |= {"protovalidate", "pydantic", "cryptography", "structlog"}
print(sorted(ours & {name.partition(".")[0] for name in sys.modules}))
"""


def test_importing_it_brings_nothing_of_the_servers() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=CLIENT,
        env={"PYTHONPATH": str(CLIENT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
