"""values.schema.json: typos and wrong types are refused before anything is rendered."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.kit.charts.rendering import changed, shape, template
from tests.kit.charts.settings_names import SCHEMA, choices, schema_with_names

WRONG: list[tuple[str, object]] = [
    ("valt", {}),
    ("user", 0),
    ("user", "65532"),
    ("imagePullSecrets", ["registry"]),
    ("networkPolicy.enabled", "no"),
    ("networkPolicy.monitoring", {}),
    ("networkPolicy.deny", True),
    ("vault.image.tag", "latest"),
    ("vault.image.digest", "latest"),
    ("vault.image.digest", "sha256:abc"),
    ("vault.image.repository", "Registry.example/vault"),
    ("vault.image.repository", "registry.example/vault:1.0"),
    ("vault.replicas", 0),
    ("vault.replicas", "2"),
    ("vault.workers", 65),
    ("vault.database.password", "hidden"),
    ("vault.database.passwordSecret", "vault-database"),
    ("vault.database.passwordSecret.name", "Vault_Database"),
    ("vault.database.clientCertificate", "yes"),
    ("vault.eventsUrl", "kafka://kafka.example:9092/cards"),
    ("vault.redis.url", "rediss://redis.example"),
    ("vault.tlsSecret", ["vault-tls"]),
    ("vault.policy", "principals: []"),
    ("vault.policy", {"principals": []}),
    ("vault.policy", {"principles": [{}]}),
    ("vault.settings", {"LOG_LEVLE": "DEBUG"}),
    ("vault.settings", {"CARDVAULT_LOG_LEVEL": "DEBUG"}),
    ("vault.settings", {"LISTEN": "0.0.0.0:1"}),
    ("vault.settings", {"REDIS_URL": "rediss://redis.example"}),
    ("vault.settings", {"DEVELOPMENT": True}),
    ("vault.settings", {"LOG_LEVEL": None}),
    ("vault.settings", {"LOG_LEVEL": "debug"}),
    ("vault.settings", {"DOCTOR": False}),  # YAML's off
    ("vault.settings", {"DOCTOR": "off"}),
    ("vault.settings", {"CARD_CACHE": False}),
    ("vault.settings", {"TRANSPORT": "grpc"}),
    ("vault.settings", {"DATABASE_POOLER": "odyssey"}),
    ("updater.settings", {"DOCTOR": "off"}),
    ("listenHost", "localhost"),
    ("listenHost", "::"),
    ("vault.secretFiles", {"a/b": "secret"}),
    ("vault.secretFiles", {"database": ""}),
    ("vault.shutdown.drainTimeout", 0),
    ("vault.shutdown.endpointDelay", "PT5S"),
    ("vault.migrate.schedule", "@weekly please"),
    ("vault.network.from", {}),
    ("vault.resources", {"cpu": 1}),
    ("vault.serviceAccount.annotations", {"a": 1}),
    ("updater.enabled", 1),
    ("updater.tenants", "shop"),
    ("updater.tenants", [""]),
    ("updater.exchange.directory", "/exchange"),
    ("updater.settings", {"WORKERS": 2}),
]


@pytest.mark.parametrize(
    ("path", "value"), WRONG, ids=[f"{path}-{index}" for index, (path, _) in enumerate(WRONG)]
)
def test_wrong_values_are_refused(path: str, value: object) -> None:
    done = template(changed(shape("minimal"), path, value))
    assert done.returncode != 0
    assert "don't meet the specifications of the schema" in done.stderr


def test_settings_of_a_few_words_take_each_of_them() -> None:
    found = choices("vault")
    assert {"DOCTOR", "TRANSPORT", "DATABASE_POOLER", "LOG_LEVEL", "CARD_CACHE"} <= set(found)
    for index in range(max(map(len, found.values()))):
        settings = {name: words[index % len(words)] for name, words in found.items()}
        done = template(changed(shape("everything"), "vault.settings", _token(settings)))
        assert done.returncode == 0, done.stderr


def _token(settings: Mapping[str, str]) -> Mapping[str, str]:
    return {"KMS_TOKEN_FILE": "/etc/cardvault/files/kms/token", **settings}


def test_settings_are_those_of_the_services() -> None:
    assert json.loads(SCHEMA.read_text()) == schema_with_names(), (
        "run: python -m tests.kit.charts.settings_names"
    )
