"""All settings of the updater: CARDVAULT_UPDATER_* variables, read once, frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from cards.brands import Brand
from chassis.address import split_address
from chassis.config import ConfigInvalid, ServiceConfig
from chassis.tls import TlsFiles
from updater.adapters.postgres.address import Address
from updater.channel_settings import ChannelSettings, MerchantId, made, read_channels
from updater.domain.mapping import CYBERSOURCE
from updater.usecases.channel import Channel


class UpdaterConfig(ServiceConfig):
    """The updater's settings. A new field needs a safe default; nothing secret has one."""

    model_config = SettingsConfigDict(env_prefix="CARDVAULT_UPDATER_")
    service_name = "cardvault-updater"

    listen: str = "127.0.0.1:50052"
    ops_listen: str = "127.0.0.1:9452"
    health_listen: str = "127.0.0.1:50062"
    database_url: str = Field(
        default="sqlite:///.cardvault/updater.db",
        pattern=r"^(sqlite:///.+|postgresql://.+)$",
        repr=False,
    )
    tls_certificate: Path = Path(".cardvault/pki/updater.pem")
    tls_key: Path = Path(".cardvault/pki/updater.key")
    vault_address: str = "127.0.0.1:50051"
    client_certificate: Path = Path(".cardvault/pki/updater.pem")
    """Who the updater is to the vault."""
    client_key: Path = Path(".cardvault/pki/updater.key")
    channels: Path | None = None
    """A YAML file of several channels: see howto/channels.md. Unset, there is one, of the format
    `cybersource-au-csv` and of that name, from the settings here."""
    exchange_directory: Path = Path(".cardvault/exchange")
    exchange_keys: Path = Path(".cardvault/exchange-keys")
    """OpenPGP keys, and the key of the MACs, which all channels share."""
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
        if not self.tenants or any("/" in tenant for tenant in self.tenants):
            raise ValueError("tenants must be named")
        if any(key.count("/") != 1 for key in self.merchant_ids):
            raise ValueError("merchant_ids' keys are tenant/merchant account")
        if Brand.UNKNOWN in self.brands:
            raise ValueError("brands can't hold UNKNOWN")
        return self

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
    def client_tls(self) -> TlsFiles:
        """Return the files with which the updater calls the vault."""
        return TlsFiles(self.tls_ca, self.client_certificate, self.client_key)

    @cached_property
    def channel_settings(self) -> Sequence[ChannelSettings]:
        """Return every channel, in the order in which they are asked. Raises ConfigInvalid."""
        common: dict[str, Any] = {
            "exchange_keys": self.exchange_keys,
            "brands": self.brands,
            "status_email": self.status_email,
            "records_per_file": self.records_per_file,
            "takes_test_numbers": self.environment != "production",
        }
        if self.channels is None:
            one = ChannelSettings(
                name=CYBERSOURCE,
                format=CYBERSOURCE,
                exchange_directory=self.exchange_directory,
                merchant_ids=self.merchant_ids,
                **common,
            )
            return (one,)
        found = read_channels(self.channels, common)
        if self.environment == "production" and any(each.takes_test_numbers for each in found):
            raise ConfigInvalid("channels: takes_test_numbers can't be on in production")
        return found

    @cached_property
    def made_channels(self) -> Sequence[Channel]:
        """Return the channels as the use cases have them. Raises ConfigInvalid."""
        every, again = self.ask_every, self.not_again_within
        return [made(each, every=every, not_again_within=again) for each in self.channel_settings]

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings and the channels file; raises ConfigInvalid."""
        config = super().load(**values)
        assert config.made_channels  # noqa: S101 - makes them, so that a mistake shows at once
        return config
