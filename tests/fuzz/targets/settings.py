"""Files and variables that operators write: policies, channels, scripts, settings, key files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from cards.brands import Brand
from chassis.config import ConfigInvalid, ServiceConfig
from chassis.policy import PolicyInvalid, parse_policy
from tests.doubles.vault_site import POLICY
from tests.fuzz.judge import attempted
from tests.fuzz.target import Opened, Target, plain_target
from updater.channel_settings import read_channels
from updater.config import UpdaterConfig
from updater.simulator.cli_options import moment, span
from updater.simulator.errors import SimulatorError
from updater.simulator.formats import FORMATS
from updater.simulator.script_file import read_script
from vault.adapters.local_kms import LocalKeyInvalid, LocalKms, make_local_key
from vault.config import VaultConfig
from vault.rpc.routes import VOCABULARY

CHANNELS: Final = """\
channels:
  - name: csv
    format: cybersource-au-csv
    exchange_directory: /nowhere/a
    merchant_ids: {demo/shop: merchant_1}
    shadow: {tenants: [demo], bins: ["411111"]}
  - name: batch
    format: gp-bigbatch-80
    exchange_directory: /nowhere/b
    brands: [VISA, MASTERCARD]
    segments: {V: "000088", M: "012345"}
    terminal_id: T1
    bounds: {closed_share: 0.2, many_to_one: 5}
"""
_SCRIPT: Final = """\
rates: {ACL: 50, NUP: 50.0}
supported_brands: [visa]
days: [60, 40]
overrides:
  - {ending: "1234", outcome: ACL}
  - {ordinal: 7, outcome: NUP}
"""
COMMON: Final[dict[str, Any]] = {
    "exchange_keys": Path("/nowhere/keys"),
    "brands": frozenset({Brand.VISA}),
    "status_email": "notify@example.org",
    "records_per_file": 100,
    "takes_test_numbers": True,
}
_YAML: Final = (
    *(b"!!timestamp ", b"!!float ", b"!!binary ", b"!!set ", b"!!omap ", b"!!python/name:os "),
    *(b"&a ", b"*a", b"<<: ", b"0x1F", b"1:30:00.5", b"2001-12-14t21:59:43.10-05:00", b".inf"),
    *(b"1:" * 200 + b"1.5", b"? ", b"| ", b"- ", b"{", b"[", b": "),
)


def policy(data: bytes) -> str:
    return attempted(data, lambda: parse_policy(data, VOCABULARY), PolicyInvalid)[1]


def channels(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return attempted(data, lambda: read_channels(path, COMMON), ConfigInvalid)[1]


def script(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    form = FORMATS["cybersource-au-csv"]
    return attempted(data, lambda: read_script(path, form), SimulatorError)[1]


def key_file(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    path.chmod(0o600)
    return attempted(data, lambda: LocalKms.open(path), LocalKeyInvalid)[1]


def _file(name: str, what: str, run: Any, seeds: Sequence[bytes], words: Sequence[bytes]) -> Target:
    @contextmanager
    def opened(scratch: Path) -> Iterator[Opened]:
        yield Opened(partial(run, scratch / name), seeds)

    return Target(name, what, opened, words=words)


def _key_seed() -> bytes:
    path = Path(f"/dev/shm/{os.getpid()}.key")  # noqa: S108 - gone at once
    try:
        make_local_key(path, lambda size: b"k" * size)
        return path.read_bytes()
    finally:
        path.unlink()


def variables(data: bytes) -> str:
    """Read settings, lines NAME=value, from the environment; the first byte says whose."""
    kind: type[ServiceConfig] = UpdaterConfig if data[:1] == b"u" else VaultConfig
    prefix = str(kind.model_config.get("env_prefix", ""))
    given = {}
    for line in data[1:].split(b"\n")[:20]:
        name, _, value = line.partition(b"=")
        field = name.decode("ascii", "ignore").strip().lower()
        if field in kind.model_fields and b"\0" not in value and field != "channels":
            given[prefix + field.upper()] = os.fsdecode(value)
    environment = os.environ  # noqa: TID251 - settings are read from there, and from nowhere else
    environment.update(given)
    try:
        return attempted(data, kind.load, ConfigInvalid)[1]
    finally:
        for each in given:
            del environment[each]


def _variable_seeds() -> Sequence[bytes]:
    vault = (
        "v",
        "kms_key=aws-kms:arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd",
        "environment=production",
        "redis_url=rediss://user:secret@one.example:6379/2",
        "database_url=postgresql://vault@one.example:5432/vault",
        "request_retention=P2D",
        "workers=4",
        "endpoint_delay=PT5S",
        "trace_ratio=0.5",
        "otlp_endpoint=https://collector.example:4317",
    )
    updater = (
        "u",
        'merchant_ids={"demo/shop": "merchant_1"}',
        'tenants=["demo"]',
        'brands=["VISA"]',
        "patience=4",
        "drain_timeout=PT9S",
        "vault_address=one.example:50051",
        "ask_every=P28D",
    )
    return ["\n".join(each).replace("\n", "", 1).encode() for each in (vault, updater)]


def times(data: bytes) -> str:
    """Read a moment and a span of time."""
    text = data[1:].decode("utf-8", "replace")
    read = span if data[:1] == b"s" else moment
    return attempted(data, lambda: read(text), click.BadParameter)[1]


_TIMES: Final = (b"s1.5d", b"s9999h", b"m2026-11-21T12:00:00Z", b"m20261121T12+0530")
_WORDS: Final = (
    *(b"P999999999D", b"PT1e9S", b'["a"]', b"{}", b"NaN", b"inf", b"\n", b"kafka://", b"memory:"),
    *(f"{name}=".encode() for name in ("drain_timeout", "events_url", "card_cache", "tenants")),
)

TARGETS: Final[Sequence[Target]] = (
    plain_target("policy", "policy files", policy, lambda: [POLICY.encode()], _YAML),
    _file("channels", "files of channels", channels, [CHANNELS.encode()], _YAML),
    _file("script", "scripts of the simulator", script, [_SCRIPT.encode()], _YAML),
    _file("key-file", "files of wrapping keys", key_file, [_key_seed()], (b"{}", b"[]", b"null")),
    plain_target("variables", "settings in the environment", variables, _variable_seeds, _WORDS),
    plain_target("times", "times on the command line", times, lambda: _TIMES, longest=40),
)
