"""Give both services' settings their common fields and their manners.

Frozen, read once by the composition root, unknown values refused without being printed.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from chassis.address import split_address
from chassis.events.address import PATTERN as EVENTS_URL
from chassis.events.address import KafkaSettings, kafka_settings, parse_events_url
from chassis.postgres.address import Pooler
from chassis.tls import TlsFiles
from chassis.tracing.settings import PATTERN as TRACES_URL
from chassis.tracing.settings import TraceSettings, parse_endpoint

SECRETS_DIRECTORY: Final = "/run/secrets"


class ConfigInvalid(Exception):
    """Settings can't be used. Its text names variables and rules, never a value."""


class ServiceConfig(BaseSettings):
    """Hold what every service needs. Subclasses set `env_prefix`, addresses and their own fields.

    Values come from the constructor, then the environment, then files in /run/secrets if that
    directory exists. Use `load`, which raises ConfigInvalid.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        secrets_dir=SECRETS_DIRECTORY,
        validate_default=True,
    )

    service_name: ClassVar[str]
    """Names the service in traces; its transactional ids in Kafka begin with it."""

    listen: str
    """The API, with mTLS."""
    ops_listen: str
    """`/metrics`, `/healthz` and `/readyz`, plain HTTP."""
    health_listen: str
    """gRPC health without TLS, for probes."""
    tls_ca: Path = Path(".cardvault/pki/ca.pem")
    """Clients' certificates must come from it. Files are looked at again once a second."""
    tls_certificate: Path = Path(".cardvault/pki/server.pem")
    tls_key: Path = Path(".cardvault/pki/server.key")
    policy: Path = Path(".cardvault/policy.yaml")
    """Who may do what: see policy.md."""
    environment: Literal["development", "production"] = "development"
    """`production` refuses what is for development only: local keys, memory, reflection, Kafka or
    Redis without TLS."""
    doctor: Literal["refuse", "warn"] = "refuse"
    """In production on PostgreSQL: whether a database that breaks a promise keeps the service from
    starting, or is a warning. The command `doctor` tells all: see doctor.md."""
    database_url: str = Field(repr=False)
    """`sqlite:///path`, or `postgresql://role@host:port/database` (several hosts, with commas, for
    a failover; the password in PGPASSWORD or a pass file): a database of the service's own. The
    vault also takes `memory:`, which keeps nothing."""
    database_connections: int = Field(default=4, ge=1, le=100)
    """PostgreSQL: connections for reads, beside a few: for changes, leases, events, and all else;
    the updater has one more for each channel that it works for."""
    database_pooler: Pooler = "none"
    """PostgreSQL: `pgbouncer` where `database_url` leads to one in transaction mode,
    `pgbouncer-prepared` where that is 1.21 or newer with `max_prepared_statements`."""
    events_url: str = Field(default="none", pattern=EVENTS_URL)
    """`kafka://host:port,…/topic`, by TLS `kafkas://host:port,…/topic`, `file://path` for JSON
    lines, `none` for no events and no outbox; see howto/events.md."""
    events_ca: Path | None = None
    """Who vouches for Kafka's certificates, in place of the system's authorities."""
    events_certificate: Path | None = None
    """The service's own certificate for Kafka, with `events_key`."""
    events_key: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    development: bool = False
    """Turns reflection on; refuses nothing by itself. Never on in production."""
    max_in_flight: int = Field(default=512, ge=1, le=100_000)
    """Calls at once; more are refused before a byte of them is parsed."""
    default_deadline: timedelta = timedelta(seconds=10)
    """Of calls that bring none."""
    stream_deadline: timedelta = timedelta(minutes=15)
    """Of streams that bring none."""
    endpoint_delay: timedelta = timedelta(seconds=5)
    """Wait after NOT_SERVING, until endpoints have noticed."""
    drain_timeout: timedelta = timedelta(seconds=20)
    """How long calls in flight may take after SIGTERM."""
    otlp_endpoint: str | None = Field(default=None, pattern=TRACES_URL)
    """Where traces go, by OTLP over gRPC: `http://host:port` or `https://host:port`. Unset, there
    are none; see howto/traces.md."""
    otlp_ca: Path | None = None
    """Who vouches for that receiver's certificate, in place of the public authorities."""
    trace_ratio: float = Field(default=0.01, ge=0.0, le=1.0)
    """Share of the calls traced whose callers do not say whether to."""
    trace_most: int = Field(default=50, ge=1, le=100_000)
    """Calls traced a second at most, also of callers who ask for it."""

    @field_validator("listen", "ops_listen", "health_listen")
    @classmethod
    def _address(cls, text: str) -> str:
        split_address(text)
        return text

    @field_validator("events_url")
    @classmethod
    def _events_url(cls, text: str) -> str:
        parse_events_url(text)
        return text

    @field_validator("otlp_endpoint")
    @classmethod
    def _otlp_endpoint(cls, text: str | None) -> str | None:
        if text is not None:
            parse_endpoint(text)
        return text

    @field_validator("default_deadline", "stream_deadline")
    @classmethod
    def _positive(cls, span: timedelta) -> timedelta:
        if span <= timedelta(0):
            raise ValueError("must be more than nothing")
        return span

    @model_validator(mode="after")
    def _within_grace(self) -> Self:
        delay, drain = self.endpoint_delay, self.drain_timeout
        if delay < timedelta(0) or drain < timedelta(0):
            raise ValueError("endpoint_delay and drain_timeout can't be negative")
        most = timedelta(seconds=28)
        if max(delay, drain) > most or delay + drain > most:  # the longest spans have no sum
            # Kubernetes kills after 30 s by default; the flush needs what is left.
            raise ValueError("endpoint_delay and drain_timeout must fit in 28 seconds")
        return self

    @model_validator(mode="after")
    def _common_fit_for_production(self) -> Self:
        if self.environment == "production":
            if self.kafka is not None and self.kafka.address.exposed:
                raise ValueError("Kafka across a network takes TLS: kafkas://")
            if self.traces is not None and self.traces.exposed:
                raise ValueError("traces across a network take TLS: https://")
            if self.development:
                raise ValueError("development features can't be on in production")
        return self

    @property
    def sqlite_path(self) -> Path | None:
        """Return the database file, or None for any other store."""
        if not self.database_url.startswith("sqlite:///"):
            return None
        return Path(self.database_url.removeprefix("sqlite:///"))

    @property
    def kafka(self) -> KafkaSettings | None:
        """Return what Kafka is opened with, or None where events go elsewhere."""
        return kafka_settings(
            self.events_url,
            self.service_name,
            self.events_ca,
            self.events_certificate,
            self.events_key,
        )

    @property
    def traces(self) -> TraceSettings | None:
        """Return where traces go, or None for none."""
        if self.otlp_endpoint is None:
            return None
        return TraceSettings(
            self.service_name, self.otlp_endpoint, self.trace_ratio, self.trace_most, self.otlp_ca
        )

    @property
    def tls(self) -> TlsFiles:
        """Return the server's TLS files."""
        return TlsFiles(self.tls_ca, self.tls_certificate, self.tls_key)

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings; raises ConfigInvalid, which names variables and never values."""
        prefix = cls.model_config.get("env_prefix", "")
        try:
            return cls(**values)
        except SettingsError as error:  # names the field; its cause, left out, quotes the value
            problems = [f"{prefix}: {error}"]
        except RecursionError:
            problems = [f"{prefix}: a variable holds lists in lists without end"]
        except ValidationError as error:
            # The variable alone: what is a key in its value is a part of its value.
            problems = [
                f"{prefix}{''.join(map(str, item['loc'][:1]))}".upper() + f": {item['msg']}"
                for item in error.errors(include_input=False, include_context=False)
            ]
        raise ConfigInvalid("; ".join(problems))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the secrets directory out where there is none; never read .env files."""
        sources = (init_settings, env_settings)
        if isinstance(file_secret_settings, SecretsSettingsSource):
            directory = file_secret_settings.secrets_dir
            if isinstance(directory, str | Path) and Path(directory).is_dir():
                return (*sources, file_secret_settings)
        return sources
