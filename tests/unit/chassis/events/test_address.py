"""What an events URL may say, and what the settings of both services make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from chassis.config import ConfigInvalid
from chassis.events.address import KafkaAddress, kafka_settings, parse_events_url
from chassis.events.file_sink import FileEventSink
from chassis.events.open import open_sink
from chassis.events.source import EventSource
from updater.config import UpdaterConfig
from vault.config import VaultConfig


def test_a_url_names_a_file_a_topic_or_nothing() -> None:
    assert parse_events_url("none") is None
    assert parse_events_url("file://a/b.jsonl") == Path("a/b.jsonl")
    assert parse_events_url("kafka://a:9092,[::1]:9093/cards.v1") == KafkaAddress(
        (("a", 9092), ("::1", 9093)), "cards.v1", tls=False
    )
    assert parse_events_url("kafkas://a:9092/cards") == KafkaAddress(
        (("a", 9092),), "cards", tls=True
    )


@pytest.mark.parametrize(
    "url",
    [
        "kafka://a:9092",
        "kafka://a/cards",
        "kafka:///cards",
        "kafka://a:9092/",
        "kafka://a:9092/two/parts",
        "kafka://a:9092/..",
        "kafka://user:secret@a:b/cards",
        "http://a:9092/cards",
    ],
)
def test_another_one_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_events_url(url)
    assert "secret" not in str(refused.value)


def test_transactional_ids_tell_services_and_topics_apart() -> None:
    made = [
        kafka_settings("kafka://a:1/cards", service, None, None, None)
        for service in ("cardvault", "cardvault-updater")
    ]
    assert [each.name for each in made if each] == ["cardvault-cards", "cardvault-updater-cards"]
    assert kafka_settings("file://x", "cardvault", None, None, None) is None


def test_sinks_are_what_the_url_says(tmp_path: Path) -> None:
    source = EventSource("x", {})
    assert open_sink("none", None, source) is None
    assert isinstance(open_sink(f"file://{tmp_path}/e", None, source), FileEventSink)


PRODUCTION = {
    "environment": "production",
    "kms_key": "vault-transit:https://kms.example/transit/cardvault",
}


@pytest.mark.parametrize("host", ["kafka.example:9092", "127.0.0.1:9092,10.0.0.9:9092"])
def test_production_takes_no_plaintext_across_a_network(host: str) -> None:
    with pytest.raises(ConfigInvalid, match="kafkas://"):
        VaultConfig.load(**PRODUCTION, events_url=f"kafka://{host}/cards")
    with pytest.raises(ConfigInvalid, match="kafkas://"):
        UpdaterConfig.load(environment="production", events_url=f"kafka://{host}/feeds")


def test_production_takes_tls_and_loopback() -> None:
    for url in ("kafkas://kafka.example:9092/cards", "kafka://127.0.0.1:9092/cards"):
        assert VaultConfig.load(**PRODUCTION, events_url=url).kafka is not None
        assert UpdaterConfig.load(environment="production", events_url=url).kafka is not None


def test_settings_hand_over_the_files() -> None:
    config = VaultConfig.load(
        events_url="kafkas://a:1/cards", events_ca="ca", events_certificate="cert", events_key="key"
    )
    assert config.kafka is not None
    assert (config.kafka.ca, config.kafka.certificate, config.kafka.key) == (
        Path("ca"),
        Path("cert"),
        Path("key"),
    )
