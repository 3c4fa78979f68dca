"""The audit trail for operators: records of a tenant, and signed checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cardvault.vault.v1 import audit_service_pb2 as pb

from chassis.call import Call
from vault.domain.audit import AuditRow
from vault.domain.queries import AuditQuery, Checkpoint
from vault.domain.reasons import Reason, VaultError
from vault.rpc.calls import Desk, Room
from vault.rpc.cards import DEFAULT_PAGE
from vault.rpc.enums import REASON
from vault.rpc.requests_in import time_in
from vault.rpc.times import timestamp
from vault.usecases.paging import page_token, place_of
from vault.usecases.ports import AuditStore, Keyring
from vault.usecases.refusals import ACTION as SUMMARY

Place = tuple[str, int] | None
PARTS = 10
PART_RECORDS = 20_000
"""How many records one page looks through, at most so many of them in one read."""


@dataclass(frozen=True, slots=True)
class AuditHandlers:
    """Reading the trail; nothing here can change it."""

    desk: Desk
    audit: AuditStore
    keyring: Keyring

    async def list(
        self, request: pb.ListAuditRecordsRequest, call: Call
    ) -> pb.ListAuditRecordsResponse:
        """Return a page of one tenant's records, by chain and sequence.

        It looks through a bounded part of the trail, so it may be short, or empty, and go on.
        """
        limit = request.page_size or DEFAULT_PAGE
        query = AuditQuery(
            tenant=call.tenant,
            limit=limit + 1,
            from_time=time_in(request.start_time, "start_time"),
            to_time=time_in(request.end_time, "end_time"),
            action=request.action,
            token=request.token,
            principal=request.principal,
        )
        bound = ("audit", *[str(part) for part in query[3:]])
        key = (await self.keyring.warm(call.tenant)).cursor
        place = place_of(key, call.tenant, bound, request.page_token)
        if place:
            chain, sequence = place.split("|")
            query = query._replace(after=(chain, int(sequence)))
        rows, reached = await self._found(query)
        response, room = pb.ListAuditRecordsResponse(), Room()
        for row in rows[:limit]:
            record = record_out(row)
            if not room.takes(record):
                break
            response.records.append(record)
        shown = len(response.records)
        if shown and shown < len(rows):
            reached = (rows[shown - 1].chain, rows[shown - 1].sequence)
        if reached is not None:
            place = f"{reached[0]}|{reached[1]}"
            response.next_page_token = page_token(key, call.tenant, bound, place)
        return response

    async def _found(self, query: AuditQuery) -> tuple[Sequence[AuditRow], Place]:
        """Return what a page's part of the trail has, and where the next page begins, if any.

        Part by part: a filter that few records pass must not keep other readers waiting.
        """
        rows: tuple[AuditRow, ...] = ()
        reached: Place = query.after
        for _part in range(PARTS):
            reached = await self.audit.audit_reach(query.after, PART_RECORDS)
            part = query._replace(until=reached, limit=query.limit - len(rows))
            rows += tuple(await self.audit.audit_rows(part))
            if reached is None or len(rows) == query.limit:
                break
            query = query._replace(after=reached)
        return rows, reached

    async def get_checkpoint(
        self, request: pb.GetCheckpointRequest, _call: Call
    ) -> pb.GetCheckpointResponse:
        """Return one checkpoint, the newest if none is named."""
        if request.HasField("number"):
            found = await self.audit.checkpoints(request.number + 1, 1)
            checkpoint = found[0] if found and found[0].number == request.number else None
        else:
            checkpoint = await self.audit.last_checkpoint()
        if checkpoint is None:
            raise VaultError(Reason.CHECKPOINT_NOT_FOUND, "number")
        return pb.GetCheckpointResponse(checkpoint=checkpoint_out(checkpoint))

    async def list_checkpoints(
        self, request: pb.ListCheckpointsRequest, call: Call
    ) -> pb.ListCheckpointsResponse:
        """Return a page of checkpoints, newest first."""
        limit = request.page_size or DEFAULT_PAGE
        start = time_in(request.start_time, "start_time")
        end = time_in(request.end_time, "end_time")
        bound = ("checkpoints", str(start), str(end))
        key = (await self.keyring.warm(call.tenant)).cursor
        before = int(place_of(key, call.tenant, bound, request.page_token) or 0)
        found = await self.audit.checkpoints(before, limit + 1, start, end)
        response, room = pb.ListCheckpointsResponse(), Room()
        for each in found[:limit]:  # a body names every open chain, so it may be long
            checkpoint = checkpoint_out(each)
            if not room.takes(checkpoint):
                break
            response.checkpoints.append(checkpoint)
        shown = len(response.checkpoints)
        if shown and shown < len(found):
            response.next_page_token = page_token(
                key, call.tenant, bound, str(found[shown - 1].number)
            )
        return response


def record_out(row: AuditRow) -> pb.AuditRecord:
    """Return one record: its fields for reading, its bytes and hash for checking."""
    fields = json.loads(row.record)
    return pb.AuditRecord(
        chain=row.chain,
        sequence=row.sequence,
        time=timestamp(row.time),
        principal=fields.get("principal", ""),
        tenant=fields.get("tenant", ""),
        action=fields.get("action", ""),
        token=fields.get("token", ""),
        purpose=fields.get("purpose", ""),
        result=fields.get("result", ""),
        reason=REASON.number.get(fields.get("reason", ""), 0),  # type: ignore[arg-type]
        request_id=fields.get("request_id", ""),
        origin=fields.get("origin", ""),
        revision=fields.get("revision", 0),
        count=_count(fields),
        note=fields.get("note", ""),
        record=row.record,
        hash=row.hash,
    )


def _count(fields: Mapping[str, str]) -> int:
    """Return how many events a record stands for: `refusals` names its numbers in its note."""
    if fields.get("action") != SUMMARY:
        return 1
    parts = fields.get("note", "").split(", ")
    return sum([int(part.rpartition(" x")[2]) for part in parts])


def checkpoint_out(checkpoint: Checkpoint) -> pb.Checkpoint:
    """Return one checkpoint."""
    return pb.Checkpoint(
        number=checkpoint.number,
        create_time=timestamp(checkpoint.time),
        body=checkpoint.body,
        signature=checkpoint.signature,
        key_id=checkpoint.key_id,
    )
