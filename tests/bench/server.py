"""The measured process: the real vault with everything on, and the empty RPC beside it.

Started by the runner, which holds its standard input open: at its end, at SIGTERM or after
`--most-seconds` it drains and stops. What it does is in `serving.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from chassis.runtime import prepare_environment


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--database-url", required=True)
    parser.add_argument("--name", default="server")
    parser.add_argument("--no-events", dest="events", action="store_false")
    parser.add_argument("--otlp-endpoint")
    parser.add_argument("--trace-ratio", type=float, default=0.01)
    parser.add_argument("--most-seconds", type=float, required=True)
    parser.add_argument("--transport", default="grpcio")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve until told to stop."""
    options = options_of(sys.argv[1:])
    prepare_environment()
    from tests.bench.serving import start  # noqa: PLC0415 - after the environment is safe

    start(options)


if __name__ == "__main__":
    main()
