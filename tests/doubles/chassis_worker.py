"""A worker without a service: started by a supervisor in tests, does as its argument says.

`serve`: ready at once, leaves when told. `dies`: ends with status 7 before it is ready. `short`:
ready, then ends with status 7 at once. `deaf`: ready, takes no notice of being told to leave.
`silent`: lives and never answers. `unreadable`: has a number that can't be read. Each start is a
line in the file named by the second argument.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from chassis.ops import Probes
from chassis.workers.host import open_worker


def main() -> None:
    """Do as told."""
    way, journal, _control, control, _number, number = sys.argv[1:]
    listed = sorted(int(name) for name in os.listdir("/proc/self/fd"))  # noqa: PTH208
    inherited = [at for at in listed if at > 2 and _open(at)]
    with Path(journal).open("a") as out:
        out.write(f"{number} {os.getpid()} {inherited}\n")
    if way == "dies":
        sys.exit(7)
    stop = threading.Event()
    for told in (signal.SIGTERM, signal.SIGUSR2):
        signal.signal(told, lambda *_: None if way == "deaf" else stop.set())
    if way == "silent":
        time.sleep(600)
    worker = open_worker(int(control), 5.0)
    registry = CollectorRegistry()
    Counter("cardvault_calls", "Calls", ("method",), registry=registry).labels('a"b').inc(3)
    if way == "unreadable":
        Gauge("cardvault_age", "Age", registry=registry).set_function(lambda: 1 / 0)
    with worker.running(), worker.serving_ops(Probes(registry, lambda: 0.0, lambda: ())):
        while not stop.wait(0.2 if way == "short" else 0.5):
            if way == "short":
                os._exit(7)


def _open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
