"""Exceptions, pauses and request ids (`IncidentStore` and others), on every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from cards.outcomes import Outcome
from tests.contract.updater_engines import ENGINES
from tests.contract.updater_rows import TENANT, a_mark, incidents
from updater.adapters.engine import Engine
from updater.domain.errors import IncidentNotFound, IncidentSettled, RequestIdReused
from updater.domain.feed import ExceptionKind, Incident, IncidentState
from updater.usecases.ports_store import Pause

REST = Pause("gp", TENANT, "their hotline asked for it", "ann", 50)


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](tmp_path) as opened:
        yield opened


def an_incident(subject: str = "s", **changes: object) -> Incident:
    made = Incident(ExceptionKind.APPLY_REFUSED, subject, "VAULT_REFUSED", 3, 40)
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_an_exception_is_opened_once_with_all_that_it_is_about(engine: Engine) -> None:
    incident = an_incident(
        tenant=TENANT,
        channel="gp",
        feed_id="feed_1",
        ordinal=4,
        token="tok_1",
        merchant_account="shop",
        outcome=Outcome.UNKNOWN,
    )
    await engine.incidents.open(incident)
    await engine.incidents.open(replace(incident, reason="later", opened_at=50))
    await engine.incidents.open(an_incident(kind=ExceptionKind.FILE_QUARANTINED))
    first, second = await incidents(engine)
    assert replace(first, exception_id=0) == incident
    assert second.exception_id > first.exception_id
    assert await engine.incidents.get(first.exception_id) == first
    assert await engine.incidents.get(second.exception_id) == second
    assert await engine.incidents.get(second.exception_id + 99) is None


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, IncidentState.DISMISSED])
async def test_an_exception_is_settled_once(engine: Engine, state: IncidentState) -> None:
    await engine.incidents.open(an_incident())
    (found,) = await incidents(engine)
    mark = a_mark(principal="ann")
    done = await engine.incidents.settle(found.exception_id, state, "called", at=60, mark=mark)
    assert done == replace(
        found, state=state, resolution="called", resolved_at=60, resolved_by="ann"
    )
    settle = engine.incidents.settle
    assert await settle(found.exception_id, state, "called", at=70, mark=mark) == done
    # Another one who says the same is told what is known; who says another thing is refused.
    other = a_mark("r-2", principal="bob")
    assert await settle(found.exception_id, state, "called", at=70, mark=other) == done
    (wrong,) = {IncidentState.RESOLVED, IncidentState.DISMISSED} - {state}
    with pytest.raises(IncidentSettled):
        await settle(found.exception_id, wrong, "called", at=70, mark=a_mark("r-3"))
    with pytest.raises(IncidentSettled):
        await settle(found.exception_id, state, "other", at=70, mark=a_mark("r-3"))
    with pytest.raises(RequestIdReused):
        await settle(found.exception_id, state, "x", at=70, mark=replace(mark, digest="other"))
    with pytest.raises(IncidentNotFound):
        await settle(found.exception_id + 99, state, "x", at=70, mark=a_mark("r-4"))
    assert await incidents(engine) == [done]


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, IncidentState.DISMISSED])
async def test_a_settled_exception_hides_no_new_one(engine: Engine, state: IncidentState) -> None:
    for at in (40, 50, 60):
        await engine.incidents.open(an_incident(opened_at=at))
        await engine.incidents.open(an_incident(opened_at=at + 1))
        (found,) = await incidents(engine, IncidentState.OPEN)
        assert found.opened_at == at
        mark = a_mark(f"r-{at}")
        await engine.incidents.settle(found.exception_id, state, "so", at=at + 2, mark=mark)
    assert [each.opened_at for each in await incidents(engine)] == [40, 50, 60]


async def test_exceptions_are_listed_by_id_and_filters(engine: Engine) -> None:
    kinds = (ExceptionKind.APPLY_REFUSED, ExceptionKind.CARD_NOT_ASKED)
    for number in range(4):
        tenant, channel = ("a", "gp") if number < 2 else ("b", "mes")
        await engine.incidents.open(
            an_incident(f"s{number}", kind=kinds[number % 2], tenant=tenant, channel=channel)
        )
    ids = [each.exception_id for each in await incidents(engine)]
    assert ids == sorted(ids)

    async def subjects(*states: IncidentState, **query: object) -> list[str]:
        found = await incidents(engine, *states, **query)  # type: ignore[arg-type]
        return [each.subject for each in found]

    assert await subjects() == ["s0", "s1", "s2", "s3"]
    assert await subjects(limit=2) == ["s0", "s1"]
    assert await subjects(after=ids[1]) == ["s2", "s3"]
    assert await subjects(kinds=(ExceptionKind.CARD_NOT_ASKED,)) == ["s1", "s3"]
    assert await subjects(kinds=kinds, after=ids[2]) == ["s3"]
    assert await subjects(tenant="a") == ["s0", "s1"]
    assert await subjects(channel="mes") == ["s2", "s3"]
    assert await subjects(tenant="a", channel="mes") == []
    settle = engine.incidents.settle
    await settle(ids[0], IncidentState.RESOLVED, "done", at=2, mark=a_mark("r-1"))
    await settle(ids[1], IncidentState.DISMISSED, "no", at=2, mark=a_mark("r-2"))
    assert await subjects(IncidentState.OPEN) == ["s2", "s3"]
    assert await subjects(IncidentState.RESOLVED) == ["s0"]
    assert await subjects(IncidentState.OPEN, IncidentState.DISMISSED) == ["s1", "s2", "s3"]


async def test_a_pause_lasts_until_it_is_ended(engine: Engine) -> None:
    assert await engine.pauses.paused() == {}
    mark = a_mark()
    assert await engine.pauses.pause(REST, mark) == REST
    assert await engine.pauses.paused() == {("gp", TENANT): REST}
    # One that comes later, and the same one again, find the one that lasts.
    later = replace(REST, reason="other", paused_by="bob", paused_at=60)
    assert await engine.pauses.pause(later, a_mark("r-2")) == REST
    assert await engine.pauses.pause(REST, mark) == REST
    other = replace(REST, tenant="other")
    assert await engine.pauses.pause(other, a_mark("r-3")) == other
    await engine.pauses.resume("gp", TENANT, at=70, mark=a_mark("r-4"))
    assert await engine.pauses.paused() == {("gp", "other"): other}
    await engine.pauses.resume("gp", TENANT, at=71, mark=a_mark("r-5"))
    # A late retry begins and ends nothing.
    assert await engine.pauses.pause(REST, mark) is None
    assert await engine.pauses.paused() == {("gp", "other"): other}
    assert await engine.pauses.pause(later, a_mark("r-6")) == later
    await engine.pauses.resume("gp", TENANT, at=72, mark=a_mark("r-4"))
    assert await engine.pauses.paused() == {("gp", TENANT): later, ("gp", "other"): other}


async def test_a_pause_keeps_its_request_id(engine: Engine) -> None:
    mark = a_mark()
    await engine.pauses.pause(REST, mark)
    used = replace(mark, digest="other")
    with pytest.raises(RequestIdReused):
        await engine.pauses.pause(replace(REST, channel="mes"), used)
    with pytest.raises(RequestIdReused):
        await engine.pauses.resume("gp", TENANT, at=70, mark=used)
    assert await engine.pauses.paused() == {("gp", TENANT): REST}


async def test_requests_without_another_trace_are_known_again(engine: Engine) -> None:
    mark = a_mark()
    assert not await engine.requests.known(mark)
    await engine.requests.keep(mark, "feed_1", at=50)
    await engine.requests.keep(mark, "feed_1", at=51)
    assert await engine.requests.known(mark)
    assert not await engine.requests.known(replace(mark, principal="other"))
    used = replace(mark, digest="other")
    with pytest.raises(RequestIdReused):
        await engine.requests.known(used)
    with pytest.raises(RequestIdReused):
        await engine.requests.keep(used, "feed_2", at=52)


async def test_a_bench_offers_the_same_stores(engine: Engine) -> None:
    bench = engine.bench("channel:gp")
    assert engine.bench("channel:gp") is bench
    await bench.duty.taken()
    await bench.duty.confirm()
    await bench.incidents.open(an_incident())
    await bench.pauses.pause(REST, a_mark())
    assert [each.subject for each in await incidents(engine)] == ["s"]
    assert await engine.pauses.paused() == {("gp", TENANT): REST}
