"""AWS KMS, against two emulators: each hides what the other catches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from tests.contract.kms_suite import CONTEXT, KeyringContract, RemoteContract, refusal
from tests.doubles.kms_door import AWS_ANSWERS, Door, aws_says, door_to
from tests.doubles.kms_site import QUICK, RemoteSite, Trouble
from vault.adapters.kms.address import KmsSettings
from vault.adapters.kms.open import open_kms
from vault.adapters.kms.remote import RemoteKms
from vault.domain.reasons import Reason, VaultError

REGION = "eu-central-1"


def control(url: str) -> Any:
    """Return a client past the door, for whoever administers keys."""
    return boto3.client("kms", region_name=REGION, endpoint_url=url)


def make_key(url: str) -> str:
    """Make a key; return its ARN."""
    return str(control(url).create_key(Description="tests")["KeyMetadata"]["Arn"])


@asynccontextmanager
async def opened(arn: str, url: str) -> AsyncIterator[RemoteKms]:
    """Open the adapter."""
    async with open_kms(KmsSettings(f"aws-kms:{arn}", endpoint=url), QUICK) as kms:
        assert isinstance(kms, RemoteKms)
        yield kms


@asynccontextmanager
async def aws_site(url: str, *, moto: bool) -> AsyncIterator[RemoteSite]:
    """Make two keys and open both through one door.

    moto lets disabled keys be used, so the door says what AWS would; ministack ignores the part of
    a ciphertext that names its key.
    """
    one, two = make_key(url), make_key(url)
    with door_to(url, {**AWS_ANSWERS, "revoked": aws_says(400, "AccessDeniedException")}) as door:

        def trouble(mode: Trouble, turns: int | None) -> None:
            door.turns, door.mode = turns, mode

        def revoke() -> None:
            control(url).disable_key(KeyId=one.rpartition("/")[2])
            if moto:
                deny(door)

        def restore() -> None:
            control(url).enable_key(KeyId=one.rpartition("/")[2])
            door.mode = "open"

        async with opened(one, door.url) as kms, opened(two, door.url) as other:
            await kms.wrap(b"w" * 32, CONTEXT)  # emulators are slow the first time
            hidden = ("secret-of-tests",)
            yield RemoteSite(
                kms, other, trouble, door.counted, revoke, restore, hidden, lax=not moto
            )


def deny(door: Door) -> None:
    """Answer as AWS does where a key policy or IAM forbids the call."""
    door.answers["broken"] = door.answers["revoked"]
    door.mode = "broken"


class TestMoto(RemoteContract, KeyringContract):
    @pytest.fixture
    async def site(self, moto_url: str) -> AsyncIterator[RemoteSite]:
        async with aws_site(moto_url, moto=True) as site:
            yield site


class TestMinistack(RemoteContract, KeyringContract):
    @pytest.fixture
    async def site(self, ministack_url: str) -> AsyncIterator[RemoteSite]:
        async with aws_site(ministack_url, moto=False) as site:
            yield site


@pytest.mark.parametrize("server", ["moto_url", "ministack_url"])
async def test_a_rotated_key_opens_what_it_wrapped_before(
    request: pytest.FixtureRequest, server: str
) -> None:
    url = request.getfixturevalue(server)
    arn = make_key(url)
    async with opened(arn, url) as kms:
        wrapped = await kms.wrap(b"s" * 32, CONTEXT)
        control(url).enable_key_rotation(KeyId=arn)
        if server == "moto_url":  # ministack has no rotation on demand
            control(url).rotate_key_on_demand(KeyId=arn)
        assert (await kms.unwrap(wrapped, CONTEXT) == b"s" * 32) is True


@pytest.mark.parametrize("server", ["moto_url", "ministack_url"])
async def test_a_key_that_is_not_there_is_refused(
    request: pytest.FixtureRequest, server: str
) -> None:
    url = request.getfixturevalue(server)
    arn = make_key(url)
    missing = arn.rpartition("/")[0] + "/00000000-0000-4000-8000-000000000000"
    async with opened(missing, url) as kms:
        wrapped = kms._header + b"x" * 100
        assert await refusal(kms, wrapped, CONTEXT) in {
            Reason.KEY_SERVICE_UNAVAILABLE,
            Reason.DATA_CORRUPT,
        }
        assert kms.counts.retries == 0


async def test_nobody_listening_is_tried_again_and_refused(moto_url: str) -> None:
    with door_to(moto_url, {}) as gone:
        url = gone.url
    async with opened(make_key(moto_url), url) as kms:
        with pytest.raises(VaultError) as refused:
            await kms.wrap(b"s" * 32, CONTEXT)
        assert refused.value.reason is Reason.KEY_SERVICE_UNAVAILABLE
        assert kms.counts.calls == QUICK.attempts


async def test_ministack_refuses_disabled_keys_itself(ministack_url: str) -> None:
    arn = make_key(ministack_url)
    async with opened(arn, ministack_url) as kms:
        wrapped = await kms.wrap(b"s" * 32, CONTEXT)
        control(ministack_url).disable_key(KeyId=arn)
        assert await refusal(kms, wrapped, CONTEXT) is Reason.KEY_SERVICE_UNAVAILABLE
