"""What is wrong with how a bad request was refused."""

from __future__ import annotations

from tests.doubles.rpc_bad_fields import BadField
from tests.doubles.rpc_wire import Refusal


def complaint(case: BadField, refusal: Refusal | None) -> str:
    """Say what is wrong with a refusal, without any value; empty for nothing."""
    if refusal is None:
        return f"{case}: accepted"
    if refusal.code != "INVALID_ARGUMENT":
        return f"{case}: {refusal.code} {refusal.reason}"
    if not refusal.reason or refusal.domain != "cardvault":
        return f"{case}: no ErrorInfo"
    if case.path not in refusal.fields:
        return f"{case}: names {refusal.fields}"
    if case.needle and case.needle.encode() in refusal.raw:
        return f"{case}: repeats the value"
    return ""
