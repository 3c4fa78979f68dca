"""A supervisor and workers that are no services: started, asked, replaced, given up, left."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from chassis.workers.answers import WholeAnswers
from chassis.workers.child import Child
from chassis.workers.control import Control
from chassis.workers.pages import merged
from chassis.workers.plan import Plan
from chassis.workers.ports import PortTaken, keeping_ports
from chassis.workers.slot import Pace
from chassis.workers.supervisor import Supervisor

ROOT = Path(__file__).parents[3]
QUICK = Pace(ready=60.0, look=0.05, silent=6.0, first_pause=0.01, last_pause=0.05, most_short=3)
WORKER = str(ROOT / "tests" / "doubles" / "chassis_worker.py")


def a_plan(tmp_path: Path, way: str = "serve", workers: int = 2, leave_s: float = 5.0) -> Plan:
    return Plan(
        service="test",
        command=(sys.executable, WORKER, way, str(tmp_path / "journal")),
        workers=workers,
        addresses=(),
        ops_listen="127.0.0.1:0",
        leave_s=leave_s,
    )


def journal(tmp_path: Path) -> list[tuple[int, int]]:
    """Return the starts so far: place and process id."""
    with contextlib.suppress(FileNotFoundError):
        lines = (tmp_path / "journal").read_text().splitlines()
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]
    return []


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def of_process(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - other processes do it
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(plan: Plan, pace: Pace = QUICK) -> AsyncIterator[Supervisor]:
    """Run a supervisor; on the way out it must have ended its workers in order."""
    supervisor = Supervisor(plan, pace)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(supervisor.run())
        try:
            yield supervisor
        finally:
            supervisor.stop()
            await asyncio.wait([task], timeout=30)
    assert task.result() == 0


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'client'}")


async def test_workers_are_started_asked_and_left(tmp_path: Path) -> None:
    async with running(a_plan(tmp_path)) as supervisor:
        assert supervisor.missing_to_be_ready() == ["a worker"]
        await until(lambda: b"workers_ready 2.0" in _own_page(supervisor))
        assert (supervisor.missing_to_be_ready(), supervisor.missing_to_be_alive()) == ([], [])
        page = (await supervisor.page()).decode()
        for place in (0, 1):
            line = f'cardvault_calls_total{{method="a\\"b",worker="{place}"}} 3.0'
            assert line in page
            assert f'cardvault_worker_starts_total{{worker="{place}"}} 1.0' in page
        assert page.count("# TYPE cardvault_calls_total counter") == 1
        pids = [pid for _place, pid in journal(tmp_path)]
        assert all(map(alive, pids))
    assert not any(map(alive, pids))
    assert supervisor.missing_to_be_ready() == ["draining"]


def _own_page(supervisor: Supervisor) -> bytes:
    return merged({}, supervisor)


async def test_a_worker_inherits_its_control_socket_and_nothing_else(tmp_path: Path) -> None:
    with socket.socket() as ours:
        ours.set_inheritable(True)  # as a careless library leaves one
        async with running(a_plan(tmp_path, workers=1)):
            await until(lambda: len(journal(tmp_path)) == 1)
    descriptors = (tmp_path / "journal").read_text().split(" ", 2)[2]
    assert len(descriptors.strip("[]\n").split(",")) == 1


async def test_a_dead_worker_is_started_again(tmp_path: Path) -> None:
    async with running(a_plan(tmp_path)) as supervisor:
        await until(lambda: b"workers_ready 2.0" in _own_page(supervisor))
        place, pid = journal(tmp_path)[0]
        os.kill(pid, signal.SIGKILL)
        await until(lambda: len(journal(tmp_path)) == 3)
        assert journal(tmp_path)[2][0] == place
        await until(lambda: b"workers_ready 2.0" in _own_page(supervisor))
        deaths = f'cardvault_worker_deaths_total{{worker="{place}"}} 1.0'
        assert deaths.encode() in _own_page(supervisor)


async def test_a_cancellation_that_comes_with_an_answer_is_one() -> None:
    """Else a supervisor that is told to stop at that moment would never hear of it."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, control = await loop.create_connection(Control, sock=ours)
    asking = loop.create_task(control.ask("/readyz"))
    await asyncio.sleep(0)
    control.data_received(struct.pack("!IHI", 1, HTTPStatus.OK, 0))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    transport.close()
    theirs.close()


async def test_want_of_processes_is_waited_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    async def in_vain(_kind: type[Child], _plan: Plan, number: int) -> Child:
        tried.append(number)
        if len(tried) == 2:
            monkeypatch.undo()
        raise BlockingIOError

    async with running(a_plan(tmp_path)) as supervisor:
        await until(lambda: b"workers_ready 2.0" in _own_page(supervisor))
        monkeypatch.setattr(Child, "start", classmethod(in_vain))
        os.kill(journal(tmp_path)[1][1], signal.SIGKILL)
        await until(lambda: len(tried) == 2)
        monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'client'}")
        await until(lambda: len(journal(tmp_path)) == 3)
    assert tried == [1, 1]


async def test_a_roll_replaces_each_by_one_that_was_ready_first(tmp_path: Path) -> None:
    async with running(a_plan(tmp_path)) as supervisor:
        await until(lambda: b"workers_ready 2.0" in _own_page(supervisor))
        old = [pid for _place, pid in journal(tmp_path)]
        supervisor.roll()
        supervisor.roll()  # asked twice before it begins is once
        while any(map(alive, old)):
            assert supervisor.missing_to_be_ready() == []
            await asyncio.sleep(0.01)
        await until(lambda: b"workers_ready 2.0" in _own_page(supervisor))
        assert [place for place, _pid in journal(tmp_path)] == [0, 1, 0, 1]
        assert b"deaths_total" in _own_page(supervisor)
        assert b'deaths_total{worker="0"} 1' not in _own_page(supervisor)


