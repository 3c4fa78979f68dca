"""What all tests share: an option, and a place to say what a long test saw."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, settings

from tests.leaks import unshown

# What hides fields from its `repr` is not shown field by field where a test fails.
pytest_assertrepr_compare = unshown.pytest_assertrepr_compare

# No deadline: these machines are shared, and a pause is no failure. No database: its examples may
# hold card numbers, and a test leaves nothing behind.
settings.register_profile(
    "cardvault", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cardvault")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kill-seed`, which repeats a kill test's plan."""
    parser.addoption(
        "--kill-seed", type=int, default=None, help="plan of the kill -9 tests (default: random)"
    )


@pytest.fixture
def kill_seed(request: pytest.FixtureRequest) -> int:
    """Return the seed of this run."""
    given = request.config.getoption("--kill-seed")
    return random.SystemRandom().randrange(1_000_000) if given is None else int(given)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests recorded as their property `said`, whichever process they ran in."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", ()):
                if name == "said":
                    terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")
