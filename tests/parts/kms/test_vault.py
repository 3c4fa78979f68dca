"""A whole vault over each key service, and what its operator is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cardvault.vault.v1 import reveal_service_pb2 as reveals
from cardvault.vault.v1 import vault_service_pb2 as vault
from click.testing import CliRunner

from tests.doubles.kms_door import AWS_ANSWERS, VAULT_ANSWERS, Door, door_to
from tests.doubles.kms_transit import TransitKey, transit_server
from tests.doubles.rpc_requests import details
from tests.doubles.scrape import reading
from tests.doubles.vault_site import VaultSite, request_id, site_config, vault_site
from tests.parts.kms.test_aws import make_key
from tests.parts.servers.softhsm import SoftHsm
from vault.cli.commands import cardvault

Settings = dict[str, Any]
SERVICES = ("moto", "ministack", "transit", "softhsm")


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Settings, Door]]:
    """Yield settings for a key service, and the door in front of it."""
    name = request.param
    if name == "transit":
        token = tmp_path / "token"
        token.write_text("hvs.of-tests")
        token.chmod(0o400)
        with transit_server() as server, door_to(server.url, dict(VAULT_ANSWERS)) as door:
            server.keys["transit/cards"] = TransitKey()
            server.allow("hvs.of-tests", "transit/cards")
            key = f"vault-transit:{door.url}/transit/cards"
            yield {"kms_key": key, "kms_token_file": str(token)}, door
    elif name == "softhsm":
        hsm: SoftHsm = request.getfixturevalue("hsm")
        hsm.make_key(f"vault-{tmp_path.name}")
        yield {"kms_key": hsm.uri(f"vault-{tmp_path.name}")}, Door("", {})
    else:
        url: str = request.getfixturevalue(f"{name}_url")
        with door_to(url, dict(AWS_ANSWERS)) as door:
            yield {"kms_key": f"aws-kms:{make_key(url)}", "kms_endpoint": door.url}, door


async def stored_and_shown(site: VaultSite, times: int) -> None:
    """Tokenize a card, and reveal it so many times."""

    root, card = await site.client("root"), details()
    made = await root.vault.Tokenize(vault.TokenizeRequest(request_id=request_id(), card=card))
    wanted = reveals.DetokenizeRequest(token=made.card.token, purpose="payment")
    for _ in range(times):
        shown = await root.reveal.Detokenize(wanted)
        assert (shown.card.number == card.number) is True


async def metric(site: VaultSite, name: str) -> float:
    """Return a reading from the operations port."""
    return await reading(f"127.0.0.1:{site.running.ops_port}", name)


async def test_a_vault_lives_on_it_and_comes_back_with_its_keys(
    service: tuple[Settings, Door], tmp_path: Path
) -> None:
    settings, door = service
    async with vault_site(tmp_path, **settings) as site:
        await stored_and_shown(site, 1)
        calls = await metric(site, "cardvault_kms_calls_total")
        await stored_and_shown(site, 50)
        assert await metric(site, "cardvault_kms_calls_total") == calls
        assert await metric(site, "cardvault_kms_failures_total") == 0
    before = door.seen
    async with vault_site(tmp_path, **settings) as site:
        await stored_and_shown(site, 1)
        # The checkpoint key and the five of the tenant: unwrapped, none made anew.
        assert await metric(site, "cardvault_kms_calls_total") == 6
    # Its last record needs no key: a vault stops while its key service is away.
    assert door.seen - before in {0, 6}


def test_check_config_says_which_key_works(service: tuple[Settings, Door], tmp_path: Path) -> None:
    settings, door = service
    result = CliRunner().invoke(cardvault, ["check-config"], env=environment(tmp_path, settings))
    assert result.exit_code == 0, result.output
    name = settings["kms_key"].partition("?")[0].rpartition("/")[2]
    assert f"{name} wraps and unwraps" in result.output
    if door.url:
        door.mode = "down"
        result = CliRunner().invoke(
            cardvault, ["check-config"], env=environment(tmp_path, settings)
        )
        assert result.exit_code == 1
        assert "key: KEY_SERVICE_UNAVAILABLE" in result.output


def environment(directory: Path, settings: Settings) -> dict[str, str]:
    """Return the variables of a vault in `directory`."""
    config = site_config(directory, **settings)
    names = ("tls_ca", "tls_certificate", "tls_key", "policy")
    values = {name: str(getattr(config, name)) for name in names} | settings
    return {f"CARDVAULT_{name.upper()}": value for name, value in values.items()}
