"""Two processes on one database that open inquiries about the same cards at the same time."""

from __future__ import annotations

import asyncio

from tests.contract.updater_rows import a_credential, a_question, an_inquiry, enrol, enrolled
from updater.adapters.engine import Engine


async def test_each_card_goes_to_one_of_them(beside: Engine, engine: Engine) -> None:
    tokens = [f"tok_{at}" for at in range(20)]
    await enrol(engine, *map(a_credential, tokens))

    async def create(of: Engine, number: int) -> bool:
        order = tokens if number % 2 else tokens[::-1]
        questions = [a_question(f"REF{number}{token}", token) for token in order]
        return await of.inquiries.create(an_inquiry(str(number) * 26), questions)

    async with asyncio.timeout(30):
        said = await asyncio.gather(
            *(create(beside if number % 2 else engine, number) for number in range(1, 9))
        )
    assert sum(said) == 1
    assert len({(await enrolled(engine, token)).open_batch for token in tokens}) == 1
