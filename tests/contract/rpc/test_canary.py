"""Every RPC with good, bad, crashing and malformed input; then the secrets are looked for.

In logs, statuses, metrics, files, exceptions and the text of domain objects: zero hits. Each
search is proven by planting what it looks for.
"""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from cardvault.vault.v1 import card_pb2

from cards.brands import Brand
from cards.expiry import Expiry
from cards.pan import Pan
from cards.testcards import test_pan
from chassis.call import TENANT_KEY
from chassis.routes import Kind, Route
from tests.doubles.logged import logged
from tests.doubles.otlp_receiver import otlp_receiver
from tests.doubles.rpc_canary import Canaries, forms_of, text_places
from tests.doubles.rpc_requests import card_for, covered, good_request, tokenize, update
from tests.doubles.rpc_wire import Answer, send, short, vault_routes
from tests.doubles.scrape import scraped
from tests.doubles.traces import ASKED
from tests.doubles.vault_site import VaultSite, request_id, vault_site
from vault.adapters.sqlite import open as sqlite_open
from vault.adapters.sqlite.store import SqliteCardReader
from vault.domain.card import Card, CardKey
from vault.domain.contents import Contents
from vault.domain.intents import AddCard, ApplyByNumber, Caller, EditCard, Entry, FindNumber
from vault.domain.outcome import Applied, Replayed
from vault.domain.results import Revealed
from vault.rpc.bodies import mark_of_add
from vault.rpc.credentials import update_in
from vault.rpc.requests_in import add_card_in

ROUTES: Final = vault_routes()
FIRST: Final = test_pan(Brand.VISA, 9_753_108)
SECOND: Final = test_pan(Brand.MASTERCARD, 8_642_097)
WAITING: Final = test_pan(Brand.VISA, 9_753_109)  # no card has it: what is said of it is parked
NAME: Final = "Quirina Zzyzx-Canary"
STREET: Final = "Canarienvogelgasse 77"
CODE: Final = "853"
CANARIES: Final = Canaries((FIRST, SECOND, WAITING, NAME, STREET), (CODE,))
NUMBERS: Final = Canaries((FIRST, SECOND, WAITING))


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the most talkative level."""
    with logged("vault", level="DEBUG") as stream:
        yield stream


def canary_card() -> card_pb2.CardDetails:
    """Return contents made of canaries alone."""
    card = card_pb2.CardDetails(
        number=FIRST, expiry_month=11, expiry_year=2041, cardholder_name=NAME
    )
    card.billing_address.region_code = "AT"
    card.billing_address.address_lines.append(STREET)
    return card


def canary_request(method: str, card: card_pb2.Card) -> Any:
    """Return a good request with canaries wherever a secret belongs."""
    request = good_request(method, card)
    adding = {"Tokenize": [request], "BatchTokenize": getattr(request, "requests", [])}
    for each in adding.get(method, []):
        each.card.CopyFrom(canary_card())
        each.security_code = CODE
    if method == "UpdateCard":
        request.card.number, request.card.cardholder_name = SECOND, NAME
        request.card.billing_address.address_lines[:] = [STREET]
    elif method == "PutSecurityCode":
        request.security_code = CODE
    elif method == "FindByNumber":
        request.numbers[:] = [FIRST]
    elif method == "ApplyUpdates":
        request.updates[0].new_number = SECOND
        by_number = request.updates.add()
        by_number.CopyFrom(request.updates[0])
        by_number.number, by_number.new_number = FIRST, SECOND
        by_number.update_id += "-number"
        parked = request.updates.add()
        parked.CopyFrom(by_number)
        parked.number, parked.new_number = WAITING, FIRST
        parked.update_id += "-parked"
    return request


class Heard:
    """All that came back for a refused or failed call, and replies that may show no number."""

    def __init__(self) -> None:
        self.codes: set[str] = set()
        self.leaks: list[str] = []
        self.calls = 0

    def take(self, what: str, route: Route, answer: Answer) -> None:
        """Search one answer. RevealService's replies are where numbers come out."""
        self.calls += 1
        self.codes.add(answer.code)
        data = answer.refusal.raw if answer.refusal else b""
        if "RevealService" not in route.path:
            data += b"".join(reply.SerializeToString() for reply in answer.replies)
        if CANARIES.found_in(data):
            self.leaks.append(f"{short(route)}: {what}")


