"""Judge what a vault with a flipped bit said: nothing wrong, and what had to be noticed was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.flips.asking import Heard, Said, masked_of
from tests.flips.places import AUDIT, SEALED, Flip, Mode
from tests.flips.vault_image import Image, Key
from vault.adapters.audit_verify.findings import Finding, Kind, Report

_SIGNED: Final = frozenset(
    {
        ("audit", "record"),
        ("audit", "hash"),
        ("audit", "time"),
        ("checkpoints", "number"),
        ("checkpoints", "time"),
        ("checkpoints", "body"),
        ("checkpoints", "key_id"),
        ("checkpoints", "signature"),
        ("chains", "hash"),
        ("chains", "sequence"),
    }
)
"""What `audit verify` reads and has to call false. A record's own chain and number are inside it;
the columns beside it only find it, and its index is read for them."""

_NEVER: Final = frozenset({"INTERNAL", "INVALID_ARGUMENT", "UNKNOWN"})
"""What no caller hears of a damaged row: nothing is wrong with what it sent, nor with the code."""


_CARDS: Final = frozenset({"cards", "card_versions"})
_TOLD: Final = frozenset(
    {
        "DataDamaged",
        "DataFault",
        "StoreBroken",
        "StoreUnavailable",
        "UnsuitableSqlite",
        "VaultError",
    }
)
"""What may keep a vault from starting: each is told in one line, and is no surprise."""


@dataclass(frozen=True)
class Came:
    """What came of one flip."""

    flip: Flip
    heard: Heard
    ended: str = ""  # what kept the vault from starting, or stopped it
    report: Report | None = None
    unreadable: bool = False  # the audit could not be read at all
    healed: bool = False  # the bit is as it was: the page was written again from memory


def judged(image: Image, came: Came) -> list[str]:
    """Return what was wrong, one sentence each."""
    found = [*_revealed(image, came), *_tokenized(image, came)]
    wrong = came.heard.codes & _NEVER
    if wrong:
        found.append(f"a caller is told {' and '.join(sorted(wrong))}")
    if came.heard.echoes:
        found.append("a refusal has a card number in it")
    found += _ended(came)
    if came.flip.field in SEALED:
        found += _sealed(image, came)
    elif came.flip.table == "cards" and came.flip.column is not None:
        found += _neighbours(image, came)
    if came.flip.mode is Mode.LOG:
        found += _rolled_back(came)
    elif came.flip.field in _SIGNED and not came.healed and not named(came):
        found.append("audit verify does not name it")
    return [f"{came.flip}: {each}" for each in found]


def classed(came: Came) -> str:
    """Say in a few words how the flip showed."""
    if came.ended:
        return came.ended
    if came.unreadable:
        return "the audit can't be read"
    refused = came.heard.codes - {"FAILED_PRECONDITION"}  # a deleted card's
    noticed = came.report is not None and not came.report.ok
    if noticed:
        return "named by audit verify"
    if refused:
        return "refused with " + " and ".join(sorted(refused))
    if came.heard.told_corrupt:
        return "a parked answer told as corrupt"
    return "no effect on any answer"


def _ended(came: Came) -> list[str]:
    """Return what ended a vault that should not have, or otherwise than it should."""
    if not came.ended:
        return []
    how, _colon, kind = came.ended.partition(": ")
    column = came.flip.column
    # What SQLite itself keeps of a row is in brackets: its type, its length, its place in the tree.
    value = column is not None and not column.name.startswith("(")
    if value and came.flip.table in _CARDS:
        return [f"one card's damage ended the vault: {came.ended}"]
    fine = kind == "StoreBroken" if how == "stopped" else kind in _TOLD
    return [] if fine else [f"the vault's end was not foreseen: {came.ended}"]


def _revealed(image: Image, came: Came) -> list[str]:
    truth, found = image.truth, []
    rolled = came.flip.mode is Mode.LOG
    states = truth.states[image.before :] if rolled else truth.states[-1:]
    for said in came.heard.said:
        versions = truth.held[said.key]
        if said.held is None:
            continue
        if said.key in truth.shut:
            found += [] if rolled else [f"{said.key.token} was deleted, and is revealed"]
        elif (
            said.held != versions.get(said.asked)
            if said.asked
            else said.held not in versions.values()
        ):
            found.append(f"a reveal of {said.key.token} gives another number, expiry or name")
        elif not said.asked:
            states = [each for each in states if said.held == versions.get(each.get(said.key, 0))]
            if said.masked != masked_of(said.held):
                found.append(f"a reveal of {said.key.token} denies its own masked card")
    if not states and not found:
        found.append("the numbers revealed as current are of no one moment")
    return found + _shown(came)


def _shown(came: Came) -> list[str]:
    """Return the cards whose masked reading and reveal are of two cards."""
    return [
        f"{said.key.token} is shown masked as another card than it is revealed as"
        for said in came.heard.said
        if said.asked == 0
        and said.held
        and (shown := came.heard.masked.get(said.key))
        and shown != masked_of(said.held)
    ]


def _tokenized(image: Image, came: Came) -> list[str]:
    found = []
    for back in came.heard.returned:
        number = image.truth.held[back.asked][1].number
        if back.held is None:
            continue
        known = image.truth.held.get(Key(back.asked.tenant, back.token))
        numbers = {back.held.number}
        if known is not None:  # it may have another by now
            numbers |= {held.number for held in known.values()} if back.again else set()
        if number not in numbers:
            found.append(f"Tokenize returned {back.token}, which is another card")
    return found


def _sealed(image: Image, came: Came) -> list[str]:
    """A sealed field that was hit is named by its answer; nobody else's answer changes."""
    flip, truth = came.flip, image.truth
    assert flip.column is not None
    row = flip.column.row
    if flip.mode is not Mode.CLOSED or came.ended:
        return []
    if flip.table == "data_keys":
        codes = {said.code for said in came.heard.said if said.key.tenant == row["tenant"]}
        fine = codes and codes <= {"DATA_LOSS", "UNAVAILABLE"}
        return [] if fine else ["a damaged key's tenant is answered"]
    if flip.table == "parked_updates":
        said = came.heard.released
        right = said is not None and said.held is not None and came.heard.told_corrupt
        if right and said is not None and said.held is not None:
            right = said.held.number == image.waiting.asked.reveal()
        return [] if right else ["a damaged parked answer is not told as one"]
    key = Key(row["tenant"], row["token"])
    asked = row["credential_version"] if flip.table == "card_versions" else 0
    return [
        f"{said.key.token} version {said.asked or 'current'} answers {said.code}"
        for said in came.heard.said
        if said.code != _expected(said, truth.shut, hit=(said.key, said.asked) == (key, asked))
    ]


