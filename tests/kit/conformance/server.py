"""A server as connectconformance starts one: asked on its input, told on its output.

One process, until SIGTERM: `python -m tests.kit.conformance.server --transport envoy --described
FILE`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chassis.envoy.launch import become_envoy
from chassis.runtime import prepare_environment, run
from tests.kit.conformance.messages import Messages, read_sized
from tests.kit.conformance.place import made_for


def main() -> None:
    """Serve what the suite asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--transport", choices=("grpcio", "envoy"), required=True)
    parser.add_argument("--described", type=Path, required=True)
    told = parser.parse_args()
    prepare_environment()
    messages = Messages(told.described)
    place = made_for(read_sized(messages["ServerCompatRequest"], sys.stdin.buffer))
    try:
        if told.transport == "envoy":
            from tests.kit.conformance.in_envoy import APP  # noqa: PLC0415 - needs the extra

            arguments = {
                "place": str(place.directory),
                "direct": place.direct,
                "message_bytes": place.message_bytes,
                "described": str(told.described),
            }
            become_envoy(APP, place.options, place.server, arguments)
        from tests.kit.conformance.in_grpcio import serve  # noqa: PLC0415 - Envoy goes without

        run(serve(place, messages))
    finally:
        place.remove()


if __name__ == "__main__":
    main()
