"""How the updater's vault double takes answers back: newest first, unless something came since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cards.expiry import Expiry
from cards.pan import Pan
from updater.domain.enrolment import CardStatus
from updater.usecases.ports_vault import CardUpdate, RevertedCard, Undone

if TYPE_CHECKING:
    from tests.doubles.updater_vault import DoubleVault


class Change(NamedTuple):
    """What a card was before an answer of a file changed it."""

    tenant: str
    token: str
    file: tuple[str, str]
    contents: tuple[Pan, Expiry | None] | None
    status: CardStatus
    opted_out: frozenset[str]


def change_of(vault: DoubleVault, tenant: str, update: CardUpdate) -> Change:
    """Return how a card is right before an answer."""
    card = vault.cards.get((tenant, update.token))
    file = (update.channel, update.feed_id)
    if card is None:
        return Change(tenant, update.token, file, None, CardStatus.DELETED, frozenset())
    return Change(tenant, update.token, file, card.versions[-1], card.status, card.opted_out)


def undo(
    vault: DoubleVault, tenant: str, file: tuple[str, str], *, dry_run: bool
) -> Sequence[RevertedCard]:
    """Take a file's changes back, and say what became of each card, in the order of tokens."""
    touched = {each.token for each in vault.changes if (each.tenant, each.file) == (tenant, file)}
    return [_undone(vault, tenant, token, file, dry_run=dry_run) for token in sorted(touched)]


def _undone(
    vault: DoubleVault, tenant: str, token: str, file: tuple[str, str], *, dry_run: bool
) -> RevertedCard:
    card = vault.cards[tenant, token]
    own = [each for each in vault.changes if (each.tenant, each.token) == (tenant, token)]
    version = len(card.versions)
    if own[-1].file != file:
        return RevertedCard(token, Undone.KEPT_NEWER, version, version)
    first = next(each for each in own if each.file == file)
    assert first.contents is not None
    again = first.contents != card.versions[-1]
    if not dry_run:
        card.versions += [first.contents] if again else []
        card.status, card.opted_out = first.status, first.opted_out
        vault.changes = [each for each in vault.changes if each not in own or each.file != file]
        vault.touch(card)
    return RevertedCard(token, Undone.REVERTED, version, version + again)