def _neighbours(image: Image, came: Came) -> list[str]:
    """A plain column that was hit is its own card's matter; all others answer as before."""
    assert came.flip.column is not None
    if came.flip.mode is not Mode.CLOSED or came.ended:
        return []
    row = came.flip.column.row
    return [
        f"{said.key.token}, which was not hit, answers {said.code}"
        for said in came.heard.said
        if said.key != (row["tenant"], row["token"])
        and said.code != _expected(said, image.truth.shut, hit=False)
    ]


def _expected(said: Said, shut: set[Key], *, hit: bool) -> str:
    if said.key in shut:
        return "FAILED_PRECONDITION"
    return "DATA_LOSS" if hit else "OK"


def _rolled_back(came: Came) -> list[str]:
    """Writes that were in the log and are not any more: a checkpoint kept elsewhere tells."""
    kinds = {each.kind for each in came.report.findings} if came.report else set()
    return [] if Kind.ROLLED_BACK in kinds or came.unreadable else ["what the log lost is not told"]


def named(came: Came) -> bool:
    """Tell whether `audit verify` names the row that was hit.

    Or that the audit can't be read: enough where the hit is not a record's own, but what finds it.
    """
    column = came.flip.column
    if came.unreadable:
        return came.flip.table != "audit" or column is None or column.name.startswith("(")
    if came.report is None or column is None or came.flip.table not in AUDIT:
        return False
    row = column.row
    if came.flip.table == "checkpoints":
        number = row["number"]
        return any(
            not each.chain and each.first <= number <= each.last for each in came.report.findings
        )
    if came.flip.table == "chains":
        return any(each.chain == row["chain"] for each in came.report.findings)
    return any(_about(each, row["chain"], row["sequence"]) for each in came.report.findings)


def _about(finding: Finding, chain: str, sequence: int) -> bool:
    told = f"or record {sequence} " in finding.why
    return finding.chain == chain and (told or finding.first <= sequence <= finding.last)
