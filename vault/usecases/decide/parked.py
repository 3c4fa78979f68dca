"""Parked answers: sealing them, opening them, and when they become decidable.

A parked answer is sealed under its tenant's record key for a place of its own, found by the lookup
MAC of the number it is about, and decided again when a network's update gives a card that number.
"""

from __future__ import annotations

import json
from typing import Final

from cards.outcomes import Outcome as UpdateOutcome
from cards.pan import Pan
from vault.crypto.blob import CannotOpen, Place, key_id_of
from vault.crypto.keys import TenantKeys
from vault.domain.card import Times
from vault.domain.intents import ApplyByNumber, ApplyUpdate
from vault.domain.parked import DAY_US, LOOK_AGAIN_US, ParkedRow
from vault.domain.reasons import Reason, VaultError
from vault.usecases.decide.context import Context, Decision
from vault.usecases.decide.numbers import fpan_keys

_PAD: Final = 64  # as a card's contents: a blob's length tells nothing
_ENCODE: Final = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


def parked_row(ctx: Context, tenant: str, intent: ApplyByNumber) -> ParkedRow:
    """Return the row that keeps an answer until a network makes its number a card's."""
    said, keys = intent.said, ctx.keys[tenant]
    row = ParkedRow(
        tenant=tenant,
        update_id=said.update_id,
        mac=fpan_keys(tenant, keys, intent.pan)[0].mac,
        channel=said.channel,
        file=said.file,
        day=ctx.now // DAY_US,
        time=ctx.now,
        look_time=ctx.now + LOOK_AGAIN_US,
        purge_time=ctx.now + ctx.rules.parked_retention_us,
        sealed=b"",
    )
    return row._replace(sealed=keys.record.seal(_encoded(intent), place_of(row), ctx.random))


def place_of(row: ParkedRow) -> Place:
    """Return where a parked answer belongs: its update id takes the token's place."""
    return Place("parked answer", row.tenant, row.update_id, "", "FPAN", row.time)


def opened(keys: TenantKeys, row: ParkedRow) -> ApplyByNumber:
    """Open a parked answer. Raises VaultError(DATA_CORRUPT)."""
    try:
        key = keys.records.get(key_id_of(row.sealed))
        if key is None:
            raise CannotOpen
        return _decoded(key.open(row.sealed, place_of(row)), row)
    except (CannotOpen, ValueError, KeyError):
        raise VaultError(Reason.DATA_CORRUPT) from None


def waiting_now(ctx: Context, rows: list[ParkedRow]) -> list[ParkedRow]:
    """Return those of a number's parked answers whose time is not over."""
    return [row for row in rows if row.purge_time > ctx.now]


def now_due(ctx: Context, decision: Decision, tenant: str, pan: Pan) -> None:
    """Note, in the decision that makes a number current, that its parked answers are due.

    They are decided in the next flush; the mark is for the sweeper, should there be none.
    """
    if not ctx.state.parked:
        return
    numbers = fpan_keys(tenant, ctx.keys[tenant], pan)
    for number in numbers:
        rows = waiting_now(ctx, ctx.state.waiting_for([number]))
        decision.parked |= {row.key: row._replace(look_time=ctx.now) for row in rows}
        if rows:
            decision.due.append(number)


def _encoded(intent: ApplyByNumber) -> bytes:
    """Return the plaintext that is sealed; a multiple of 64 bytes."""
    said = intent.said
    fields = {
        "expiry": said.new_expiry,
        "merchant": said.merchant_account,
        "new": said.new_pan.reveal() if said.new_pan is not None else "",
        "number": intent.pan.reveal(),
        "outcome": said.outcome.value,
        "raw": said.raw_code,
        "record": said.record,
        "times": list(said.times),
    }
    text = _ENCODE(fields).encode()
    return text + b" " * (-len(text) % _PAD)


def _decoded(plaintext: bytes, row: ParkedRow) -> ApplyByNumber:
    fields = json.loads(plaintext)
    return ApplyByNumber(
        Pan.stored(fields["number"]),
        ApplyUpdate(
            update_id=row.update_id,
            token="",
            asked_version=0,
            merchant_account=fields["merchant"],
            outcome=UpdateOutcome(fields["outcome"]),
            new_pan=Pan.stored(fields["new"]) if fields["new"] else None,
            new_expiry=fields["expiry"],
            times=Times(*fields["times"]),
            channel=row.channel,
            file=row.file,
            record=fields["record"],
            raw_code=fields["raw"],
            by_number=True,
        ),
    )
