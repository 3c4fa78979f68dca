"""Real processes: the updater's command line and the simulator, an oracle that shares no code."""

from pathlib import Path

from tests.doubles.updater_processes import whole_cycle


async def test_the_updater_understands_what_an_independent_acquirer_says(tmp_path: Path) -> None:
    await whole_cycle(tmp_path, f"sqlite:///{tmp_path}/updater.db")
