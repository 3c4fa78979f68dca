"""`python -m tests.oracle.networks JSON`: all acquirers, in a process of their own.

It can be killed anywhere: what was begun is finished by the next one. Whoever drives it writes a
simulated time into one file, and finds it in another one once all that was due is delivered.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from chassis.files import write_private
from tests.oracle.installation import Installation
from tests.oracle.plan import CHANNELS, ChannelPlan
from updater.simulator.setup import JOURNAL, Setup

_LOOK: Final = 0.05


def setup_of(installation: Installation, channel: ChannelPlan) -> Setup:
    """Return how the simulator plays one channel."""
    data = installation.site.data
    return Setup(
        exchange=installation.exchange(channel),
        keys=data / "exchange-keys",
        simulator_keys=data / "simulator-keys",
        seed=installation.plan.seed,
        form_name=channel.format,
        script=installation.script(channel),
    )


def order_file(installation: Installation) -> Path:
    """Return where the simulated time is written that is to be played, in seconds since 1970."""
    return installation.home / "networks-now"


def done_file(installation: Installation) -> Path:
    """Return where the simulated time is found that was played to its end."""
    return installation.home / "networks-done"


def job_of(installation: Installation) -> str:
    """Return what this process is to play."""
    setups = [setup_of(installation, each) for each in CHANNELS]
    return json.dumps(
        {
            "order": str(order_file(installation)),
            "done": str(done_file(installation)),
            "channels": [
                {
                    "exchange": str(each.exchange),
                    "keys": str(each.keys),
                    "simulator_keys": str(each.simulator_keys),
                    "seed": each.seed,
                    "form_name": each.form_name,
                    "script": str(each.script),
                }
                for each in setups
            ],
        }
    )


def due_times(installation: Installation) -> Sequence[int]:
    """Return all times at which a file is due, in seconds, from the acquirers' own journals."""
    found: set[int] = set()
    for exchange in installation.exchanges:
        for line in (exchange / JOURNAL).read_text().splitlines():
            record: dict[str, Any] = json.loads(line)
            found.update(-(-due // 1_000_000) for due in record.get("due", ()))
    return sorted(found)


def main() -> None:
    """Deliver what is due whenever a time is ordered, until killed."""
    job = json.loads(sys.argv[1])
    order, done = Path(job["order"]), Path(job["done"])
    now = 0
    with ExitStack() as stack:
        acquirers = []
        for each in job["channels"]:
            paths = {
                name: Path(each[name]) for name in ("exchange", "keys", "simulator_keys", "script")
            }
            setup = Setup(**paths, seed=each["seed"], form_name=each["form_name"])
            clock = lambda: datetime.fromtimestamp(now, UTC)  # noqa: E731 - the loop's own time
            acquirers.append(stack.enter_context(setup.acquirer(clock=clock)))
            acquirers[-1].recover()
        while True:
            ordered = int(order.read_text())
            if ordered == now:
                time.sleep(_LOOK)
                continue
            now = ordered
            for acquirer in acquirers:
                for _ in acquirer.answer_pending():
                    pass
            write_private(done, f"{now}\n".encode())


if __name__ == "__main__":
    main()
