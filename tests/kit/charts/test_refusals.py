"""What the chart refuses, and the sentence with which it does."""

from __future__ import annotations

import pytest

from tests.kit.charts.rendering import (
    CHART,
    Manifest,
    changed,
    helm,
    kubernetes_versions,
    shape,
    template,
)

_VERIFIED = "postgresql://vault_app@pg.example/vault?sslmode=verify-full"

# path, what is put there, and what the sentence must say. "" and [] and {} are values.yaml's own.
REQUIRED: list[tuple[str, object, str]] = [
    ("vault.image.repository", "", "where is the image?"),
    ("vault.image.digest", "", "a tag can be moved"),
    ("vault.tlsSecret", "", "there is no API without mTLS"),
    ("vault.policy", None, "say who may do what"),
    ("vault.eventsUrl", "", "or none where nobody wants events"),
    ("vault.kmsKey", "", "name the key that wraps all keys"),
    ("vault.database.url", "", "postgresql://role@hosts/database"),
    ("vault.database.passwordSecret.name", "", "name the Secret with the role's password"),
    ("vault.migrate.database.url", "", "the owning role's, who migrates"),
    ("vault.migrate.database.passwordSecret.name", "", "name the Secret with the role's password"),
    ("vault.network.from", [], "nobody could call it"),
    ("vault.network.egress", [], "it could not reach its database"),
]
UPDATER: list[tuple[str, object, str]] = [
    ("updater.image.repository", "", "where is the image?"),
    ("updater.image.digest", "", "a tag can be moved"),
    ("updater.tlsSecret", "", "there is no API without mTLS"),
    ("updater.clientTlsSecret", "", "with which it calls the vault"),
    ("updater.policy", None, "say who may do what"),
    ("updater.eventsUrl", "", "or none where nobody wants events"),
    ("updater.database.url", "", "postgresql://role@hosts/database"),
    ("updater.database.passwordSecret.name", "", "name the Secret with the role's password"),
    ("updater.migrate.database.url", "", "the owning role's, who migrates"),
    ("updater.tenants", [], "whose cards does it keep current?"),
    ("updater.statusEmail", "", "the channel reports on each file"),
    ("updater.exchange.claim", "", "the claim on which files are exchanged"),
    ("updater.exchange.keysSecret", "", "updater.tsk, acquirer.cert and marks.key"),
    ("updater.network.from", [], "nobody could call it"),
    ("updater.network.egress", [], "it could not reach its database"),
]
UNFIT: list[tuple[str, object, str]] = [
    ("vault.kmsKey", "local:/key", "for development only"),
    ("vault.kmsKey", "vault-transit:https://vault.example/transit/k", "KMS_TOKEN_FILE is not set"),
    ("vault.database.url", "sqlite:///vault.db", "an embedded database would go with them"),
    ("vault.database.url", _VERIFIED.replace("vault_app", "vault_app:hidden"), "holds a password"),
    ("vault.database.url", f"{_VERIFIED}&password=hidden", "holds a password"),
    ("vault.database.url", _VERIFIED.partition("?")[0], "anybody could be the database"),
    ("vault.database.url", _VERIFIED.replace("full", "ca"), "anybody could be the database"),
    ("vault.eventsUrl", "file://events.jsonl", "it would go with its pod"),
    ("vault.shutdown", {"endpointDelay": 9, "drainTimeout": 20}, "more than 28 seconds"),
    ("vault.replicas", 2, "several processes share security codes through Redis"),
    ("vault.workers", 2, "several processes share security codes through Redis"),
    ("vault.settings", {"CARD_CACHE": "redis"}, "the cache of masked cards is in Redis"),
    (
        "vault.settings",
        {"OTLP_ENDPOINT": "https://user:hidden@traces.example:4317"},
        "vault.settings.OTLP_ENDPOINT holds a user name or a password",
    ),
    (
        "vault.settings",
        {"KMS_ENDPOINT": "https://hi/dden@kms.example"},
        "vault.settings.KMS_ENDPOINT holds a user name or a password",
    ),
    (
        "vault.eventsUrl",
        "kafkas://user:hidden@kafka.example:9093/cards",
        "vault.eventsUrl holds a user name or a password",
    ),
    (
        "vault.kmsKey",
        "vault-transit:https://user:hidden@vault.example/transit/k",
        "vault.kmsKey holds a user name or a password",
    ),
    ("vault.podAnnotations", {"checksum/settings": "0"}, "podAnnotations holds checksum/settings"),
    (
        "vault.serviceAccount.annotations",
        {"helm.sh/hook": "post-install"},
        "serviceAccount.annotations holds helm.sh/hook",
    ),
    (
        "vault.serviceAccount.annotations",
        {"meta.helm.sh/release-name": "another"},
        "serviceAccount.annotations holds meta.helm.sh/release-name",
    ),
]


def sentence(values: Manifest) -> str:
    """Return with what words the chart refuses."""
    done = template(values)
    assert done.returncode != 0
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(("path", "value", "says"), REQUIRED, ids=[row[0] for row in REQUIRED])
def test_without_what_the_vault_needs(path: str, value: object, says: str) -> None:
    told = sentence(changed(shape("minimal"), path, value))
    assert f"{path} is not set: " in told
    assert says in told


@pytest.mark.parametrize(("path", "value", "says"), UPDATER, ids=[row[0] for row in UPDATER])
def test_without_what_the_updater_needs(path: str, value: object, says: str) -> None:
    told = sentence(changed(shape("everything"), path, value))
    assert f"{path} is not set: " in told
    assert says in told


@pytest.mark.parametrize(("path", "value", "says"), UNFIT, ids=[row[2] for row in UNFIT])
def test_what_is_not_fit_for_production(path: str, value: object, says: str) -> None:
    told = sentence(changed(shape("minimal"), path, value))
    assert says in told
    assert "hidden" not in told


def test_values_of_its_own_alone_are_refused() -> None:
    done = helm("template", "pay", str(CHART), "--kube-version", f"{kubernetes_versions()[1]}.0")
    assert done.returncode != 0
    assert "vault.image.repository is not set" in done.stderr


def test_the_updater_s_settings_are_looked_at_too() -> None:
    given = {"OTLP_ENDPOINT": "https://user:hidden@traces.example:4317"}
    told = sentence(changed(shape("everything"), "updater.settings", given))
    assert "updater.settings.OTLP_ENDPOINT holds a user name or a password" in told
    assert "hidden" not in told


def test_an_at_sign_elsewhere_is_nobody_s_password() -> None:
    given = {"MERCHANT_IDS": {"shop/a@b": "M1"}, "OTLP_ENDPOINT": "https://traces.example:4317"}
    done = template(changed(shape("everything"), "updater.settings", given))
    assert done.returncode == 0, done.stderr


def test_what_is_switched_off_is_not_asked_for() -> None:
    values = changed(shape("minimal"), "vault.migrate", {"enabled": False})
    values = changed(values, "networkPolicy", {"enabled": False})
    assert template(changed(values, "vault.network", {})).returncode == 0
