"""The channels of a deployment, from their YAML file: each refused with a sentence, not its value.

Without a file there is one channel, from the updater's own settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from os.path import realpath
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cards.brands import Brand
from chassis.config import ConfigInvalid
from chassis.strict_yaml import NotYaml, load_yaml
from updater.domain.bounds import Bounds
from updater.domain.enrolment import AskingPolicy
from updater.domain.inquiry import Inquiry, InquiryState
from updater.domain.shadow import Shadow
from updater.files.codec import CODECS
from updater.usecases.channel import Channel
from updater.usecases.headers import writable

MerchantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,29}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
_DEFAULTS: Final = Bounds()
_MOST_BYTES: Final = 1 << 20
_MOST_CHANNELS: Final = 100
_PROBE: Final = Inquiry("", "", "", "", "m", InquiryState.CREATED, 1_600_000_000_000_000)


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True
    )


class BoundsSettings(_Model):
    """What passes without a look; see `domain/bounds.py`."""

    closed_share: Share = _DEFAULTS.closed_share
    changed_share: Share = _DEFAULTS.changed_share
    many_to_one: int = Field(default=_DEFAULTS.many_to_one, ge=1, le=1_000_000)
    unasked: int = Field(default=_DEFAULTS.unasked, ge=0, le=10_000_000)
    from_records: int = Field(default=_DEFAULTS.from_records, ge=1, le=10_000_000)

    def bounds(self) -> Bounds:
        """Return them as the domain has them."""
        return Bounds(**self.model_dump())


class ShadowSettings(_Model):
    """Whose answers change nothing; see `domain/shadow.py`."""

    everything: bool = False
    tenants: frozenset[str] = frozenset()
    bins: frozenset[Annotated[str, Field(pattern=r"^([0-9]{6}|[0-9]{8})$")]] = frozenset()

    def shadow(self) -> Shadow:
        """Return it as the domain has it."""
        return Shadow(self.everything, self.tenants, self.bins)


class ChannelSettings(_Model):
    """One channel of the file. What isn't given is as in the updater's own settings."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    format: str
    exchange_directory: Path
    exchange_keys: Path
    brands: frozenset[Brand] = Field(min_length=1)
    merchant_ids: Mapping[str, MerchantId] = {}
    only_listed: bool = False
    status_email: str = Field(min_length=1, max_length=100)
    records_per_file: int = Field(ge=1, le=1_000_000)
    segments: Mapping[
        Annotated[str, Field(pattern=r"^[VMD]$")], Annotated[str, Field(pattern=r"^[0-9]{1,6}$")]
    ] = {}
    terminal_id: str = Field(default="", max_length=19, pattern=r"^[A-Za-z0-9]*$")
    bounds: BoundsSettings = BoundsSettings()
    shadow: ShadowSettings = ShadowSettings()
    takes_test_numbers: bool

    @field_validator("format")
    @classmethod
    def _known(cls, text: str) -> str:
        if text not in CODECS:
            raise ValueError(f"is one of {', '.join(sorted(CODECS))}")
        return text

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if any(key.count("/") != 1 for key in self.merchant_ids):
            raise ValueError("merchant_ids' keys are tenant/merchant account")
        if Brand.UNKNOWN in self.brands:
            raise ValueError("brands can't hold UNKNOWN")
        return self

    @property
    def merchants(self) -> Mapping[tuple[str, str], str]:
        """Return the acquirer's merchant ids by (tenant, merchant account)."""
        found = {}
        for key, merchant_id in self.merchant_ids.items():
            tenant, _, account = key.partition("/")
            found[tenant, account] = merchant_id
        return found


class _File(_Model):
    channels: tuple[ChannelSettings, ...] = Field(min_length=1, max_length=_MOST_CHANNELS)

    @field_validator("channels")
    @classmethod
    def _apart(cls, channels: tuple[ChannelSettings, ...]) -> tuple[ChannelSettings, ...]:
        if len({each.name for each in channels}) != len(channels):
            raise ValueError("two channels can't have one name")
        # As the system finds them: `..` and links can give one directory two names.
        roots = [Path(realpath(each.exchange_directory)) for each in channels]
        for one, other in combinations(roots, 2):
            if one.is_relative_to(other) or other.is_relative_to(one):
                raise ValueError("each channel has an exchange directory of its own")
        return channels


_OURS: Final = frozenset(
    {"[key]"}.union(_File.model_fields, ChannelSettings.model_fields)
    | {*BoundsSettings.model_fields, *ShadowSettings.model_fields}
)


def read_channels(path: Path, defaults: Mapping[str, Any]) -> Sequence[ChannelSettings]:
    """Read a channels file. Raises ConfigInvalid, which names places and rules, never values."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"channels: the file can't be read: {error.strerror}") from None
    if len(text) > _MOST_BYTES:
        raise ConfigInvalid("channels: the file is larger than 1 MiB")
    try:
        document = _completed(load_yaml(text), defaults)
    except NotYaml as error:
        raise ConfigInvalid(f"channels: {error}") from None
    try:
        return _File.model_validate(document).channels
    except ValidationError as error:
        raise ConfigInvalid("; ".join(_sentences(error, document))) from None


def _completed(document: object, defaults: Mapping[str, Any]) -> object:
    """Fill in what each channel leaves out; what is no channel at all is left to be refused."""
    if not isinstance(document, dict) or not isinstance(document.get("channels"), list):
        raise ConfigInvalid("channels: a file with `channels:` and a list of them is expected")
    channels = [
        {**defaults, **each} if isinstance(each, dict) else each for each in document["channels"]
    ]
    return {**document, "channels": channels}


def _sentences(error: ValidationError, document: object) -> Iterator[str]:
    for each in error.errors(include_input=False, include_context=False, include_url=False):
        yield f"channels: {'.'.join(_place(each['loc'], document))}: {each['msg']}"


def _place(location: tuple[int | str, ...], within: object) -> Iterator[str]:
    """Yield the parts of a place in the document: places in lists, and our own keys.

    A key that is not ours could be anything, where another one belongs even a card number.
    """
    for part in location:
        if isinstance(within, list) and isinstance(part, int):
            yield str(part)
            within = within[part]
        else:
            yield str(part) if part in _OURS else "(a key)"
            within = within.get(part) if isinstance(within, dict) else None


def made(settings: ChannelSettings, *, every: timedelta, not_again_within: timedelta) -> Channel:
    """Return a channel as the use cases have it. Raises ConfigInvalid for what it can't write."""
    channel = Channel(
        name=settings.name,
        codec=CODECS[settings.format],
        policy=AskingPolicy(settings.brands, every, not_again_within),
        merchant_ids=settings.merchants,
        status_email=settings.status_email,
        records_per_file=settings.records_per_file,
        only_listed=settings.only_listed,
        segments=settings.segments,
        terminal_id=settings.terminal_id,
        bounds=settings.bounds.bounds(),
        shadow=settings.shadow.shadow(),
        takes_test_numbers=settings.takes_test_numbers,
    )
    most = channel.codec.most_questions
    if channel.records_per_file > most:
        raise ConfigInvalid(
            f"channels: {channel.name}: records_per_file is at most {most} in the format"
            f" {settings.format}"
        )
    for brand in sorted(channel.policy.brands):
        network = channel.network(brand)
        if network and network not in channel.segments:
            raise ConfigInvalid(f"channels: {channel.name}: segments need {network}")
        if not writable(channel, replace(_PROBE, network=network), brand):
            raise ConfigInvalid(
                f"channels: {channel.name}: the format {settings.format} can't ask about"
                f" {brand.value} cards with these settings"
            )
    return channel
