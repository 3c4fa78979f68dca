"""A phase is divided between the generators, each with cards of its own."""

from itertools import count

import pytest

from tests.bench.phases import GENERATORS, Phase, shared_out


@pytest.mark.parametrize("in_flight", [2, 16, 64])
def test_shares_come_to_the_whole_and_overlap_nowhere(in_flight: int) -> None:
    shares = shared_out(Phase("Tokenize", True, in_flight, 3.0, 500, 7), count(1_000, 100))
    assert len(shares) == GENERATORS
    assert sum(share.in_flight for share in shares) == in_flight
    assert sum(share.most_calls for share in shares) == 500
    assert [share.first_card for share in shares] == [1_000, 1_100]
    assert {(share.operation, share.empty, share.seconds) for share in shares} == {
        ("Tokenize", True, 3.0)
    }


def test_one_call_in_flight_is_one_share() -> None:
    (share,) = shared_out(Phase("Tokenize", False, 1, 3.0, 500, 7), count(1_000, 100))
    assert (share.in_flight, share.most_calls, share.first_card) == (1, 500, 1_000)
