"""All settings of the vault: CARDVAULT_* variables, read once, frozen, each with a safe default."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.config import ServiceConfig


class VaultConfig(ServiceConfig):
    """The vault's settings. A new field needs a safe default; nothing secret has one."""

    model_config = SettingsConfigDict(env_prefix="CARDVAULT_")

    listen: str = "127.0.0.1:50051"
    ops_listen: str = "127.0.0.1:9451"
    health_listen: str = "127.0.0.1:50061"
    environment: Literal["development", "production"] = "development"
    """`production` refuses what is for development only: local keys, memory, reflection."""
    database_url: str = Field(
        default="sqlite:///.cardvault/vault.db", pattern=r"^(sqlite:///.+|memory:)$"
    )
    """`sqlite:///path` or `memory:`, which keeps nothing."""
    events_url: str = Field(default="file://.cardvault/events.jsonl", pattern=r"^(file://.+|none)$")
    """`file://path` for JSON lines, `none` for no events and no outbox."""
    kms_key: str = Field(default="local:.cardvault/local-kms.key", pattern=r"^local:.+")
    """The key that wraps all data keys: `local:path` (a file, development only)."""
    superseded_retention: timedelta = timedelta(days=180)
    """How long superseded numbers are kept."""
    request_retention: timedelta = timedelta(hours=25)
    """How long a request id is known; 24 hours at least."""
    closed_or_contact_closes: bool = False
    """What Mastercard's one code for both means here: contact the cardholder, or closed."""
    sweep_interval: timedelta = timedelta(seconds=30)
    """How often what has expired is erased."""

    @model_validator(mode="after")
    def _fit_for_production(self) -> VaultConfig:
        if self.environment == "production":
            if self.kms_key.startswith("local:"):
                raise ValueError("a local key file is for development only: set kms_key")
            if self.database_url == "memory:":
                raise ValueError("memory: keeps nothing: set database_url")
            if self.development:
                raise ValueError("development features can't be on in production")
        if self.request_retention < timedelta(hours=24):
            raise ValueError("request ids are kept for 24 hours at least")
        return self

    @property
    def sqlite_path(self) -> Path | None:
        """Return the database file, or None for memory."""
        if self.database_url == "memory:":
            return None
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def events_path(self) -> Path | None:
        """Return the events file, or None where no events are kept."""
        return None if self.events_url == "none" else Path(self.events_url.removeprefix("file://"))

    @property
    def local_key_path(self) -> Path:
        """Return the local KMS's key file."""
        return Path(self.kms_key.removeprefix("local:"))
