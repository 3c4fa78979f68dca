"""What the tests of the batching client share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.unit.client.places import Bench
from tests.unit.client.scripted import SteppedLoop


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Return a batcher with usual limits; nothing may be left behind, nor complained of."""
    loop = SteppedLoop()
    made = Bench(loop)
    yield made
    for sent in made.transport.under_way:
        sent.answer()
    loop.settle()
    loop.do(made.batcher.close())
    assert made.batcher.idle
    assert asyncio.all_tasks(loop) == set()
    assert loop.complaints == []
    loop.close()