async def _good(site: VaultSite, heard: Heard) -> None:
    root = await site.client("root")
    for route in ROUTES:
        card = await card_for(short(route), root)
        heard.take(
            "good", route, await send(root.channel, route, canary_request(short(route), card))
        )
    card = await covered(root, FIRST, security_code=CODE)
    reveal = next(route for route in ROUTES if short(route) == "Detokenize")
    request = good_request("Detokenize", card)
    request.include_security_code = True
    answer: Any = (await send(root.channel, reveal, request)).replies[0]
    # The canaries do come out where they may: what is searched for has been there.
    assert NUMBERS.found_in(answer.SerializeToString())


async def _numbers_everywhere(site: VaultSite, heard: Heard) -> None:
    """Write a card number into every text of every request, one at a time."""
    root = await site.client("root")
    for route in ROUTES:
        card = await card_for(short(route), root)
        for what, write in text_places(route.request):
            request = good_request(short(route), card)
            write(request, FIRST)
            heard.take(what, route, await send(root.channel, route, request))
        for name, metadata in (
            ("app", ((TENANT_KEY, FIRST),)),
            ("root", (("x-canary", FIRST), ("baggage", f"card={FIRST}"))),
            ("root", (*ASKED, ("tracestate", f"vendor={FIRST}"))),
            ("root", (("traceparent", f"00-{'ab' * 8}{FIRST}-{'cd' * 8}-01"),)),
            ("root", (("traceparent", f"00-{'ab' * 16}-{FIRST}-01"),)),
        ):
            client = await site.client(name)
            request = good_request(short(route), card)
            answer = await send(client.channel, route, request, metadata)
            heard.take(f"metadata {metadata[-1][0]}", route, answer)


async def _malformed(site: VaultSite, heard: Heard) -> None:
    root = await site.client("root")
    for route in ROUTES:
        card = await card_for(short(route), root)
        whole = canary_request(short(route), card).SerializeToString()
        for sent in (
            whole[:-1],
            b"\xff\xff" + whole,
            FIRST.encode(),
            b"\xfa\x3f\x10" + FIRST.encode(),
        ):
            heard.take("malformed", route, await send(root.channel, route, sent))
    lost = Route(
        f"/cardvault.vault.v1.VaultService/{FIRST}",
        ROUTES[0].request,
        ROUTES[0].response,
        Kind.UNARY,
        None,
        ROUTES[0].handler,
    )
    answer = await send(root.channel, lost, b"")
    assert answer.code == "UNIMPLEMENTED"


class StoreLost(Exception):
    """What a driver might raise: its text quotes the statement, and the values with it."""


def _crash(*_args: Any, **_more: Any) -> Any:
    try:
        raise ValueError(f"bad value: {SECOND}")
    except ValueError as cause:
        raise StoreLost(f"the row was ({FIRST}, {NAME}, {CODE})") from cause


class _Reader(SqliteCardReader):
    """The vault's reader, in its place from the start: handlers hold on to its `cards`."""

    crashing = False

    async def cards(self, keys: Sequence[CardKey]) -> Mapping[CardKey, Card]:
        """Read, or crash."""
        return _crash() if self.crashing else await super().cards(keys)


