"""The contract of `SecurityCodes`: what every adapter passes, Redis against a real server.

Subclasses provide the fixture `codes`.
"""

from __future__ import annotations

import asyncio

from vault.domain.card import CardKey
from vault.usecases.ports import SecurityCodes

KEY = CardKey("acme", "tok_a")
OTHER = CardKey("acme", "tok_b")


class SecurityCodesContract:
    """Keep, tell, take once, repeat, forget."""

    async def test_what_was_put_is_taken_once(self, codes: SecurityCodes) -> None:
        assert await codes.take(KEY, "one") is None
        await codes.put(KEY, b"\x00sealed\xff", 60.0)
        assert await codes.exists(KEY)
        assert await codes.take(KEY, "one") == b"\x00sealed\xff"
        assert await codes.take(KEY, "two") is None
        assert await codes.take(KEY, "") is None

    async def test_the_same_request_gets_it_again(self, codes: SecurityCodes) -> None:
        await codes.put(KEY, b"sealed", 60.0)
        for _turn in range(3):
            assert await codes.take(KEY, "one") == b"sealed"
            assert await codes.exists(KEY)

    async def test_without_a_request_there_is_no_repeating(self, codes: SecurityCodes) -> None:
        await codes.put(KEY, b"sealed", 60.0)
        assert await codes.take(KEY, "") == b"sealed"
        assert await codes.take(KEY, "") is None
        assert not await codes.exists(KEY)

    async def test_cards_and_tenants_are_apart(self, codes: SecurityCodes) -> None:
        await codes.put(KEY, b"a", 60.0)
        await codes.put(OTHER, b"b", 60.0)
        assert not await codes.exists(CardKey("bolt", KEY.token))
        assert await codes.take(CardKey("bolt", KEY.token), "one") is None
        assert await codes.take(OTHER, "one") == b"b"
        assert await codes.take(KEY, "one") == b"a"

    async def test_tenant_and_token_do_not_run_together(self, codes: SecurityCodes) -> None:
        await codes.put(CardKey("ab", "c"), b"a", 60.0)
        assert not await codes.exists(CardKey("a", "bc"))

    async def test_a_second_code_replaces_the_first_and_who_took_it(
        self, codes: SecurityCodes
    ) -> None:
        await codes.put(KEY, b"old", 60.0)
        assert await codes.take(KEY, "one") == b"old"
        await codes.put(KEY, b"new", 60.0)
        assert await codes.take(KEY, "two") == b"new"
        assert await codes.take(KEY, "one") is None

    async def test_it_goes_when_its_time_is_over(self, codes: SecurityCodes) -> None:
        await codes.put(KEY, b"sealed", 0.1)
        await codes.put(OTHER, b"sealed", 60.0)
        await asyncio.sleep(0.25)
        assert not await codes.exists(KEY)
        assert await codes.take(KEY, "one") is None
        assert await codes.exists(OTHER)

    async def test_of_many_takers_one_gets_it(self, codes: SecurityCodes) -> None:
        await codes.put(KEY, b"sealed", 60.0)
        found = await asyncio.gather(*(codes.take(KEY, f"r-{n}") for n in range(20)))
        assert [each for each in found if each is not None] == [b"sealed"]
