"""Addresses of keys: what is taken, what is refused, and the names that stay the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.config import ConfigInvalid
from vault.adapters.kms.address import (
    AwsAddress,
    LocalAddress,
    TokenAddress,
    TransitAddress,
    check_endpoint,
    parse_address,
)
from vault.config import VaultConfig

ARN = "arn:aws:kms:eu-central-1:111122223333:key/{}"
HSM = "pkcs11:token=vault;object=kek?module-path=/usr/lib/m.so&pin-source=file:/run/pin"


def test_each_kind_is_understood() -> None:
    assert parse_address("local:a/b.key") == LocalAddress(Path("a/b.key"))
    arn = ARN.format("1234abcd-12ab-34cd-56ef-1234567890ab")
    assert parse_address("aws-kms:" + arn) == AwsAddress(arn, "eu-central-1")
    assert parse_address("vault-transit:https://vault.example:8200/ns/transit/cards") == (
        TransitAddress("https://vault.example:8200", "ns/transit", "cards")
    )
    assert parse_address(HSM) == TokenAddress(
        "vault", "kek", Path("/usr/lib/m.so"), Path("/run/pin")
    )
    assert parse_address(HSM.replace("kek", "my%20kek")) == TokenAddress(
        "vault", "my kek", Path("/usr/lib/m.so"), Path("/run/pin")
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "local:",
        "gcp-kms:x",
        "aws-kms:alias/cards",
        "aws-kms:arn:aws:kms:eu-central-1:111122223333:alias/cards",
        "aws-kms:" + ARN.format("x") + "\n",
        "aws-kms:arn:aws:s3:::bucket",
        "vault-transit:http://vault.example/transit/cards",
        "vault-transit:ftp://127.0.0.1/transit/cards",
        "vault-transit:https://vault.example/cards",
        "vault-transit:https://vault.example/transit/../cards",
        "vault-transit:https://user:pw@vault.example/transit/cards",
        "vault-transit:https://vault.example/transit/cards?x=1",
        "vault-transit:https://vault.example:port/transit/cards",
        "vault-transit:https:///transit/cards",
        "pkcs11:token=vault",
        HSM.replace("pin-source=file:/run/pin", "pin-value=hunter2"),
        HSM.replace("file:/run/pin", "run/pin"),
        HSM.replace("/usr/lib/m.so", "m.so"),
        HSM + "&pin-source=file:/again",
        HSM.replace("kek", "%ff"),
    ],
)
def test_everything_else_is_refused_by_a_rule_that_quotes_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_address(text)
    said = str(refused.value)
    assert all(word not in said for word in ("hunter2", "vault.example", "alias/cards", "pw@"))


@given(text=st.text(max_size=60))
def test_any_text_parses_or_is_refused(text: str) -> None:
    for kind in ("", "aws-kms:", "vault-transit:https://", "pkcs11:token=a;", "pkcs11:"):
        try:
            parse_address(kind + text)
        except ValueError:
            continue


def test_a_name_outlives_what_may_change() -> None:
    moved = [
        parse_address(f"vault-transit:https://{host}/transit/cards") for host in ("one", "two:8200")
    ]
    assert isinstance(moved[0], TransitAddress)
    assert isinstance(moved[1], TransitAddress)
    assert moved[0].kek == moved[1].kek == "vault-transit:transit/cards"
    here = parse_address("aws-kms:" + ARN.format("mrk-1234"))
    there = parse_address("aws-kms:" + ARN.format("mrk-1234").replace("central", "west"))
    assert isinstance(here, AwsAddress)
    assert isinstance(there, AwsAddress)
    assert here.kek == there.kek
    single = parse_address("aws-kms:" + ARN.format("1234"))
    assert isinstance(single, AwsAddress)
    assert single.kek == "aws-kms:" + ARN.format("1234")
    token = parse_address(HSM)
    assert isinstance(token, TokenAddress)
    assert token.kek == "pkcs11:token=vault;object=kek"


@pytest.mark.parametrize("url", ["https://kms.example", "http://127.0.0.1:1", "http://[::1]:1"])
def test_endpoints_are_https_or_this_machine(url: str) -> None:
    assert check_endpoint(url).hostname
    if url.startswith("http:"):
        with pytest.raises(ValueError, match="https"):
            check_endpoint("http://10.0.0.1:1")


def test_settings_refuse_a_bad_address_without_showing_it() -> None:
    with pytest.raises(ConfigInvalid) as refused:
        VaultConfig.load(kms_key=HSM.replace("pin-source=file:/run/pin", "pin-value=hunter2"))
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ConfigInvalid, match="https"):
        VaultConfig.load(kms_endpoint="http://kms.example")


def test_production_takes_every_kind_but_a_file(tmp_path: Path) -> None:
    for key in ("aws-kms:" + ARN.format("1234"), "vault-transit:https://v/transit/cards", HSM):
        loaded = VaultConfig.load(environment="production", kms_key=key)
        assert loaded.kms.key == key
    with pytest.raises(ConfigInvalid, match="development only"):
        VaultConfig.load(environment="production", kms_key=f"local:{tmp_path}")
