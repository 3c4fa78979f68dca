"""The loops that watch: the policy file, and the event loop's pulse."""

import asyncio
import time
from pathlib import Path

from chassis.policy_file import PolicyFile
from chassis.pulse import Pulse
from tests.unit.chassis.test_policy import APP, GOOD, WORDS


async def test_the_policy_is_watched(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(GOOD)
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    file = PolicyFile(path, WORDS, on_loaded=lambda _policy: loop.call_soon_threadsafe(changed.set))
    await asyncio.sleep(0)
    changed.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        watching = group.create_task(file.watch(interval=0.01))
        path.write_text(GOOD.replace("demo/app", "demo/somebody"))
        await changed.wait()
        watching.cancel()
    assert file.identify([APP]) is None


async def test_a_blocked_loop_shows() -> None:
    lags: list[float] = []
    pulse = Pulse(lags.append, interval=0.01)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(pulse.run())
        await asyncio.sleep(0.05)
        assert pulse.age() < 1
        before = len(lags)
        time.sleep(0.2)  # noqa: ASYNC251 - the fault itself
        assert pulse.age() >= 0.15
        await asyncio.sleep(0.05)
        running.cancel()
    assert before > 0
    assert max(lags[before:]) >= 0.1
