"""What each change means for a card, in a few lines that share nothing with the vault's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tests.e2e.kills.evidence import Event, Record
from tests.e2e.kills.history import Change, Kind

_EVENT_TYPES: Final[Mapping[str, frozenset[str]]] = {
    Kind.TOKENIZE: frozenset({"stored"}),
    Kind.UPDATE: frozenset({"updated"}),
    # A status that was set to what it was counts as a change of holds.
    Kind.SET_STATUS: frozenset({"status_changed", "hold_changed"}),
    Kind.DELETE: frozenset({"deleted"}),
    Kind.UNDELETE: frozenset({"undeleted"}),
}


class Model(NamedTuple):
    """What a card should be."""

    status: str = "ACTIVE"
    before: str = ""  # the status that an undelete brings back
    number: int = 0
    tag: str = ""
    expiry_year: int = 0
    credential_version: int = 1


def models_of(records: Sequence[Record], asked: Mapping[str, Change]) -> list[Model]:
    """Return what a card should be after each of its changes, up to one that nobody asked for."""
    models: list[Model] = []
    for record in records:
        change = asked.get(record.request_id)
        if change is None:
            break
        models.append(_after(models[-1] if models else Model(), change))
    return models


def tells(event: Event, record: Record, model: Model) -> bool:
    """Tell whether an event says what its change did."""
    types = {f"cardvault.card.{name}" for name in _EVENT_TYPES[record.action]}
    inside = event.told_revision, event.told_status
    return event.type in types and inside == (record.revision, model.status)


def _after(model: Model, change: Change) -> Model:
    wants = change.wants
    match change.kind:
        case Kind.DELETE:
            return model._replace(status="DELETED", before=model.status)
        case Kind.UNDELETE:
            return model._replace(status=model.before, before="")
        case Kind.SET_STATUS:
            return model._replace(status=str(wants["status"]))
    tag = str(wants.get("tag", model.tag))
    number = int(wants.get("number", model.number))
    year = int(wants.get("expiry_year", model.expiry_year))
    after = model._replace(tag=tag, number=number, expiry_year=year)
    if change.kind is Kind.UPDATE and (number, year) != (model.number, model.expiry_year):
        # The cardholder's own news: a new number reopens, a new expiry ends NEEDS_CARDHOLDER.
        news = number != model.number or model.status == "NEEDS_CARDHOLDER"
        after = after._replace(
            status="ACTIVE" if news else model.status,
            credential_version=model.credential_version + 1,
        )
    return after