async def test_a_service_that_cannot_start_ends_it_with_its_status(tmp_path: Path) -> None:
    assert await Supervisor(a_plan(tmp_path, "dies"), QUICK).run() == 7
    assert len(journal(tmp_path)) == 1  # the others were never tried


async def test_workers_that_keep_dying_end_it_with_their_status(tmp_path: Path) -> None:
    assert await Supervisor(a_plan(tmp_path, "short", workers=1), QUICK).run() == 7
    assert len(journal(tmp_path)) == QUICK.most_short


async def test_a_worker_that_does_not_leave_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor(a_plan(tmp_path, "deaf", workers=1, leave_s=0.3), QUICK)
    asyncio.get_running_loop().call_later(3.0, supervisor.stop)
    assert await supervisor.run() == 1
    assert not any(alive(pid) for _place, pid in journal(tmp_path))


async def test_a_worker_that_never_answers_is_killed_and_ends_it(tmp_path: Path) -> None:
    pace = Pace(ready=1.0, look=0.05, silent=1.0)
    status = await Supervisor(a_plan(tmp_path, "silent", workers=1), pace).run()
    assert status == 128 + signal.SIGKILL


async def test_a_number_that_can_not_be_read_costs_a_page_and_no_worker(tmp_path: Path) -> None:
    async with running(a_plan(tmp_path, "unreadable", workers=1)) as supervisor:
        await until(lambda: b"workers_ready 1.0" in _own_page(supervisor))
        page = await supervisor.page()
        assert b"cardvault_calls" not in page
        child = supervisor._slots[0].child
        assert child is not None
        assert (await child.ask("/healthz")).ok


async def test_a_stopped_worker_is_unwell_then_killed_and_replaced(tmp_path: Path) -> None:
    async with running(a_plan(tmp_path, workers=1)) as supervisor:
        await until(lambda: b"workers_ready 1.0" in _own_page(supervisor))
        _place, pid = journal(tmp_path)[0]
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: len(journal(tmp_path)) == 2)
        assert not alive(pid)


async def test_workers_leave_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    plan = a_plan(tmp_path).to_json()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chassis.workers", plan, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    await until(lambda: len(journal(tmp_path)) == 2)
    pids = [pid for _place, pid in journal(tmp_path)]
    await asyncio.sleep(0.5)  # until they have taken up their connection
    process.kill()
    await process.wait()
    await until(lambda: not any(map(alive, pids)))


async def test_a_supervisor_obeys_signals_and_loads_no_grpc(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chassis.workers", a_plan(tmp_path).to_json(), cwd=ROOT
    )
    await until(lambda: len(journal(tmp_path)) == 2)
    await asyncio.sleep(0.5)
    assert "cygrpc" not in of_process(process.pid, "maps")
    for pid in [process.pid, *[pid for _place, pid in journal(tmp_path)]]:
        core = next(line for line in of_process(pid, "limits").splitlines() if "core file" in line)
        assert core.split()[4:6] == ["0", "0"]  # a worker inherits it
    process.send_signal(signal.SIGHUP)
    await until(lambda: len(journal(tmp_path)) == 4)
    process.terminate()
    assert await process.wait() == 0
    assert not any(alive(pid) for _place, pid in journal(tmp_path))


async def _told(plan: Plan) -> bytes:
    """Run a supervisor that can't start; return what it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chassis.workers", plan.to_json()),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said = b"".join(await process.communicate())
    assert process.returncode == 1
    assert b"Traceback" not in said
    return said


async def test_a_worker_that_cannot_be_run_is_told_without_a_traceback(tmp_path: Path) -> None:
    said = await _told(dataclasses.replace(a_plan(tmp_path), command=(str(tmp_path / "nothing"),)))
    assert f"Error: No such file or directory: {tmp_path / 'nothing'}\n".encode() in said


async def test_a_failure_that_names_no_file_is_told_without_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        said = await _told(dataclasses.replace(a_plan(tmp_path), ops_listen=taken))
    assert b"Error: Address already in use\n" in said


def test_a_port_that_something_serves_is_not_shared() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(PortTaken), keeping_ports([address]):
            raise AssertionError("two installations on one port")
    with keeping_ports([address]), socket.socket() as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind(("127.0.0.1", int(address.rpartition(":")[2])))
        worker.listen()
        socket.create_connection(worker.getsockname(), timeout=5).close()


async def test_a_page_that_does_not_come_is_a_refusal() -> None:
    class Stuck:
        def missing_to_be_ready(self) -> list[str]:
            return ["a worker"]

        def missing_to_be_alive(self) -> list[str]:
            return []

        async def page(self) -> bytes:
            raise ValueError

    answers = WholeAnswers(Stuck(), asyncio.get_running_loop())
    status, _body, _kind = await asyncio.to_thread(answers.answer, "/metrics")
    assert status is HTTPStatus.SERVICE_UNAVAILABLE
    assert answers.answer("/readyz")[1] == b"missing: a worker\n"
    assert answers.answer("/healthz")[0] is HTTPStatus.OK
    assert answers.answer("/")[0] is HTTPStatus.NOT_FOUND
