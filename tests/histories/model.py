"""What one card does, one call after the other: the order that a history must have had.

Written from `api.md` ("Lifecycle", "Errors") and none of the vault's code. A register, its revision
and status under changes that may expect a revision; and a list, which only grows: its versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tests.histories.history import Ask, Kind, Listed, Refused, Revealed, Said, Shown

ACTIVE, CONTACT, CLOSED, DELETED = "ACTIVE", "NEEDS_CARDHOLDER", "CLOSED", "DELETED"
_REVEALABLE: Final = frozenset({ACTIVE, CONTACT})


class State(NamedTuple):
    """A card; revision 0: it is not there yet. `done` has a bit per intent that took effect."""

    revision: int = 0
    status: str = ""
    before: str = ""  # what an undeletion brings back
    tag: str = ""
    versions: tuple[tuple[int, int], ...] = ()  # number and expiry, oldest first
    done: int = 0
    creator: int = -1


def answer(state: State, ask: Ask) -> tuple[State, Said]:
    """Return the card after a call, and what the call must be told."""
    if ask.intent >= 0 and state.done >> ask.intent & 1:  # a request id takes effect once
        return state, shown(state, ask)
    return _ANSWERS[ask.kind](state, ask)


def shown(state: State, ask: Ask | None = None) -> Shown:
    """Return the card as an answer shows it."""
    number, expiry = state.versions[-1] if state.versions else (0, 0)
    created = None
    if ask is not None and ask.kind is Kind.TOKENIZE:
        created = ask.intent == state.creator
    version = len(state.versions)
    return Shown(state.revision, version, state.status, number, expiry, state.tag, created)


def _tokenize(state: State, ask: Ask) -> tuple[State, Said]:
    if not state.revision:
        made = State(1, ACTIVE, "", ask.tag, ((ask.number, ask.expiry),), 0, ask.intent)
        return _changed(made, ask)
    found = state._replace(done=state.done | 1 << ask.intent)
    return found, shown(found, ask)


def _update(state: State, ask: Ask) -> tuple[State, Said]:
    if refused := _not_live(state, ask):
        return state, refused
    number, expiry = state.versions[-1]
    wanted = (ask.number or number, ask.expiry or expiry)
    after = state._replace(revision=state.revision + 1, tag=ask.tag or state.tag)
    if wanted != (number, expiry):
        reopens = wanted[0] != number or state.status == CONTACT
        status = ACTIVE if reopens else state.status
        after = after._replace(versions=(*state.versions, wanted), status=status)
    return _changed(after, ask)


def _set_status(state: State, ask: Ask) -> tuple[State, Said]:
    if refused := _not_live(state, ask):
        return state, refused
    after = state._replace(revision=state.revision + 1, status=ask.status or state.status)
    return _changed(after, ask)


def _delete(state: State, ask: Ask) -> tuple[State, Said]:
    if refused := _not_live(state, ask):
        return state, refused
    after = state._replace(revision=state.revision + 1, status=DELETED, before=state.status)
    return _changed(after, ask)


def _undelete(state: State, ask: Ask) -> tuple[State, Said]:
    if ask.revision and ask.revision != state.revision:
        return state, Refused("REVISION_CONFLICT")
    if state.status != DELETED:
        return state, Refused("CARD_NOT_DELETED")
    after = state._replace(revision=state.revision + 1, status=state.before, before="")
    return _changed(after, ask)


def _get(state: State, _ask: Ask) -> tuple[State, Said]:
    return state, shown(state)


def _versions(state: State, _ask: Ask) -> tuple[State, Said]:
    rows = [(at, *contents) for at, contents in enumerate(state.versions, 1)]
    return state, Listed(tuple(reversed(rows)))


def _reveal(state: State, _ask: Ask) -> tuple[State, Said]:
    if state.status == DELETED:
        return state, Refused("CARD_DELETED")
    if state.status not in _REVEALABLE:
        return state, Refused("STATUS_FORBIDS")
    return state, Revealed(*state.versions[-1], shown(state))


def _not_live(state: State, ask: Ask) -> Refused | None:
    if state.status == DELETED:
        return Refused("CARD_DELETED")
    if ask.revision and ask.revision != state.revision:
        return Refused("REVISION_CONFLICT")
    return None


def _changed(after: State, ask: Ask) -> tuple[State, Said]:
    after = after._replace(done=after.done | 1 << ask.intent)
    return after, shown(after, ask)


_ANSWERS: Final[Mapping[Kind, Callable[[State, Ask], tuple[State, Said]]]] = {
    Kind.TOKENIZE: _tokenize,
    Kind.UPDATE: _update,
    Kind.STATUS: _set_status,
    Kind.DELETE: _delete,
    Kind.UNDELETE: _undelete,
    Kind.GET: _get,
    Kind.VERSIONS: _versions,
    Kind.REVEAL: _reveal,
}
