"""boto3's KMS client, answering as told: what AWS says, and what the SDK itself raises."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]


def said(code: str, status: int = 400) -> ClientError:
    """Return what boto3 raises for an error of the service."""
    answer = {
        "Error": {"Code": code, "Message": "m"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "Decrypt")


class ScriptedAws:
    """Answers with `answer`, or raises it; remembers what it was asked."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []
        self.closed = False

    def encrypt(self, **arguments: Any) -> dict[str, Any]:
        return self._answered(arguments)

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        return self._answered(arguments)

    def close(self) -> None:
        self.closed = True

    def _answered(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(arguments)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer
