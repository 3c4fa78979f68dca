"""The updater's command line and the simulator as processes, and a whole cycle through them."""

import asyncio
import json
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from cardvault.vault.v1 import card_pb2, vault_service_pb2

from cards.brands import Brand
from cards.testcards import test_pan as number_for_test
from tests.doubles.updater_vault_server import agreement
from tests.doubles.vault_site import VaultSite, vault_site
from tools.running.guardian import mind
from updater.adapters.marks import make_marks_key
from updater.adapters.openpgp import make_exchange_keys

CARDS, SEED = 60, "11"
# What the simulator's answers are, in the words of account-updater.md, section B.
OUTCOMES = {
    "CUR": "VALID_NO_CHANGE",
    "NAN": "PAN_UPDATED",
    "BRAND": "BRAND_CHANGED",
    "NED": "EXPIRY_UPDATED",
    "ACL": "CLOSED",
    "CCH": "CONTACT_CARDHOLDER",
    "NUP": "NO_MATCH",
    "UNA": "NOT_PARTICIPATING",
}

_FORMATS = {
    Brand.VISA: "gp-bigbatch-80",
    Brand.MASTERCARD: "mes-aus-124",
    Brand.DISCOVER: "cybersource-au-csv",
}
_NEWS = ("PAN_UPDATED", "BRAND_CHANGED", "EXPIRY_UPDATED", "CLOSED", "CONTACT_CARDHOLDER")
_CHANNELS = """
channels:
  - name: visa
    format: gp-bigbatch-80
    exchange_directory: {root}/gp-bigbatch-80
    brands: [VISA]
    segments: {{V: "88"}}
  - name: mastercard
    format: mes-aus-124
    exchange_directory: {root}/mes-aus-124
    brands: [MASTERCARD]
  - name: the-rest
    format: cybersource-au-csv
    exchange_directory: {root}/cybersource-au-csv
"""


async def whole_cycle(root: Path, database: str) -> None:
    """Ask, have the simulator answer, apply; and compare with what the simulator knows."""
    make_keys(root)
    numbers = [number_for_test(Brand.VISA, counter) for counter in range(CARDS)]
    async with vault_site(root) as site:
        await store(site, numbers)
        first = json.loads(await updater(site, database, "run-once", "--json"))
        assert (first["records_asked"], first["awaiting"]) == (CARDS, 1)
        await simulate(root)
        report = json.loads(
            await updater(site, database, "run-once", "--no-ask", "--json", "--poll", "0.05")
        )
        table = await updater(site, database, "run-once", "--no-ask", "--poll", "0.05")
        assert "Updater cycle" in table
        assert "APPLIED" in await updater(site, database, "feeds")
    said = Counter[str]()
    for each in report["answers"]:
        said[each["outcome"]] += each["count"]
        assert each["disposition"] in {"APPLIED", "NO_CHANGE"}
    truth = await python(
        *("updater.simulator", "truth", "--seed", SEED, "--numbers-from", "-"),
        stdin="\n".join(numbers),
    )
    outcomes = (json.loads(line)["outcome"] for line in truth.splitlines())
    assert said == Counter(OUTCOMES[outcome] for outcome in outcomes)
    assert len(said) > 4


async def several_channels(root: Path, database: str) -> None:
    """The same with a channel for each format, each for the cards of one network."""
    make_keys(root)
    (root / "channels.yaml").write_text(_CHANNELS.format(root=root))
    numbers = {
        brand: [number_for_test(brand, counter) for counter in range(CARDS)] for brand in _FORMATS
    }
    async with vault_site(root) as site:
        await store(site, [each for some in numbers.values() for each in some])
        more = {"CHANNELS": str(root / "channels.yaml")}
        first = json.loads(await updater(site, database, "run-once", "--json", **more))
        assert (first["records_asked"], first["awaiting"]) == (3 * CARDS, 3)
        for name in _FORMATS.values():
            await simulate(root, name, root / name)
        told = await updater(
            site, database, "run-once", "--no-ask", "--json", "--poll", "0.05", **more
        )
    said = Counter[str]()
    for each in json.loads(told)["answers"]:
        said[each["outcome"]] += each["count"]
    expected = Counter[str]()
    for brand, name in _FORMATS.items():
        truth = await python(
            *("updater.simulator", "truth", "--seed", SEED, "--format", name),
            *("--numbers-from", "-", "--exchange", str(root / name)),
            *("--keys", str(root / "keys"), "--simulator-keys", str(root / "simulator-keys")),
            stdin="\n".join(numbers[brand]),
        )
        expected.update(OUTCOMES[json.loads(line)["outcome"]] for line in truth.splitlines())
    # What a format has no code for, when there is nothing new, isn't compared.
    ours, theirs = [{each: found[each] for each in _NEWS} for found in (said, expected)]
    assert ours == theirs
    assert min(said[each] for each in _NEWS) > 0


async def simulate(root: Path, name: str = "", exchange: Path | None = None) -> None:
    """Have the simulator answer what is in an outbox, once."""
    await python(
        *("updater", "simulate", "--once", "--seed", SEED),
        *("--exchange", str(exchange or root / "exchange"), "--keys", str(root / "keys")),
        *("--simulator-keys", str(root / "simulator-keys")),
        *(("--format", name) if name else ()),
    )


def make_keys(root: Path) -> None:
    """Make what both sides of the exchange need."""
    make_exchange_keys(root / "keys", root / "simulator-keys")
    make_marks_key(root / "keys")


async def store(site: VaultSite, numbers: list[str]) -> None:
    """Store cards whose cardholders agreed to recurring payments."""
    client: Any = await site.client("root")
    requests = [agreed_card(number) for number in numbers]
    batch = vault_service_pb2.BatchTokenizeRequest(requests=requests)
    await client.vault.BatchTokenize(batch, timeout=20)


def agreed_card(number: str, expiry_year: int = 2027) -> vault_service_pb2.TokenizeRequest:
    """Return a request to store a card whose cardholder agreed to recurring payments."""
    return vault_service_pb2.TokenizeRequest(
        request_id=str(uuid.uuid4()),
        card=card_pb2.CardDetails(number=number, expiry_month=11, expiry_year=expiry_year),
        kind=card_pb2.CARD_KIND_FPAN,
        token_format=card_pb2.TOKEN_FORMAT_OPAQUE,
        stored_credentials=[agreement("shop")],
    )


async def updater(site: VaultSite, database: str, *arguments: str, **more: str) -> str:
    """Run one of the updater's commands as a process of its own; `more` are settings."""
    return await python("updater", *arguments, environment=settings(site, database, **more))


def settings(site: VaultSite, database: str, **more: object) -> dict[str, str]:
    """Return the environment of an updater beside a vault; `more` are further settings."""
    root, pki = site.directory, site.directory / "pki"
    named = {
        "VAULT_ADDRESS": site.address,
        "TLS_CA": pki / "ca.pem",
        "CLIENT_CERTIFICATE": pki / "updater.pem",
        "CLIENT_KEY": pki / "updater.key",
        "DATABASE_URL": database,
        "EXCHANGE_DIRECTORY": root / "exchange",
        "EXCHANGE_KEYS": root / "keys",
        **more,
    }
    return {f"CARDVAULT_UPDATER_{name}": str(value) for name, value in named.items()}


def served(site: VaultSite, database: str, **more: str) -> dict[str, str]:
    """Return the environment of an updater's service: on free ports, looking often.

    `more` are further settings.
    """
    pki = site.directory / "pki"
    named = {
        "LISTEN": "127.0.0.1:0",
        "OPS_LISTEN": "127.0.0.1:0",
        "HEALTH_LISTEN": "127.0.0.1:0",
        "TLS_CERTIFICATE": pki / "server.pem",
        "TLS_KEY": pki / "server.key",
        "POLICY": site.config.policy,
        "POLL_INTERVAL": "PT0.2S",
        "ENDPOINT_DELAY": "PT0S",
    }
    return settings(site, database, **{**named, **more})


async def python(
    module: str, *arguments: str, environment: dict[str, str] | None = None, stdin: str = ""
) -> str:
    """Run one of our modules as a process of its own; it must exit 0."""
    variables = [f"{name}={value}" for name, value in (environment or {}).items()]
    command = ("/usr/bin/env", *variables, "COLUMNS=200", sys.executable, "-m", module, *arguments)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    mind(process.pid)
    async with asyncio.timeout(60):
        out, trouble = await process.communicate(stdin.encode())
    assert process.returncode == 0, trouble.decode()[-500:]
    return out.decode()
