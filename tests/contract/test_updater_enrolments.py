"""Which cards are asked about (`EnrolmentStore`), on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cards.brands import Brand
from tests.contract.updater_engines import ENGINES
from tests.contract.updater_rows import (
    TENANT,
    a_credential,
    a_mark,
    a_question,
    an_inquiry,
    enrol,
    enrolled,
)
from updater.adapters.engine import Engine
from updater.domain.enrolment import CardStatus, Enrolment, EnrolmentState
from updater.domain.errors import RequestIdReused
from updater.usecases.ports_vault import CredentialPage

WEEK_US = 7 * 86_400_000_000


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


async def listed(engine: Engine, **query: object) -> list[tuple[str, str]]:
    asked = {
        "token": "",
        "merchant_account": "",
        "states": (),
        "after": ("", ""),
        "limit": 100,
    } | query
    found = await engine.enrolments.page(TENANT, **asked)  # type: ignore[arg-type]
    return [(card.token, card.merchant_account) for card in found]


async def test_a_page_is_kept_whole_with_its_cursor(engine: Engine) -> None:
    assert await engine.enrolments.cursor(TENANT) == ""
    assert await enrol(engine, a_credential("tok_1"), a_credential("tok_2"), at=7) == 2
    assert await engine.enrolments.cursor(TENANT) == "cursor-7"
    assert await engine.enrolments.cursor("other") == ""
    assert await enrolled(engine, "tok_1") == Enrolment(
        tenant=TENANT,
        token="tok_1",
        merchant_account="shop",
        credential_version=1,
        fpan=True,
        status=CardStatus.ACTIVE,
        brand=Brand.VISA,
        fingerprint="fp_tok_1",
        expiry=202711,
        created_at=7,
        updated_at=7,
    )


async def test_a_page_again_changes_nothing_and_an_older_sight_is_dropped(engine: Engine) -> None:
    new = a_credential("tok_1", revision=5, credential_version=2, expiry=None)
    assert await enrol(engine, new) == 1
    assert await enrol(engine, new, at=11) == 0
    old = a_credential("tok_1", revision=4, status=CardStatus.CLOSED, covered=frozenset({"b"}))
    assert await enrol(engine, old, at=12) == 0
    found = await enrolled(engine, "tok_1")
    assert (found.credential_version, found.expiry, found.status) == (2, None, CardStatus.ACTIVE)
    assert (found.created_at, found.updated_at) == (10, 10)
    assert await engine.enrolments.get(TENANT, "tok_1", "b") is None


async def test_one_card_twice_in_a_page_ends_as_it_was_shown_last(engine: Engine) -> None:
    first = a_credential("tok_1", covered=frozenset({"a", "b"}))
    last = a_credential("tok_1", revision=2, covered=frozenset({"b"}), brand=Brand.MASTERCARD)
    assert await enrol(engine, first, a_credential("tok_2"), last) == 4
    assert not (await enrolled(engine, "tok_1", "a")).covered
    assert (await enrolled(engine, "tok_1", "b")).brand is Brand.MASTERCARD


async def test_consents_come_go_and_are_counted_where_they_change(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1", covered=frozenset({"a", "b"})))
    less = a_credential("tok_1", revision=2, covered=frozenset({"b"}), opted_out=frozenset({"b"}))
    assert await enrol(engine, less, at=20) == 2
    a, b = await enrolled(engine, "tok_1", "a"), await enrolled(engine, "tok_1", "b")
    assert (a.covered, a.opted_out, a.updated_at) == (False, False, 20)
    assert (b.covered, b.opted_out, b.updated_at) == (True, True, 20)
    back = a_credential("tok_1", revision=3, covered=frozenset({"a", "b"}), opted_out=frozenset())
    assert await enrol(engine, back, at=30) == 2
    assert (await enrolled(engine, "tok_1", "a")).state is EnrolmentState.ACTIVE
    gone = a_credential("tok_1", revision=4, covered=frozenset(), opted_out=frozenset({"a"}))
    assert await enrol(engine, gone, at=40) == 2
    a = await enrolled(engine, "tok_1", "a")
    assert (a.covered, a.opted_out) == (False, True)


async def test_without_consent_as_enrolment_a_new_row_waits(engine: Engine) -> None:
    page = CredentialPage([a_credential("tok_1")], "c")
    assert await engine.enrolments.sync(TENANT, page, enrol=False, at=1) == 1
    assert (await enrolled(engine, "tok_1")).state is EnrolmentState.ENDED
    assert await engine.enrolments.candidates(TENANT, after=("", ""), limit=9) == []


async def test_tenants_do_not_see_each_other(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    await enrol(engine, a_credential("tok_1", expiry=203001), tenant="other")
    assert (await enrolled(engine, "tok_1")).expiry == 202711
    assert await listed(engine) == [("tok_1", "shop")]
    assert await engine.enrolments.knows("other", "tok_1")
    assert not await engine.enrolments.knows("third", "tok_1")


async def test_an_empty_page_still_moves_the_cursor(engine: Engine) -> None:
    assert await enrol(engine, at=3) == 0
    assert await engine.enrolments.cursor(TENANT) == "cursor-3"


async def test_a_deleted_card_is_known_no_more(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    assert await engine.enrolments.knows(TENANT, "tok_1")
    await enrol(engine, a_credential("tok_1", revision=2, status=CardStatus.DELETED))
    assert not await engine.enrolments.knows(TENANT, "tok_1")
    assert (await enrolled(engine, "tok_1")).state is EnrolmentState.ENDED


async def test_candidates_are_those_that_might_be_due_in_their_order(engine: Engine) -> None:
    await enrol(
        engine,
        a_credential("tok_b", covered=frozenset({"shop", "bar"})),
        a_credential("tok_a"),
        a_credential("tok_B"),
        a_credential("tok_dpan", fpan=False),
        a_credential("tok_closed", status=CardStatus.CLOSED),
        a_credential("tok_out", opted_out=frozenset({"shop"})),
        a_credential("tok_none", covered=frozenset()),
        a_credential("tok_awaited"),
    )
    await engine.inquiries.create(an_inquiry(), [a_question("REF", "tok_awaited")])

    async def keys(after: tuple[str, str], limit: int = 9) -> list[tuple[str, str]]:
        found = await engine.enrolments.candidates(TENANT, after=after, limit=limit)
        return [(card.merchant_account, card.token) for card in found]

    everything = [("bar", "tok_b"), ("shop", "tok_B"), ("shop", "tok_a"), ("shop", "tok_b")]
    assert await keys(("", "")) == everything
    assert await keys(("", ""), 2) == everything[:2]
    assert await keys(("shop", "tok_B")) == everything[2:]
    assert await keys(("shop", "")) == everything[1:]


async def test_pages_filter_by_state_and_key_in_the_order_of_tokens(engine: Engine) -> None:
    await enrol(
        engine,
        a_credential("tok_2", covered=frozenset({"bar", "shop"})),
        a_credential("tok_1"),
        a_credential("tok_3", status=CardStatus.NEEDS_CARDHOLDER),
        a_credential("tok_4", status=CardStatus.DELETED),
    )
    everything = [("tok_1", "shop"), ("tok_2", "bar"), ("tok_2", "shop")]
    everything += [("tok_3", "shop"), ("tok_4", "shop")]
    assert await listed(engine) == everything
    assert await listed(engine, limit=2) == everything[:2]
    assert await listed(engine, after=("tok_2", "bar")) == everything[2:]
    assert await listed(engine, token="tok_2") == everything[1:3]
    assert await listed(engine, merchant_account="bar") == everything[1:2]
    assert await listed(engine, states={EnrolmentState.ACTIVE}) == everything[:3]
    assert await listed(engine, states={EnrolmentState.SUSPENDED}) == everything[3:4]
    both = {EnrolmentState.SUSPENDED, EnrolmentState.ENDED}
    assert await listed(engine, states=both) == everything[3:]
    await engine.enrolments.set_enrolled(
        (TENANT, "tok_1", "shop"), enrolled=False, at=50, mark=a_mark()
    )
    assert await listed(engine, states={EnrolmentState.ENDED}) == [everything[0], everything[4]]


async def test_a_wish_is_kept_once_per_request_id(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"), a_credential("tok_2"))
    key, mark = (TENANT, "tok_1", "shop"), a_mark()
    await engine.enrolments.set_enrolled(key, enrolled=False, at=50, mark=mark)
    assert (await enrolled(engine, "tok_1")).updated_at == 50
    again = a_mark("r-2", "d2")
    await engine.enrolments.set_enrolled(key, enrolled=True, at=60, mark=again)
    await engine.enrolments.set_enrolled(key, enrolled=False, at=70, mark=mark)  # a late retry
    found = await enrolled(engine, "tok_1")
    assert (found.enrolled, found.updated_at) == (True, 60)
    with pytest.raises(RequestIdReused):
        await engine.enrolments.set_enrolled(
            (TENANT, "tok_2", "shop"), enrolled=False, at=80, mark=replace(mark, digest="other")
        )
    assert (await enrolled(engine, "tok_2")).enrolled
    # Another caller's ids are other ids.
    await engine.enrolments.set_enrolled(
        key, enrolled=False, at=90, mark=replace(mark, principal="other", digest="x")
    )
    assert not (await enrolled(engine, "tok_1")).enrolled


async def test_request_ids_are_forgotten_after_a_week(engine: Engine) -> None:
    await enrol(engine, a_credential("tok_1"))
    key = (TENANT, "tok_1", "shop")
    await engine.enrolments.set_enrolled(key, enrolled=False, at=1, mark=a_mark())
    late = WEEK_US + 2
    await engine.enrolments.set_enrolled(key, enrolled=True, at=late, mark=a_mark("r-2"))
    await engine.enrolments.set_enrolled(
        key, enrolled=False, at=late + 1, mark=a_mark(digest="reused, a week later")
    )
    assert not (await enrolled(engine, "tok_1")).enrolled
