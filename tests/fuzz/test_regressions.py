"""What the fuzzer found, as small as it gets: each once broke its reader or came back in a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cardvault.updater.v1.updater_service_pb2 import ListInquiriesRequest

from chassis.config import ConfigInvalid
from chassis.policy import PolicyInvalid, parse_policy
from chassis.status import StatusError
from chassis.strict_yaml import NotYaml, load_yaml
from tests.fuzz.judge import CANARY
from tests.fuzz.targets import settings
from updater.adapters.marks import HmacMarks
from updater.channel_settings import read_channels
from updater.config import UpdaterConfig
from updater.rpc.pages import Pages
from updater.simulator.errors import SimulatorError
from updater.simulator.formats import FORMATS
from updater.simulator.script_file import read_script
from vault.adapters.audit_verify.dump import open_dump
from vault.adapters.audit_verify.proofs import ProofInvalid, load_checkpoint, load_proof
from vault.adapters.audit_verify.trail import NotReadable
from vault.adapters.kms.address import parse_address as parse_kms
from vault.adapters.redis.address import parse_address
from vault.config import VaultConfig
from vault.crypto.checkpoints import BodyInvalid, PublicKeys, parse_body
from vault.domain.audit import ended_by
from vault.rpc.routes import VOCABULARY

DIGITS = "4" + "1" * 15
DEEP = b"[" * 100_000


def test_an_audit_record_may_claim_endless_numbers() -> None:
    record = b'{"action":"vault.start","note":"[[\\"c\\",Infinity,\\"00\\"]]"}'
    assert ended_by(record) == ()


@pytest.mark.parametrize(
    "body",
    [
        b'{"v":1,"number":Infinity,"time":1,"chains":[],"previous":"00"}',
        b'{"v":1,"chains":[{"chain":"c","size":1e999,"head":"","root":"","nodes":[]}]}',
    ],
    ids=["number", "size"],
)
def test_a_checkpoints_body_may_hold_endless_numbers(body: bytes) -> None:
    with pytest.raises(BodyInvalid):
        parse_body(body)


@pytest.mark.parametrize("load", [load_checkpoint, load_proof])
@pytest.mark.parametrize(
    "text",
    [DEEP, b'{"number":Infinity}', b'{"chain":"c","sequence":1e999}'],
    ids=["deep", "checkpoint", "proof"],
)
def test_a_file_of_json_may_be_anything(load: Callable[[bytes], object], text: bytes) -> None:
    with pytest.raises(ProofInvalid):
        load(text)


@pytest.mark.parametrize("line", ['{"kind":[]}', '{"kind":{}}'], ids=["list", "mapping"])
def test_a_dumps_line_may_be_of_no_kind_at_all(line: str, tmp_path: Path) -> None:
    with pytest.raises(NotReadable), open_dump(dumped(tmp_path, line)):
        pass


def test_a_dump_may_hold_half_characters(tmp_path: Path) -> None:
    line = r'{"kind":"chain","chain":"\ud800","sequence":1,"hash":"","ended":0}'
    end = '{"kind":"end","chain":1,"record":0,"checkpoint":0}'
    with open_dump(dumped(tmp_path, line, end)) as trail:
        assert [each.chain for each in trail.chains()] == ["?"]


def dumped(place: Path, *lines: str) -> Path:
    path = place / "audit.jsonl"
    path.write_text("\n".join(('{"kind":"start","format":"cardvault-audit/1"}', *lines)) + "\n")
    return path


@pytest.mark.parametrize(
    "pem",
    [
        f"-----BEGIN {DIGITS}-----\nAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\nMBMwDQYJYIZIAWUDBAMRBQADAgAA\n-----END PUBLIC KEY-----",
    ],
    ids=["label", "algorithm"],
)
def test_what_is_no_public_key_is_refused_without_being_quoted(pem: str) -> None:
    with pytest.raises(ValueError, match=r"^not a public key in PEM$"):
        PublicKeys.from_pem(pem.encode())


def test_numbers_in_base_60_may_be_past_all_bounds() -> None:
    with pytest.raises(NotYaml):
        load_yaml(b"1" + b":1" * 200 + b".5")


@pytest.mark.parametrize(
    "text",
    ["days: 2026-99-01\n", "days: !!timestamp x\n"],
    ids=["month", "time"],
)
def test_a_script_may_be_anything(text: str, tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(SimulatorError):
        read_script(path, FORMATS["cybersource-au-csv"])


def test_a_key_of_a_policy_with_digits_in_it_is_not_shown() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy(f"principals: []\nroles: {{}}\na{DIGITS}: 1\n".encode(), VOCABULARY)
    shown = DIGITS in str(refused.value)
    assert not shown


def test_keys_of_a_channels_mappings_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "channels.yaml"
    lines = settings.CHANNELS.splitlines()
    where = next(at for at, line in enumerate(lines) if "merchant_ids" in line)
    lines[where] = f'    merchant_ids: {{demo/{CANARY}: "not one!"}}'
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigInvalid) as refused:
        read_channels(path, settings.COMMON)
    assert CANARY not in str(refused.value)
    assert "merchant_ids.(a key)" in str(refused.value)


def test_a_number_as_a_key_of_a_channel_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "channels.yaml"
    bins = ", ".join(["'411111'"] * 150)
    path.write_text(f"channels:\n- {{{DIGITS}: , 7: , shadow: {{bins: [{bins}, x]}}}}\n")
    with pytest.raises(ConfigInvalid) as refused:
        read_channels(path, settings.COMMON)
    shown = DIGITS in str(refused.value)
    assert not shown
    assert str(refused.value).count("channels.0.(a key): Keys should be strings") == 2
    assert "channels.0.shadow.bins.150: " in str(refused.value)


def test_a_host_of_redis_is_not_shown() -> None:
    with pytest.raises(ValueError, match="not a URL"):
        parse_address(f"rediss+cluster://[::1]:7000,[:{DIGITS}]:7001")


def test_a_token_of_pkcs11_is_not_shown() -> None:
    with pytest.raises(ValueError, match="are UTF-8") as refused:
        parse_kms(f"pkcs11:token={DIGITS}%ED")
    shown = DIGITS in repr(refused.value) or refused.value.__cause__ is not None
    assert not shown
    assert type(refused.value) is ValueError
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("token", ["é", "\U0001f4b3" * 4], ids=["letter", "picture"])
def test_a_page_token_of_the_updater_may_be_any_text(token: str) -> None:
    with pytest.raises(StatusError):
        Pages(HmacMarks(b"k" * 32)).position("demo", ListInquiriesRequest(page_token=token), 2)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("TENANTS", CANARY, '"tenants"'),
        ("MERCHANT_IDS", "[" * 100_000, "without end"),
        ("MERCHANT_IDS", f'{{"{CANARY}/a": "!"}}', "CARDVAULT_UPDATER_MERCHANT_IDS:"),
    ],
    ids=["no JSON", "deep", "key"],
)
def test_lists_and_mappings_among_the_variables(
    name: str, value: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CARDVAULT_UPDATER_{name}", value)
    with pytest.raises(ConfigInvalid) as refused:
        UpdaterConfig.load()
    assert named in str(refused.value)
    assert CANARY.lower() not in str(refused.value).lower()


@pytest.mark.parametrize("name", ["ENDPOINT_DELAY", "DRAIN_TIMEOUT"])
def test_the_longest_spans_of_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"CARDVAULT_{name}", "P999999999DT23H59M59S")
    with pytest.raises(ConfigInvalid, match="28 seconds"):
        VaultConfig.load()
