"""What the chart's `settings` may hold: all of a service's but those that the chart sets.

After a new setting: python -m tests.kit.charts.settings_names
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from chassis.config import ServiceConfig
from updater.config import UpdaterConfig
from vault.config import VaultConfig

SCHEMA: Final = Path(__file__).parents[3] / "helm" / "cardvault" / "values.schema.json"
SERVICES: Final[dict[str, type[ServiceConfig]]] = {"vault": VaultConfig, "updater": UpdaterConfig}

_SET_BY_THE_CHART: Final = """
    ENVIRONMENT LISTEN HEALTH_LISTEN OPS_LISTEN TLS_CA TLS_CERTIFICATE TLS_KEY POLICY DATABASE_URL
    EVENTS_URL ENDPOINT_DELAY DRAIN_TIMEOUT KMS_KEY WORKERS VAULT_ADDRESS CLIENT_CERTIFICATE
    CLIENT_KEY EXCHANGE_DIRECTORY EXCHANGE_KEYS TENANTS STATUS_EMAIL CHANNELS
"""
_NOT_IN_A_CONFIG_MAP: Final = "REDIS_URL CARD_CACHE_URL DEVELOPMENT"
"""Secrets, which are mounted; and what production refuses."""


def allowed(service: str) -> list[str]:
    """Return the names that `<service>.settings` may hold, sorted."""
    names = {name.upper() for name in SERVICES[service].model_fields}
    return sorted(names - {*_SET_BY_THE_CHART.split(), *_NOT_IN_A_CONFIG_MAP.split()})


def choices(service: str) -> dict[str, list[str]]:
    """Return what each of those settings may be that is one of a few words."""
    fields = SERVICES[service].model_fields
    kinds = {name: fields[name.lower()].annotation for name in allowed(service)}
    return {
        name: list(get_args(kind)) for name, kind in kinds.items() if get_origin(kind) is Literal
    }


def schema_with_names() -> dict[str, Any]:
    """Return the chart's schema with today's names and choices in it."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    for service in SERVICES:
        schema["definitions"][f"{service}Setting"]["enum"] = allowed(service)
        settings = schema["properties"][service]["properties"]["settings"]
        settings["properties"] = {name: {"enum": each} for name, each in choices(service).items()}
    return schema


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema_with_names(), indent=2) + "\n")
