"""Hold a history against the evidence; name everything that the vault promised and didn't keep.

It knows what each call means (`model.py`), and none of the vault's code.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from tests.e2e.kills.evidence import Event, Evidence, Record
from tests.e2e.kills.history import Change, End, History, Kind
from tests.e2e.kills.model import Model, models_of, tells


class Breach(StrEnum):
    """A broken promise."""

    LOST_WRITE = "an acknowledged write is lost"
    DOUBLE_EFFECT = "a request id had two effects"
    UNASKED_EFFECT = "an effect that nobody asked for"
    REFUSED_YET_DONE = "a refused call had an effect"
    HALF_DONE = "a change is there in part"
    UNRECORDED_REVEAL = "a reveal has no audit record"
    WRONG_NUMBER = "a reveal gave another number"
    STALE_READ = "a read is older than what was acknowledged"
    REVISION_GAP = "a card's revisions have a gap"
    WRONG_STATE = "a card is not what its changes made it"
    MISSING_EVENT = "a change has no event"
    UNASKED_EVENT = "an event without a change"
    EVENT_DIFFERS = "an event does not say what changed"
    EVENTS_OUT_OF_ORDER = "a card's events are out of order"
    DAMAGED_FILE = "the database file is damaged"
    UNEXPECTED_STATUS = "a status that no kill explains"


class Violation(NamedTuple):
    """What was broken, and where."""

    breach: Breach
    where: str

    def __str__(self) -> str:
        return f"{self.breach}: {self.where}"


_CHANGES: Final = frozenset(Kind)


def violations(history: History, evidence: Evidence) -> list[Violation]:
    """Return every broken promise, in no particular order; nothing: all were kept."""
    effects = [
        record for record in evidence.records if record.result == "ok" and record.action in _CHANGES
    ]
    changes: dict[str, list[Record]] = defaultdict(list)
    for record in effects:
        if record.revision:
            changes[record.token].append(record)
    for records in changes.values():
        records.sort(key=lambda record: record.revision)
    found = [
        *_request_ids(history, evidence, effects),
        *_revisions(evidence, changes),
        *_existing(evidence),
        *_states(history, evidence, changes),
        *_events(history, evidence, changes),
        *_reveals(history, evidence),
        *_reads(history),
    ]
    if evidence.integrity != "ok":
        found.append(Violation(Breach.DAMAGED_FILE, "integrity_check"))
    found += [Violation(Breach.UNEXPECTED_STATUS, text) for text in history.unexpected]
    return found


def _request_ids(
    history: History, evidence: Evidence, effects: Sequence[Record]
) -> Iterator[Violation]:
    """Check each intended change against the records and request ids that it left."""
    by_id: dict[str, list[Record]] = defaultdict(list)
    for record in effects:
        by_id[record.request_id].append(record)
    asked = {change.request_id for change in history.changes}
    for change in history.changes:
        where = f"{change.kind} {change.request_id} of client {change.client}"
        records = by_id.get(change.request_id, [])
        if len(records) > 1:
            yield Violation(Breach.DOUBLE_EFFECT, where)
        if bool(records) != (change.request_id in evidence.requests):
            lost = Breach.LOST_WRITE if change.end is End.DONE else Breach.HALF_DONE
            yield Violation(lost, f"{where}: either its record or its request id")
        if change.end is End.REFUSED and records:
            yield Violation(Breach.REFUSED_YET_DONE, where)
        if change.end is End.DONE:
            yield from _acknowledged(change, records, evidence, where)
    for unknown in (by_id.keys() | evidence.requests.keys()) - asked:
        yield Violation(Breach.UNASKED_EFFECT, f"request id {unknown or '(none)'}")


def _acknowledged(
    change: Change, records: Sequence[Record], evidence: Evidence, where: str
) -> Iterator[Violation]:
    if not records:
        yield Violation(Breach.LOST_WRITE, f"{where}: no audit record")
        return
    record = records[0]
    if {record.token, evidence.requests.get(change.request_id)} != {change.token}:
        yield Violation(Breach.LOST_WRITE, f"{where}: answered with another card")
    # A replay answers with the card as it is by then, a first answer with what it made.
    first = change.attempts == 1 and record.revision > 0
    if change.revision < record.revision or (first and change.revision != record.revision):
        yield Violation(Breach.LOST_WRITE, f"{where}: answered with another revision")


def _revisions(evidence: Evidence, changes: Mapping[str, Sequence[Record]]) -> Iterator[Violation]:
    """Check that each card's revisions are gapless, and that all places agree on the last."""
    for token in changes.keys() | evidence.rows.keys() | evidence.cards.keys():
        made = [record.revision for record in changes.get(token, ())]
        if len(set(made)) != len(made):
            yield Violation(Breach.DOUBLE_EFFECT, f"{token}: one revision made twice")
        if sorted(set(made)) != list(range(1, len(set(made)) + 1)):
            yield Violation(Breach.REVISION_GAP, token)
        row, card = evidence.rows.get(token), evidence.cards.get(token)
        if row is None or card is None:
            yield Violation(Breach.LOST_WRITE, f"{token}: the card is gone")
            continue
        last = made[-1] if made else 0
        for held in {row.revision, card.revision} - {last}:
            lost = Breach.LOST_WRITE if held < last else Breach.UNASKED_EFFECT
            yield Violation(lost, f"{token}: revision {held}, recorded {last}")
        kept = evidence.old_versions.get(token, [])
        if kept != list(range(1, row.credential_version)):
            yield Violation(Breach.LOST_WRITE, f"{token}: a superseded version is gone")
        if card.versions != card.credential_version:
            yield Violation(Breach.LOST_WRITE, f"{token}: a version is not listed")


