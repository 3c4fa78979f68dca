"""Notice callers who hang up, so that nothing is done for nobody.

pyvoy tells of it only to who asks for more of the request; to ask for each call would cost each of
them, and nearly all are answered before anybody could hang up. So now and then those that have been
under way for a while are asked about.
"""

import asyncio
from typing import Any, Final

from chassis.envoy.call import EnvoyCall
from chassis.envoy.frames import Receive

LOOK_S: Final = 0.1


class Absent:
    """Knows the calls whose request is complete; `run()` beside the server."""

    def __init__(self) -> None:
        self._waiting: Final[dict[asyncio.Task[Any], tuple[EnvoyCall, Receive]]] = {}

    def watch(self, task: asyncio.Task[Any], call: EnvoyCall, receive: Receive) -> None:
        """Cancel this task once its caller has hung up."""
        self._waiting[task] = (call, receive)

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Forget a task: its call is over."""
        self._waiting.pop(task, None)

    async def run(self) -> None:
        """Look, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            before = loop.time() - LOOK_S
            for task, (call, receive) in list(self._waiting.items()):
                if call.began > before or task.done():
                    continue
                if await _hung_up(receive) and task in self._waiting:
                    call.gone = True
                    task.cancel()


async def _hung_up(receive: Receive) -> bool:
    try:
        event = await receive()
    except OSError:
        return True
    return bool(event["type"] == "http.disconnect")
