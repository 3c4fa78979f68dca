"""Every RPC with every identity: who gets in, who is turned away and how, and that it is audited.

The table is checked against the routes: an RPC without a row, or a row without its RPC, fails.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from cardvault.vault.v1 import audit_service_pb2 as audits
from cryptography import x509

from chassis.call import TENANT_KEY
from chassis.routes import Route
from chassis.tls import TlsFiles, channel_credentials
from tests.doubles.chassis_certs import issue
from tests.doubles.clocks import FakeClock
from tests.doubles.rpc_requests import card_for, good_request
from tests.doubles.rpc_wire import Answer, Metadata, send, short, vault_routes
from tests.doubles.vault_site import VaultSite, site_config, vault_site
from vault.domain.audit import AuditRow
from vault.domain.queries import AuditQuery

ROUTES: Final = vault_routes()
COLUMNS: Final = ("app", "psp", "updater", "operator", "root", "other")
OK, PD, NF = "OK", "PERMISSION_DENIED", "NOT_FOUND"

# `other` may do everything, in another tenant: what is about a card of this one is not found.
TABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "Tokenize": (OK, PD, PD, PD, OK, OK),
    "BatchTokenize": (OK, PD, PD, PD, OK, OK),
    "GetCard": (OK, PD, OK, OK, OK, NF),
    "BatchGetCards": (OK, PD, OK, OK, OK, OK),
    "ListCards": (PD, PD, OK, PD, OK, OK),
    "ListCardVersions": (OK, PD, OK, OK, OK, NF),
    "UpdateCard": (OK, PD, PD, PD, OK, NF),
    "SetCardStatus": (PD, PD, PD, OK, OK, NF),
    "ReportDecline": (OK, PD, PD, PD, OK, NF),
    "PutSecurityCode": (OK, PD, PD, PD, OK, NF),
    "DeleteCard": (OK, PD, PD, PD, OK, NF),
    "UndeleteCard": (OK, PD, PD, PD, OK, NF),
    "Detokenize": (PD, OK, PD, PD, OK, NF),
    "BatchDetokenize": (PD, OK, PD, PD, OK, OK),
    "FindByNumber": (PD, OK, PD, PD, OK, OK),
    "StreamCredentials": (PD, PD, OK, PD, OK, OK),
    "ApplyUpdates": (PD, PD, OK, PD, OK, OK),
    "RevertUpdates": (PD, PD, OK, OK, OK, NF),
    "ListAuditRecords": (PD, PD, PD, OK, OK, OK),
    "GetCheckpoint": (PD, PD, PD, OK, OK, OK),
    "ListCheckpoints": (PD, PD, PD, OK, OK, OK),
}
"""Status by method and identity, for good requests about a card of the tenant `demo`.

