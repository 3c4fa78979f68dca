"""Open the key service that the settings name, and check that it does what it is for."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from vault.adapters.kms.address import (
    AwsAddress,
    KmsSettings,
    LocalAddress,
    TokenAddress,
    TransitAddress,
    parse_address,
)
from vault.adapters.kms.calls import CallLimits, Calls
from vault.adapters.kms.remote import AWS, PKCS11, TRANSIT, RemoteKms
from vault.adapters.kms.service import KeyService
from vault.adapters.local_kms import LocalKms
from vault.domain.reasons import Reason, VaultError
from vault.usecases.ports import Kms

CHATTY: Final = ("boto3", "botocore", "urllib3", "requests", "hvac", "pkcs11", "s3transfer")
"""Their debug logs hold requests and answers, and those hold data keys."""


Elsewhere = AwsAddress | TransitAddress | TokenAddress


class KmsInvalid(Exception):
    """The settings name a key service that can't be used here. The text is a rule."""


@asynccontextmanager
async def open_kms(settings: KmsSettings, limits: CallLimits | None = None) -> AsyncIterator[Kms]:
    """Yield the key service; makes no call to it.

    Raises KmsInvalid (a driver that isn't installed, an address that isn't one), LocalKeyInvalid.
    """
    quieten()
    try:
        address = parse_address(settings.key)
    except ValueError as error:
        raise KmsInvalid(str(error)) from None
    if isinstance(address, LocalAddress):
        yield LocalKms.open(address.path)
        return
    # boto3 reads its service descriptions from disk, so even making a client leaves the loop.
    kms = await asyncio.to_thread(_remote, address, settings, limits or CallLimits())
    try:
        yield kms
    finally:
        await asyncio.to_thread(kms.close)


async def probe(kms: Kms) -> None:
    """Wrap and unwrap a key made for the purpose, and see another context refused.

    Raises VaultError as `Kms` does; KEY_SERVICE_UNAVAILABLE also where what comes back is wrong;
    KmsInvalid where the service takes contexts and forgets them.
    """
    if isinstance(kms, RemoteKms) and not await kms.service_binds_contexts():
        raise KmsInvalid("the key service forgets contexts: too old, or a key of the wrong type")
    context = {"service": "cardvault", "tenant": "", "purpose": "probe", "key_id": "00" * 8}
    secret = os.urandom(32)
    wrapped = await kms.wrap(secret, context)
    if await kms.unwrap(wrapped, context) != secret:
        raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)
    try:
        await kms.unwrap(wrapped, {**context, "purpose": "another"})
    except VaultError as error:
        if error.reason is not Reason.DATA_CORRUPT:
            raise
        return
    raise VaultError(Reason.KEY_SERVICE_UNAVAILABLE)


def quieten() -> None:
    """Keep drivers from logging below WARNING, whatever level the service's own logs have."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _remote(address: Elsewhere, settings: KmsSettings, limits: CallLimits) -> RemoteKms:
    """Make adapter and driver. Drivers are imported where they are used: they are optional."""
    service: KeyService
    try:
        match address:
            case AwsAddress():
                from vault.adapters.kms.aws import AwsKeyService, aws_client  # noqa: PLC0415

                client = aws_client(address, limits, settings.endpoint, settings.ca)
                kind, service = AWS, AwsKeyService(address, client)
            case TransitAddress():
                from vault.adapters.kms.transit import TransitKeyService  # noqa: PLC0415

                token, ca = settings.token_file, settings.ca
                kind, service = TRANSIT, TransitKeyService(address, token, limits, ca)
            case TokenAddress():
                from vault.adapters.kms.hsm import HsmKeyService  # noqa: PLC0415

                # A session does one thing at a time.
                limits = replace(limits, threads=1)
                kind, service = PKCS11, HsmKeyService(address)
    except ImportError:
        raise KmsInvalid("the driver is not installed: cardvault-server[production]") from None
    return RemoteKms(address.kek, kind, service, Calls(limits))
