"""What AWS says and what it means: damaged, refused, or worth another try."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import (  # type: ignore[import-untyped]
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)

from tests.doubles.kms_aws import ScriptedAws, said
from vault.adapters.kms.address import AwsAddress
from vault.adapters.kms.aws import AwsKeyService, aws_client
from vault.adapters.kms.calls import CallLimits
from vault.adapters.kms.service import Damaged, Refused, ServiceError, Unreachable

ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234"
ADDRESS = AwsAddress(ARN, "eu-central-1")
URL = {"endpoint_url": "https://kms"}


def test_every_call_names_key_algorithm_and_context() -> None:
    client = ScriptedAws({"KeyId": ARN, "CiphertextBlob": b"sealed", "Plaintext": b"open"})
    service = AwsKeyService(ADDRESS, client)
    context = {"tenant": "", "purpose": "record"}
    assert service.encrypt(b"open", context) == b"sealed"
    assert service.decrypt(b"sealed", context) == b"open"
    for asked in client.asked:
        assert asked["KeyId"] == ARN
        assert asked["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
        assert asked["EncryptionContext"] == {"purpose": "record"}  # AWS refuses empty values
    service.close()
    assert client.closed


@pytest.mark.parametrize(
    ("raised", "meaning"),
    [
        (said("InvalidCiphertextException"), Damaged),
        (said("ThrottlingException"), Unreachable),
        (said("LimitExceededException"), Unreachable),
        (said("KMSInternalException", 500), Unreachable),
        (said("KeyUnavailableException", 500), Unreachable),
        (said("SomethingNew", 503), Unreachable),
        (said("SlowDown", 429), Unreachable),
        (said("IncorrectKeyException"), Refused),
        (said("DisabledException"), Refused),
        (said("KMSInvalidStateException"), Refused),
        (said("NotFoundException"), Refused),
        (said("AccessDeniedException"), Refused),
        (said("ExpiredTokenException"), Refused),
        (said("a text\nwith a secret"), Refused),
        (EndpointConnectionError(**URL), Unreachable),
        (ConnectTimeoutError(**URL), Unreachable),
        (ReadTimeoutError(**URL), Unreachable),
        (NoCredentialsError(), Refused),
        (ParamValidationError(report="value: the-secret"), Refused),
    ],
    ids=str,
)
def test_errors_have_their_meaning_and_none_of_their_words(
    raised: Exception, meaning: type[ServiceError]
) -> None:
    service = AwsKeyService(ADDRESS, ScriptedAws(raised))
    with pytest.raises(ServiceError) as refused:
        service.decrypt(b"sealed", {})
    assert type(refused.value) is meaning
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "answer",
    [
        {"KeyId": ARN + "5", "Plaintext": b"open"},
        {"Plaintext": b"open"},
        {"KeyId": ARN},
        {"KeyId": ARN, "Plaintext": "open"},
    ],
    ids=["other key", "no key", "nothing", "text"],
)
def test_answers_of_another_key_or_shape_are_not_taken(answer: dict[str, object]) -> None:
    with pytest.raises(Refused, match="another_key_answered"):
        AwsKeyService(ADDRESS, ScriptedAws(answer)).decrypt(b"sealed", {})


def test_the_client_tries_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    limits = CallLimits()
    client = aws_client(ADDRESS, limits, "http://127.0.0.1:1", Path("/nonexistent/ca.pem"))
    config = client.meta.config
    assert config.retries["total_max_attempts"] == 1
    assert (config.connect_timeout, config.read_timeout) == (limits.connect_s, limits.answer_s)
    assert client.meta.region_name == "eu-central-1"
    assert client.meta.endpoint_url == "http://127.0.0.1:1"
    client.close()
