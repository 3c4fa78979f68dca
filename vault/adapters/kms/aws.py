"""AWS KMS over boto3, with the encryption context on every call and one key allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import boto3  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    HTTPClientError,
)
from botocore.exceptions import ConnectionError as NoConnection

from vault.adapters.kms.address import AwsAddress
from vault.adapters.kms.calls import CallLimits
from vault.adapters.kms.service import Damaged, Refused, ServiceError, Unreachable

_ALGORITHM: Final = "SYMMETRIC_DEFAULT"
_TRY_AGAIN: Final = frozenset(
    {
        *("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"),
        *("LimitExceededException", "DependencyTimeoutException", "KeyUnavailableException"),
        *("KMSInternalException", "InternalFailure", "ServiceUnavailable", "RequestTimeout"),
    }
)


class AwsKeyService:
    """`KeyService` over one AWS KMS key. boto3's clients may be used by several threads."""

    def __init__(self, address: AwsAddress, client: Any) -> None:
        self._arn: Final = address.arn
        self._client: Final = client

    def encrypt(self, plaintext: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt with the configured key, and make sure that no other one answered."""
        return self._ask(
            "encrypt", "CiphertextBlob", Plaintext=plaintext, EncryptionContext=_pairs(context)
        )

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt with the configured key only, whatever key the ciphertext names."""
        return self._ask(
            "decrypt", "Plaintext", CiphertextBlob=ciphertext, EncryptionContext=_pairs(context)
        )

    def close(self) -> None:
        """Close pooled connections."""
        self._client.close()

    def _ask(self, operation: str, field: str, **arguments: object) -> bytes:
        call = getattr(self._client, operation)
        try:
            answer = call(KeyId=self._arn, EncryptionAlgorithm=_ALGORITHM, **arguments)
        except ClientError as error:
            raise _meaning(error) from None
        except (
            HTTPClientError,
            NoConnection,
        ) as error:  # no connection, no answer in time, cut off
            raise Unreachable(type(error).__name__) from None
        except BotoCoreError as error:
            # No credentials, for one. Parameters that don't validate are quoted in the text.
            raise Refused(type(error).__name__) from None
        found = answer.get(field)
        if answer.get("KeyId") != self._arn or not isinstance(found, bytes):
            raise Refused("another_key_answered")
        return found


def aws_client(
    address: AwsAddress, limits: CallLimits, endpoint: str | None, ca: Path | None
) -> Any:
    """Return a client that tries once and gives up in bounded time; takes about 0.1 s.

    Credentials come from where the AWS SDK looks: workload identity, instance profile, environment.
    """
    config = Config(
        connect_timeout=limits.connect_s,
        read_timeout=limits.answer_s,
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=limits.threads,
        user_agent_appid="cardvault",
    )
    return boto3.session.Session().client(
        "kms",
        region_name=address.region,
        endpoint_url=endpoint,
        verify=str(ca) if ca else None,
        config=config,
    )


def _pairs(context: Mapping[str, str]) -> dict[str, str]:
    """Return the context as AWS takes it: it refuses empty values, and no emulator says so.

    Leaving them out loses nothing: contexts always have the same names.
    """
    return {name: value for name, value in context.items() if value}


def _meaning(error: ClientError) -> ServiceError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "InvalidCiphertextException":
        return Damaged(code)
    if code in _TRY_AGAIN or status >= 500 or status == 429:
        return Unreachable(code)
    return Refused(code)
