"""What the client's bench prints judges each operation by its own ratio."""

from __future__ import annotations

from tests.bench.client_bench import BAR, Compared, Rate, _compared, table

PLAIN = Rate(1_000.0, 700.0, 400.0, 200.0, 20.0)
FAST = Rate(5_500.0, 130.0, 100.0, 30.0, 64.0)
SLOW = Rate(2_000.0, 300.0, 200.0, 30.0, 64.0)


def test_a_ratio_is_a_rounds_own() -> None:
    # The machine was three times as fast in the second round: of no account.
    found = _compared(
        "Tokenize",
        [PLAIN, Rate(3_000.0, 1.0, 1.0, 1.0, 1.0), PLAIN],
        [FAST, Rate(15_000.0, 1.0, 1.0, 1.0, 1.0), SLOW],
    )
    assert found.ratio == 5.0
    assert found.held
    assert found.plain.calls_a_second == 1_000.0


def test_what_is_missed_is_said() -> None:
    text = table(
        [
            Compared("Tokenize", PLAIN, SLOW, 2.0),
            Compared("Detokenize", PLAIN, FAST, BAR),
        ]
    )
    lines = text.splitlines()
    assert lines[5] == "| Tokenize | batching | 2,000 | 300 | 200 | 30 | 64.0 | 2.00 x MISSED |"
    assert lines[7] == "| Detokenize | batching | 5,500 | 130 | 100 | 30 | 64.0 | 5.00 x |"
    assert len({line.count("|") for line in lines[2:]}) == 1
