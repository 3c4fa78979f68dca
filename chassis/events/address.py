"""What an events URL may say, parsed once; errors name the rule, never the value.

file://path                             JSON lines in a file
none                                    no events, and no outbox
kafka://host:port[,host:port]…/topic    a Kafka topic, plain TCP
kafkas://host:port[,host:port]…/topic   the same by TLS

Plain values: nothing here opens a connection, and no driver is needed.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chassis.address import split_address

PATTERN: Final = r"^(file://.+|none|kafkas?://.+)$"
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A topic and the brokers to ask first."""

    brokers: tuple[tuple[str, int], ...]
    topic: str
    tls: bool

    @property
    def exposed(self) -> bool:
        """Tell whether events cross a network without TLS."""
        return not self.tls and not all(loopback(host) for host, _port in self.brokers)


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """What the settings say of Kafka; `name` starts the producers' transactional ids."""

    address: KafkaAddress
    name: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout_s: float = 10.0
    """How long opening a producer or committing a batch may take."""


def parse_events_url(text: str) -> Path | KafkaAddress | None:
    """Return a file, a topic, or None for no events. Raises ValueError, whose text is a rule."""
    if text == "none":
        return None
    scheme, _, rest = text.partition("://")
    if scheme == "file":
        return Path(rest)
    if scheme not in ("kafka", "kafkas"):
        raise ValueError("file://, kafka://, kafkas:// or none")
    hosts, slash, topic = rest.partition("/")
    if not slash or not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise ValueError("a Kafka URL ends with /topic, of letters, digits, dots, _ and -")
    brokers = tuple(split_address(each) for each in hosts.split(","))
    return KafkaAddress(brokers, topic, tls=scheme == "kafkas")


def kafka_settings(
    url: str, service: str, ca: Path | None, certificate: Path | None, key: Path | None
) -> KafkaSettings | None:
    """Return what Kafka is opened with, or None where events go elsewhere. Raises ValueError.

    Transactional ids are `service-topic-partition`: two installations that shared a topic would
    shut each other out, and each has a topic of its own.
    """
    address = parse_events_url(url)
    if not isinstance(address, KafkaAddress):
        return None
    return KafkaSettings(address, f"{service}-{address.topic}", ca, certificate, key)


def loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