`ListCards` filters by fingerprint, which only root and the updater may; the updater has no purpose
`payment`.
"""

PER_METHOD: Final[Mapping[str, tuple[str, Metadata, str, str]]] = {
    "nobody": ("nobody", (), "UNAUTHENTICATED", "UNAUTHENTICATED"),
    "several, none named": ("several", (), "INVALID_ARGUMENT", "TENANT_REQUIRED"),
    "several, another's": ("several", ((TENANT_KEY, "third"),), PD, "TENANT_DENIED"),
    "several, both at once": (
        "several",
        ((TENANT_KEY, "second"), (TENANT_KEY, "demo")),
        PD,
        "TENANT_DENIED",
    ),
    "one, another's": ("app", ((TENANT_KEY, "second"),), PD, "TENANT_DENIED"),
}
"""Who never gets through a door, whatever the method: identity, metadata, code, reason."""


def test_every_rpc_has_a_row_and_every_row_its_rpc() -> None:
    assert {short(route) for route in ROUTES} == set(TABLE)
    assert all(len(row) == len(COLUMNS) for row in TABLE.values())


async def _call(site: VaultSite, route: Route, name: str, metadata: Metadata = ()) -> Answer:
    root, client = await site.client("root"), await site.client(name)
    card = await card_for(short(route), root)
    return await send(client.channel, route, good_request(short(route), card), metadata)


async def _first_checkpoint(site: VaultSite) -> None:
    for _attempt in range(100):  # one is signed every second
        if await site.running.engine.audit.last_checkpoint() is not None:
            return
        await asyncio.sleep(0.05)


async def _trail(site: VaultSite) -> list[dict[str, Any]]:
    """Return every audit record, whatever its tenant."""
    audit = site.running.engine.audit
    rows: list[AuditRow] = []
    for head in await audit.open_chains():
        rows += await audit.chain_records(head.chain, 0, 10_000)
    return [json.loads(row.record) for row in rows]


async def _refusals(site: VaultSite) -> set[tuple[str, str, str]]:
    """Return (principal, method, reason) of every refusal in the trail."""
    return {
        (each["principal"], each["action"].rpartition("/")[2], each.get("reason", ""))
        for each in await _trail(site)
        if each["result"] == "refused"
    }


async def test_identities_get_what_the_table_says_and_refusals_are_audited(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    got: dict[str, tuple[str, ...]] = {}
    async with vault_site(tmp_path, clock=clock) as site:
        await _first_checkpoint(site)
        for route in ROUTES:
            answers = [await _call(site, route, name) for name in COLUMNS]
            got[short(route)] = tuple(answer.code for answer in answers)
            clock.advance(61)  # no more than a few refusals a minute: each is recorded alone
        refusals = await _refusals(site)
    assert got == TABLE
    denied = {
        (f"spiffe://demo/{name}", method)
        for method, row in TABLE.items()
        for name, code in zip(COLUMNS, row, strict=True)
        if code == PD
    }
    recorded = {
        (principal, method)
        for principal, method, reason in refusals
        if reason in {"PERMISSION_DENIED", "PURPOSE_FORBIDDEN"}
    }
    assert recorded == denied


@pytest.mark.parametrize("case", PER_METHOD)
async def test_who_may_not_pass_the_door_passes_no_door(case: str, tmp_path: Path) -> None:
    name, metadata, code, reason = PER_METHOD[case]
    clock = FakeClock()
    async with vault_site(tmp_path, clock=clock) as site:
        for route in ROUTES:
            answer = await _call(site, route, name, metadata)
            assert answer.refusal is not None
            assert (answer.code, answer.refusal.reason) == (code, reason)
            assert answer.refusal.domain == "cardvault"
            clock.advance(61)
        recorded = await _refusals(site)
        keys = await site.running.engine.keys.data_keys("third")
    principal = "(unknown)" if name == "nobody" else f"spiffe://demo/{name}"
    assert {(principal, short(route), reason) for route in ROUTES} <= recorded
    assert keys == []  # naming a tenant does not make one


async def test_an_identity_of_several_tenants_acts_for_the_one_it_names(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        await _first_checkpoint(site)
        named, others = {}, {}
        for route in ROUTES:
            own = await _call(site, route, "several", ((TENANT_KEY, "demo"),))
            named[short(route)] = own.code
            foreign = await _call(site, route, "several", ((TENANT_KEY, "second"),))
            others[short(route)] = foreign.code
    assert set(named.values()) == {OK}
    assert others == {method: row[COLUMNS.index("other")] for method, row in TABLE.items()}


async def test_refusals_beyond_ten_a_minute_are_counted_and_told_in_one_record(
    tmp_path: Path,
) -> None:
    clock = FakeClock()
    route = next(route for route in ROUTES if short(route) == "GetCard")
    async with vault_site(tmp_path, clock=clock) as site:
        for _time in range(25):
            assert (await _call(site, route, "psp")).code == PD
        clock.advance(timedelta(seconds=61))
        audit = site.running.engine.audit
        summary: list[AuditRow] = []
        for _attempt in range(100):  # it is written by a tick, once a second
            summary = await audit.audit_rows(AuditQuery("demo", 10, action="refusals"))
            if summary:
                break
            await asyncio.sleep(0.05)
        alone = await audit.audit_rows(AuditQuery("demo", 1000, principal="spiffe://demo/psp"))
        operator = await site.client("operator")
        request = audits.ListAuditRecordsRequest(principal="spiffe://demo/psp")
        shown = (await operator.audit.ListAuditRecords(request)).records
    assert [each.count for each in shown] == [1] * 10 + [15]
    assert all(each.origin.startswith("ipv") for each in shown[:10])
    assert len(alone) - len(summary) == 10
    assert [json.loads(row.record)["note"] for row in summary] == ["PERMISSION_DENIED x15"]


def _stranger(directory: Path) -> TlsFiles:
    """Return a client certificate of the right name, signed by a CA that is not ours."""
    site_config(directory / "stranger")
    pki = directory / "stranger" / "pki"
    return TlsFiles(directory / "pki" / "ca.pem", pki / "root.pem", pki / "root.key")


def _expired(directory: Path) -> TlsFiles:
    names = [x509.UniformResourceIdentifier("spiffe://demo/root")]
    return issue(directory / "pki", "expired", names, ended=True)


def _nameless(directory: Path) -> TlsFiles:
    return issue(directory / "pki", "nameless", [])


async def _codes(site: VaultSite, channel: grpc.aio.Channel) -> set[tuple[str, str]]:
    """Return what every RPC answers over a channel: codes and reasons."""
    found = set()
    async with channel:
        root = await site.client("root")
        for route in ROUTES:
            card = await card_for(short(route), root)
            answer = await send(channel, route, good_request(short(route), card))
            found.add((answer.code, answer.refusal.reason if answer.refusal else ""))
    return found


def _once(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    """Open a channel that tries each call once and does not wait between connections."""
    options = (("grpc.enable_retries", 0), ("grpc.initial_reconnect_backoff_ms", 100))
    if credentials is None:
        return grpc.aio.insecure_channel(address, options)
    return grpc.aio.secure_channel(address, credentials, options)


async def test_bad_certificates_get_no_further_than_tls(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        ca_alone = grpc.ssl_channel_credentials((tmp_path / "pki" / "ca.pem").read_bytes())
        for credentials in (
            channel_credentials(_expired(tmp_path)),
            channel_credentials(_stranger(tmp_path)),
            ca_alone,
            None,
        ):
            # UNAVAILABLE is the transport's own: there is no ErrorInfo, for no handler was asked.
            assert await _codes(site, _once(site.address, credentials)) == {("UNAVAILABLE", "")}


async def test_a_certificate_without_a_name_is_nobodys(tmp_path: Path) -> None:
    async with vault_site(tmp_path) as site:
        channel = _once(site.address, channel_credentials(_nameless(tmp_path)))
        assert await _codes(site, channel) == {("UNAUTHENTICATED", "UNAUTHENTICATED")}
