"""`python -m chassis.workers PLAN`: what a service becomes when it is to have several workers.

It takes the place of the service's own process (exec), so that no gRPC, no key and no database
driver is ever loaded in the process that starts others.
"""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog

from chassis.endings import leaves, said
from chassis.logs import configure_logs
from chassis.runtime import forbid_core_dumps
from chassis.uncaught import tell_without_text
from chassis.workers.plan import Plan
from chassis.workers.supervisor import Supervisor

_log = structlog.get_logger("chassis")


async def supervise(plan: Plan) -> int:
    """Run a plan until a signal ends it; return the exit status. Raises OSError."""
    supervisor = Supervisor(plan)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.roll)
    return await supervisor.run()


def main() -> int:
    """Read the plan and run it."""
    forbid_core_dumps()
    tell_without_text()
    plan = Plan.from_json(sys.argv[1])
    configure_logs(service=plan.service, level=plan.log_level)
    try:
        return asyncio.run(supervise(plan))
    except (OSError, ExceptionGroup) as error:
        found = leaves(error)
        refused = [each for each in found if isinstance(each, OSError)]
        if len(refused) < len(found):
            raise  # a fault of ours
        problem = said(refused[0])
        _log.critical("cannot start", problem=problem)
        sys.stderr.write(f"Error: {problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
