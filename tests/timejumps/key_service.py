"""`python -m tests.timejumps.key_service TOKEN KEY`: a key service that can be stopped.

Prints where it is, and serves until its standard input ends or it is killed.
"""

from __future__ import annotations

import signal
import sys

from tests.doubles.kms_transit import TransitKey, transit_server


def main(token: str, key: str) -> None:
    """Serve one key to one token."""
    with transit_server() as server:
        server.keys[key] = TransitKey()
        server.allow(token, key)
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