def _existing(evidence: Evidence) -> Iterator[Violation]:
    """Check that a number of a customer was stored once: no test asks for it twice."""
    owners = Counter(
        (row.customer, row.fingerprint) for row in evidence.rows.values() if row.customer
    )
    for (customer, _fingerprint), cards in owners.items():
        if cards > 1:
            yield Violation(Breach.DOUBLE_EFFECT, f"a number of {customer} has {cards} cards")


def _states(
    history: History, evidence: Evidence, changes: Mapping[str, Sequence[Record]]
) -> Iterator[Violation]:
    """Replay each card's changes in the order of their revisions, and compare the end."""
    asked = {change.request_id: change for change in history.changes}
    for token, records in changes.items():
        card = evidence.cards.get(token)
        models = models_of(records, asked)
        if card is None or len(models) < len(records):
            continue  # said already
        model = models[-1]
        shown = Model(
            card.status,
            model.before,
            card.number,
            card.tag,
            card.expiry_year,
            card.credential_version,
        )
        if model.status == "DELETED":
            model = model._replace(number=0)  # no reveal shows it
        for name, wanted, seen in zip(model._fields, model, shown, strict=True):
            if wanted != seen:
                yield Violation(Breach.WRONG_STATE, f"{token}: {name}")


def _events(
    history: History, evidence: Evidence, changes: Mapping[str, Sequence[Record]]
) -> Iterator[Violation]:
    """Check that each change has one event, however often it was delivered, and in order."""
    told: dict[tuple[str, int], Event] = {}
    last: dict[str, int] = defaultdict(int)
    for event in evidence.events:
        identity = event.token, event.revision
        where = f"{event.token} revision {event.revision}"
        if identity not in told:
            told[identity] = event
            if event.revision <= last[event.token]:
                yield Violation(Breach.EVENTS_OUT_OF_ORDER, where)
            last[event.token] = event.revision
        elif told[identity].digest != event.digest:
            yield Violation(Breach.EVENT_DIFFERS, f"{where}: two of one identity")
    made = {
        (token, record.revision): record for token, records in changes.items() for record in records
    }
    for token, revision in made.keys() - told.keys():
        yield Violation(Breach.MISSING_EVENT, f"{token} revision {revision}")
    for token, revision in told.keys() - made.keys():
        yield Violation(Breach.UNASKED_EVENT, f"{token} revision {revision}")
    asked = {change.request_id: change for change in history.changes}
    for token, records in changes.items():
        for record, model in zip(records, models_of(records, asked), strict=False):
            said = told.get((token, record.revision))
            if said is not None and not tells(said, record, model):
                yield Violation(Breach.EVENT_DIFFERS, f"{token} revision {record.revision}")


def _reveals(history: History, evidence: Evidence) -> Iterator[Violation]:
    """Check that each number that came was recorded first, and was the right one.

    A batch has no request ids: there the records of a card must be as many as its answers.
    """
    recorded = Counter(
        (record.token, record.request_id)
        for record in evidence.records
        if record.action == "card.reveal" and record.result == "ok"
    )
    asked = Counter((each.token, each.request_id) for each in history.reveals)
    answered = Counter(
        (each.token, each.request_id) for each in history.reveals if each.end is End.DONE
    )
    for token, request_id in asked.keys() | recorded.keys():
        key, where = (token, request_id), f"{token} {request_id or '(batch)'}"
        if recorded[key] < answered[key]:
            yield Violation(Breach.UNRECORDED_REVEAL, where)
        if recorded[key] > asked[key]:
            yield Violation(Breach.UNASKED_EFFECT, f"{where}: a reveal that nobody asked for")
    for reveal in history.reveals:
        if reveal.end is End.DONE and reveal.seen != reveal.wants:
            yield Violation(Breach.WRONG_NUMBER, reveal.token)


def _reads(history: History) -> Iterator[Violation]:
    for read in history.reads:
        if read.revision < read.floor:
            yield Violation(Breach.STALE_READ, f"{read.token}: {read.revision} < {read.floor}")
