"""Addresses in the settings, a name each: key service, Redis, events, traces, databases, hosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from chassis.address import split_address
from chassis.events.address import kafka_settings, parse_events_url
from chassis.postgres.address import hosts_of
from chassis.tracing.settings import parse_endpoint
from tests.fuzz.judge import attempted
from tests.fuzz.target import Target, plain_target
from vault.adapters.kms.address import check_endpoint
from vault.adapters.kms.address import parse_address as parse_kms
from vault.adapters.redis.address import parse_address as parse_redis

_READERS: Final[Sequence[Callable[[str], Any]]] = (
    split_address,
    parse_events_url,
    lambda text: kafka_settings(text, "cardvault", None, None, None),
    parse_endpoint,
    hosts_of,
    check_endpoint,
    parse_kms,
    parse_redis,
)
_GOOD: Final = (
    (0, "[::1]:50051"),
    (1, "file://.cardvault/events.jsonl"),
    (2, "kafkas://one.example:9093,two.example:9093/cards"),
    (3, "https://collector.example:4317"),
    (4, "postgresql://vault@one.example:5432,two.example:5432/vault?sslmode=verify-full"),
    (5, "https://kms.example:8200/v1"),
    (6, "local:.cardvault/local-kms.key"),
    (6, "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd"),
    (6, "vault-transit:https://bao.example:8200/team/transit/cardvault"),
    (6, "pkcs11:token=t;object=k?module-path=/usr/lib/p11.so&pin-source=file:/run/pin"),
    (7, "rediss://user:secret@one.example:6379/2"),
    (7, "redis+sentinel://one.example:26379,two.example/service/1"),
    (7, "rediss+cluster://[::1]:7000,[::2]:7001"),
)


def address(data: bytes) -> str:
    """Read the text behind the first byte as whichever address that byte says."""
    reader = _READERS[data[0] % len(_READERS) if data else 0]
    text = data[1:].decode("utf-8", "replace")
    _, said = attempted(data[1:], lambda: reader(text), ValueError)
    return said


def _seeds() -> Sequence[bytes]:
    return [bytes([which]) + text.encode() for which, text in _GOOD]


TARGETS: Final[Sequence[Target]] = (
    plain_target("addresses", "addresses in settings", address, _seeds, longest=256),
)
