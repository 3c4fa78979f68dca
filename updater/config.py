"""All settings of the updater: CARDVAULT_UPDATER_* variables, read once, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from cards.brands import Brand
from chassis.address import split_address
from chassis.config import ServiceConfig
from chassis.events.address import PATTERN as EVENTS_URL
from chassis.events.address import KafkaSettings, kafka_settings, parse_events_url
from chassis.postgres.address import Pooler
from chassis.tls import TlsFiles
from updater.adapters.postgres.address import Address

MerchantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,29}$")]


class UpdaterConfig(ServiceConfig):
    """The updater's settings. A new field needs a safe default; nothing secret has one."""

    model_config = SettingsConfigDict(env_prefix="CARDVAULT_UPDATER_")

    listen: str = "127.0.0.1:50052"
    ops_listen: str = "127.0.0.1:9452"
    health_listen: str = "127.0.0.1:50062"
    environment: Literal["development", "production"] = "development"
    """`production` refuses what is for development only: reflection, Kafka without TLS."""
    doctor: Literal["refuse", "warn"] = "refuse"
    """In production on PostgreSQL: whether a database that breaks a promise keeps the updater from
    starting, or is a warning. `cardvault-updater doctor` tells all: see doctor.md."""
    database_url: str = Field(
        default="sqlite:///.cardvault/updater.db",
        pattern=r"^(sqlite:///.+|postgresql://.+)$",
        repr=False,
    )
    """`sqlite:///path`, or `postgresql://role@host:port/database` (several hosts, with commas, for
    a failover; the password in PGPASSWORD or a pass file): a database of the updater's own."""
    database_connections: int = Field(default=4, ge=1, le=100)
    """PostgreSQL: connections for reads, beside four: two for changes, the lease, and events."""
    database_pooler: Pooler = "none"
    """PostgreSQL: `pgbouncer` where `database_url` leads to one in transaction mode,
    `pgbouncer-prepared` where that is 1.21 or newer with `max_prepared_statements`."""
    events_url: str = Field(default="none", pattern=EVENTS_URL)
    """`kafka://host:port,…/topic`, by TLS `kafkas://host:port,…/topic`, `file://path` for JSON
    lines, `none` for no events and no outbox; see howto/events.md."""
    events_ca: Path | None = None
    """Who vouches for Kafka's certificates, in place of the system's authorities."""
    events_certificate: Path | None = None
    """The updater's own certificate for Kafka, with `events_key`."""
    events_key: Path | None = None
    tls_certificate: Path = Path(".cardvault/pki/updater.pem")
    tls_key: Path = Path(".cardvault/pki/updater.key")
    vault_address: str = "127.0.0.1:50051"
    client_certificate: Path = Path(".cardvault/pki/updater.pem")
    """Who the updater is to the vault."""
    client_key: Path = Path(".cardvault/pki/updater.key")
    exchange_directory: Path = Path(".cardvault/exchange")
    exchange_keys: Path = Path(".cardvault/exchange-keys")
    tenants: tuple[str, ...] = ("demo",)
    status_email: str = Field(default="notify@example.org", min_length=1, max_length=100)
    """Where the channel reports on a file; goes into each file's header."""
    merchant_ids: Mapping[str, MerchantId] = {}
    """The acquirer's merchant id by "tenant/merchant account"; default: the account's own name."""
    brands: frozenset[Brand] = frozenset({Brand.VISA, Brand.MASTERCARD, Brand.DISCOVER})
    enrol_by_consent: bool = True
    """Off: a covered card is asked about only after Enroll."""
    ask_every: timedelta = timedelta(days=28)
    not_again_within: timedelta = timedelta(days=7)
    answer_timeout: timedelta = timedelta(days=10)
    keep_files: timedelta = timedelta(days=30)
    ask_interval: timedelta = timedelta(hours=1)
    """How often `serve` looks for cards that are due."""
    poll_interval: timedelta = timedelta(seconds=30)
    """How often `serve` looks into the inbox; a file counts once two looks agree."""
    patience: int = Field(default=4, ge=2, le=1000)
    """Looks at an unchanged file that doesn't open before it is quarantined."""
    records_per_file: int = Field(default=50_000, ge=1, le=100_000)

    @field_validator("events_url")
    @classmethod
    def _events_url(cls, text: str) -> str:
        parse_events_url(text)
        return text

    @field_validator("vault_address")
    @classmethod
    def _vault_address(cls, text: str) -> str:
        split_address(text)
        return text

    @model_validator(mode="after")
    def _sound(self) -> UpdaterConfig:
        spans = (self.ask_interval, self.poll_interval, self.answer_timeout, self.keep_files)
        if min(spans) <= timedelta(0):
            raise ValueError("intervals and time-outs must be more than nothing")
        if self.environment == "production":
            if self.kafka is not None and self.kafka.address.exposed:
                raise ValueError("Kafka across a network takes TLS: kafkas://")
            if self.development:
                raise ValueError("development features can't be on in production")
        if not self.tenants or any("/" in tenant for tenant in self.tenants):
            raise ValueError("tenants must be named")
        if any(key.count("/") != 1 for key in self.merchant_ids):
            raise ValueError("merchant_ids' keys are tenant/merchant account")
        if Brand.UNKNOWN in self.brands:
            raise ValueError("brands can't hold UNKNOWN")
        return self

    @property
    def sqlite_path(self) -> Path | None:
        """Return the database file, or None for any other store."""
        if not self.database_url.startswith("sqlite:///"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def postgres(self) -> Address | None:
        """Return where PostgreSQL is, or None for any other store."""
        if not self.database_url.startswith("postgresql://"):
            return None
        return Address(
            self.database_url,
            connections=self.database_connections,
            pooler=self.database_pooler,
        )

    @property
    def kafka(self) -> KafkaSettings | None:
        """Return what Kafka is opened with, or None where events go elsewhere."""
        return kafka_settings(
            self.events_url,
            "cardvault-updater",
            self.events_ca,
            self.events_certificate,
            self.events_key,
        )

    @property
    def client_tls(self) -> TlsFiles:
        """Return the files with which the updater calls the vault."""
        return TlsFiles(self.tls_ca, self.client_certificate, self.client_key)

    @property
    def merchants(self) -> dict[tuple[str, str], str]:
        """Return the acquirer's merchant ids by (tenant, merchant account)."""
        found = {}
        for key, merchant_id in self.merchant_ids.items():
            tenant, _, account = key.partition("/")
            found[tenant, account] = merchant_id
        return found
