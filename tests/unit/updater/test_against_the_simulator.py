"""Real processes: the updater's command line and the simulator, an oracle that shares no code."""

from pathlib import Path

from tests.doubles.updater_processes import several_channels, whole_cycle


async def test_the_updater_understands_what_an_independent_acquirer_says(tmp_path: Path) -> None:
    await whole_cycle(tmp_path, f"sqlite:///{tmp_path}/updater.db")


async def test_a_channel_for_each_format_understands_its_acquirer(tmp_path: Path) -> None:
    await several_channels(tmp_path, f"sqlite:///{tmp_path}/updater.db")
