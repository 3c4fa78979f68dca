"""The measured process inside Envoy; `tests.bench.server` becomes it."""

from __future__ import annotations

from chassis.envoy.guest import Guest
from tests.bench.server import options_of
from tests.bench.serving import serve


async def _main(guest: Guest) -> int:
    await serve(options_of(guest.arguments["argv"]), guest)
    return 0


guest = Guest(_main)
