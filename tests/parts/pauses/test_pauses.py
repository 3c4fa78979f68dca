"""Redis, a key service and updaters that stand for seconds, and go on: a little of the proof's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.timejumps.pausing import Paused
from tests.timejumps.pausing_neighbours import pause_redis, pause_the_key_service
from tests.timejumps.pausing_updaters import pause_updaters

PAUSES = 2


@pytest.mark.parametrize(
    ("pause", "longest_s"),
    [(pause_redis, 4.0), (pause_the_key_service, 4.0), (pause_updaters, 4.0)],
    ids=["Redis", "the key service", "updaters"],
)
def test_a_part_that_stands_for_a_while(
    pause: Callable[[str, int, float, Path], Paused], longest_s: float, tmp_path: Path
) -> None:
    paused = pause("a seed", PAUSES, longest_s, tmp_path)
    assert paused.found == []
    assert paused.pauses.total() == PAUSES
    assert paused.acknowledged + paused.counts.get("answers applied", 0) > 0