async def _crashing(site: VaultSite, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Call everything while ledger, reader and audit store raise exceptions full of secrets."""
    root = await site.client("root")
    cards = {short(route): await card_for(short(route), root) for route in ROUTES}
    engine, ledger = site.running.engine, site.running.ledger
    crashed = Heard()
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "apply", _crash)
        patch.setattr(ledger, "read", _crash)
        patch.setattr(_Reader, "crashing", True)
        for name in ("list_cards", "versions"):
            patch.setattr(engine.reader, name, _crash)
        for name in ("audit_rows", "checkpoints", "last_checkpoint"):
            patch.setattr(engine.audit, name, _crash)
        for route in ROUTES:
            request = canary_request(short(route), cards[short(route)])
            answer = await send(root.channel, route, request)
            assert answer.code == "INTERNAL", short(route)
            crashed.take("crash", route, answer)
    heard.leaks += crashed.leaks


async def test_no_secret_is_found_where_none_belongs(
    tmp_path: Path,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    heard = Heard()
    monkeypatch.setattr(sqlite_open, "SqliteCardReader", _Reader)
    async with AsyncExitStack() as stack:
        receiver = stack.enter_context(otlp_receiver())
        endpoint = receiver.endpoint
        site = await stack.enter_async_context(
            vault_site(tmp_path, otlp_endpoint=endpoint, trace_ratio=1.0, trace_most=100_000)
        )
        await _good(site, heard)
        await _numbers_everywhere(site, heard)
        await _malformed(site, heard)
        await _crashing(site, heard, monkeypatch)
        metrics = (await scraped(f"127.0.0.1:{site.running.ops_port}")).encode()
        while_running = CANARIES.files_with(tmp_path)
    printed = "".join(capfd.readouterr())
    assert heard.calls > 200
    assert {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "PERMISSION_DENIED"} <= heard.codes
    assert heard.leaks == []
    assert "unexpected error" in log.getvalue()
    assert not CANARIES.found_in(log.getvalue().encode())
    assert not CANARIES.found_in(printed.encode())
    assert b"rpc_server_call_duration_seconds" in metrics
    assert not CANARIES.found_in(metrics)
    assert while_running == []
    assert {route.path for route in ROUTES} <= {span.name for span in receiver.spans}
    assert not CANARIES.found_in(bytes(receiver.raw))
    assert b"cardvault_trace_redactions_total 0.0" in metrics
    for span in receiver.spans:  # what an exception has to say is nowhere
        assert (len(span.proto.events), span.proto.status.message) == (0, "")
    assert (tmp_path / "events.jsonl").stat().st_size > 0
    assert CANARIES.files_with(tmp_path) == []
    (tmp_path / "planted").write_bytes(b"\x00" + FIRST.encode("utf-16-le") + b"\x00")
    assert CANARIES.files_with(tmp_path) == ["planted"]


@pytest.mark.parametrize("index", range(len(forms_of(FIRST))))
def test_the_search_finds_what_is_planted_in_every_form(index: int) -> None:
    for text in (FIRST, SECOND):
        assert NUMBERS.found_in(b"around" + forms_of(text)[index] + b"around")


def test_the_search_finds_a_code_that_stands_alone_and_nothing_else() -> None:
    assert CANARIES.found_in(f'"security_code": "{CODE}"'.encode())
    assert not CANARIES.found_in(f"17{CODE}00 0.{CODE} tok_{CODE}".encode())


def domain_objects() -> list[object]:
    """Return what holds a secret on its way through the vault."""
    contents = Contents(Pan(FIRST), Expiry(2041, 11), NAME, f'{{"addressLines":["{STREET}"]}}')
    request = tokenize()
    request.card.CopyFrom(canary_card())
    intent = add_card_in(request)
    caller = Caller("demo", "spiffe://demo/app")
    mark = mark_of_add(request_id(), intent)
    card = card_pb2.Card(token="tok_1", credential_version=1)
    said = update(card, "PAN_UPDATED", new_number=SECOND)
    answer = update_in(said)
    said.number = FIRST
    by_number = update_in(said)
    assert isinstance(by_number, ApplyByNumber)
    edit = EditCard("tok_1", 1, frozenset({"card.number"}), Pan(SECOND), cardholder_name=NAME)
    revealed: Any = Revealed(None, contents, 1)  # type: ignore[arg-type]
    entries = [
        Entry(caller, each, mark)
        for each in (intent, edit, answer, by_number, FindNumber(Pan(FIRST), "p"))
    ]
    return [
        Pan(FIRST),
        contents,
        AddCard(contents),
        intent,
        mark,
        edit,
        answer,
        by_number,
        FindNumber(Pan(FIRST), "dispute"),
        *entries,
        revealed,
        Applied(revealed),
        Replayed(revealed),
    ]


@pytest.mark.parametrize("index", range(len(domain_objects())))
def test_no_object_prints_its_secret(index: int) -> None:
    subject = domain_objects()[index]
    shown = [repr(subject), str(subject), f"{subject}", f"{[subject]!r}", f"{ ({1: subject}) }"]
    try:
        raise RuntimeError(subject)
    except RuntimeError as error:
        shown += [str(error), repr(error), "".join(traceback.format_exception(error))]
    leaks = [CANARIES.found_in(text.encode()) for text in shown]
    assert not any(leaks)


def test_refusals_about_secrets_do_not_carry_them() -> None:
    request = tokenize(customer=FIRST)
    broken = tokenize(FIRST[:-1] + str((int(FIRST[-1]) + 1) % 10))
    for bad in (request, broken):
        with pytest.raises(Exception, match=r"^[A-Z_]+$") as caught:
            add_card_in(bad)
        text = "".join(traceback.format_exception(caught.value))
        leaked = Canaries((FIRST, bad.card.number)).found_in(text.encode())
        assert not leaked
