"""All settings of the vault: CARDVAULT_* variables, read once, frozen, each with a safe default."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.config import ServiceConfig
from chassis.events.address import PATTERN as EVENTS_URL
from vault.adapters.kms.address import KmsSettings, check_endpoint, parse_address
from vault.adapters.postgres.address import Address
from vault.adapters.redis.address import RedisSettings
from vault.adapters.redis.address import parse_address as parse_redis


class VaultConfig(ServiceConfig):
    """The vault's settings. A new field needs a safe default; nothing secret has one."""

    model_config = SettingsConfigDict(env_prefix="CARDVAULT_")
    service_name = "cardvault"

    listen: str = "127.0.0.1:50051"
    ops_listen: str = "127.0.0.1:9451"
    health_listen: str = "127.0.0.1:50061"
    database_url: str = Field(
        default="sqlite:///.cardvault/vault.db",
        pattern=r"^(sqlite:///.+|postgresql://.+|memory:)$",
        repr=False,
    )
    database_lock_timeout: timedelta = timedelta(seconds=2)
    """PostgreSQL: how long a statement waits for another process's lock."""
    database_flush_timeout: timedelta = timedelta(seconds=10)
    """PostgreSQL: when a flush without an answer is given up, its outcome in doubt."""
    events_url: str = Field(default="file://.cardvault/events.jsonl", pattern=EVENTS_URL)
    kms_key: str = "local:.cardvault/local-kms.key"
    """The key that wraps all data keys: `local:path` (a file, development only), `aws-kms:arn…`,
    `vault-transit:https://host/mount/key` or `pkcs11:token=…;object=…?module-path=…&pin-source=…`:
    see howto/kms.md."""
    kms_endpoint: str | None = None
    """URL of AWS KMS in place of the region's own: a VPC endpoint."""
    kms_token_file: Path = Path("/run/secrets/vault-token")
    """Token for `vault-transit:`, read at each call; no access for others than owner and group."""
    kms_ca: Path | None = None
    """Who vouches for the key service's certificate, in place of the public authorities."""
    redis_url: str | None = Field(default=None, repr=False)
    """Where security codes are kept: `redis://` or `rediss://`, or one of them with `+sentinel` or
    `+cluster`, see howto/redis.md; unset, in this process's memory."""
    redis_timeout: timedelta = Field(
        default=timedelta(milliseconds=250), ge=timedelta(milliseconds=10), le=timedelta(seconds=5)
    )
    """How long one use of Redis may take, connecting included."""
    redis_replicas: int | None = Field(default=None, ge=0, le=10)
    """How many replicas must hold a security code's change; unset, one behind Sentinel, else 0."""
    redis_ca: Path | None = None
    """Who vouches for Redis's certificate, in place of the system's authorities."""
    redis_certificate: Path | None = None
    """The vault's own certificate for Redis, with `redis_key`."""
    redis_key: Path | None = None
    card_cache: Literal["off", "redis"] = "off"
    """`redis` keeps masked cards, sealed, for all processes: it pays for large cards that are read
    again and again, see howto/redis.md."""
    card_cache_url: str | None = Field(default=None, repr=False)
    """A Redis of the cache's own, with the rest of Redis's settings; unset, `redis_url`."""
    card_cache_timeout: timedelta = Field(
        default=timedelta(milliseconds=50), ge=timedelta(milliseconds=5), le=timedelta(seconds=1)
    )
    """How long a masked read waits for the cache before it goes to the database alone."""
    card_cache_ttl: timedelta = Field(
        default=timedelta(minutes=5), ge=timedelta(seconds=1), le=timedelta(hours=1)
    )
    """How long an entry is kept."""
    connection_age: timedelta = Field(
        default=timedelta(seconds=15), ge=timedelta(seconds=1), le=timedelta(hours=1)
    )
    """When a client's connection is asked to be made anew, which costs it a handshake. Below
    `drain_timeout` a vault that stops waits for that, and no call crosses its end."""
    transport: Literal["grpcio", "envoy"] = "grpcio"
    """What carries the calls: grpcio, or Envoy with the vault inside (the extra `envoy`), for a
    third less CPU a call: see howto/transports.md."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that serve on one port, for PostgreSQL: see howto/workers.md."""
    superseded_retention: timedelta = timedelta(days=180)
    """How long superseded numbers are kept."""
    request_retention: timedelta = timedelta(hours=25)
    """How long a request id is known; 24 hours at least."""
    answer_retention: timedelta = timedelta(days=400)
    """How long an updater's answer is known, so that a file that comes again changes nothing; not
    less than `superseded_retention`: until then its age alone could not tell. As long, and while
    its superseded number is kept, a file can be undone; 31 days at least."""
    parked_retention: timedelta = Field(
        default=timedelta(days=10), ge=timedelta(hours=1), le=timedelta(days=90)
    )
    """How long an answer by number waits for a card to get that number."""
    parked_per_day: int = Field(default=10_000, ge=0, le=1_000_000)
    """How many answers by number of one channel and tenant may begin to wait on one day."""
    closed_or_contact_closes: bool = False
    """What Mastercard's one code for both means here: contact the cardholder, or closed."""
    sweep_interval: timedelta = timedelta(seconds=30)
    """How often what has expired is erased."""

    @field_validator("kms_key")
    @classmethod
    def _kms_key(cls, text: str) -> str:
        parse_address(text)
        return text

    @field_validator("kms_endpoint")
    @classmethod
    def _kms_endpoint(cls, text: str | None) -> str | None:
        if text is not None:
            check_endpoint(text)
        return text

    @field_validator("redis_url", "card_cache_url")
    @classmethod
    def _redis_url(cls, text: str | None) -> str | None:
        if text is not None:
            parse_redis(text)
        return text

    @model_validator(mode="after")
    def _fit_for_production(self) -> VaultConfig:
        if self.environment == "production":
            if self.kms_key.startswith("local:"):
                raise ValueError("a local key file is for development only: set kms_key")
            if self.database_url == "memory:":
                raise ValueError("memory: keeps nothing: set database_url")
            if any(each is not None and each.address.exposed for each in (self.redis, self.views)):
                raise ValueError("Redis across a network takes TLS: rediss://")
        if self.request_retention < timedelta(hours=24):
            raise ValueError("request ids are kept for 24 hours at least")
        if self.answer_retention < self.superseded_retention:
            raise ValueError("answer_retention can't be less than superseded_retention")
        if self.answer_retention < timedelta(days=31):
            raise ValueError("answers are kept for 31 days at least: their files can be undone")
        if self.card_cache == "redis" and self.views is None:
            raise ValueError("the card cache is in Redis: set redis_url or card_cache_url")
        return self

    @model_validator(mode="after")
    def _fit_for_workers(self) -> VaultConfig:
        if self.workers == 1:
            return self
        if self.postgres is None:
            raise ValueError("one process holds SQLite and memory: workers need postgresql://")
        if self.redis_url is None:
            raise ValueError("workers share no memory for security codes: set redis_url")
        if self.events_url.startswith("file:"):
            raise ValueError("one process writes the events file: set events_url for workers")
        if "0" in (self.listen.rpartition(":")[2], self.health_listen.rpartition(":")[2]):
            raise ValueError("workers share their ports: port 0 is another one in each")
        return self

    @property
    def postgres(self) -> Address | None:
        """Return where PostgreSQL is, or None for any other store."""
        if not self.database_url.startswith("postgresql://"):
            return None
        return Address(
            self.database_url,
            connections=self.database_connections,
            lock_s=self.database_lock_timeout.total_seconds(),
            flush_s=self.database_flush_timeout.total_seconds(),
            pooler=self.database_pooler,
        )

    @property
    def redis(self) -> RedisSettings | None:
        """Return what Redis is opened with, or None where codes stay in this process."""
        return self._redis_at(self.redis_url, self.redis_timeout)

    @property
    def views(self) -> RedisSettings | None:
        """Return what the cache of masked cards is opened with, or None where it is off."""
        if self.card_cache == "off":
            return None
        return self._redis_at(self.card_cache_url or self.redis_url, self.card_cache_timeout)

    def _redis_at(self, url: str | None, timeout: timedelta) -> RedisSettings | None:
        if url is None:
            return None
        return RedisSettings(
            parse_redis(url),
            timeout_s=timeout.total_seconds(),
            replicas=self.redis_replicas,
            ca=self.redis_ca,
            certificate=self.redis_certificate,
            key=self.redis_key,
        )

    @property
    def kms(self) -> KmsSettings:
        """Return what the key service is opened with."""
        return KmsSettings(self.kms_key, self.kms_endpoint, self.kms_token_file, self.kms_ca)
