"""What must hold of the tables after every flush, against the model of plain lists."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tests.doubles.decide_model import LIVE, Model
from tests.doubles.vault_ledger import pan
from vault.adapters.memory.tables import Tables
from vault.domain.card import Card, CardKey, ExistingKey, HoldType, holds_of


def check_cards(tables: Tables, model: Model) -> None:
    """Check that every card and version is as the model has it."""
    cards = tables.cards
    assert {key.token for key in cards} == set(model.cards)
    for key, card in cards.items():
        wanted = model.cards[key.token]
        assert (card.tenant, card.revision, card.status) == (
            wanted.tenant,
            wanted.revision,
            wanted.status,
        )
        assert card.credential_version == len(wanted.versions)
        assert (card.sealed is None) is wanted.erased
        last4, expiry = pan(wanted.now_kept.number).last4, wanted.now_kept.expiry
        assert (card.last4, card.expiry) == (("", 0) if wanted.erased else (last4, expiry))
        held = {hold.type for hold in holds_of(card)}
        assert (HoldType.UPDATER_OPTED_OUT in held) is wanted.opted_out
        assert (HoldType.LEGAL_HOLD in held) is wanted.legal
    kept = {
        (card.tenant, card.token, number)
        for card in model.cards.values()
        for number, version in enumerate(card.versions[:-1], 1)
        if not version.gone
    }
    assert set(tables.versions) == kept


def check_order(
    before: Mapping[CardKey, Card], after: Mapping[CardKey, Card], reopened: set[str]
) -> None:
    """Check that versions never go back, and that nothing reopens by itself."""
    for key, card in after.items():
        old = before.get(key, card)
        assert card.revision >= old.revision
        assert card.credential_version >= old.credential_version
        assert card == old or card.revision > old.revision
        if old.status == "CLOSED" and card.status in LIVE:
            assert key.token in reopened


def check_pointers(tables: Tables, model: Model, now: int) -> None:
    """Check that each customer's number points to its oldest live card, and nothing else does."""
    oldest = dict[ExistingKey, tuple[int, str]]()
    for card in tables.cards.values():
        modelled = model.cards[card.token]
        if modelled.findable_at(now):
            key = ExistingKey(card.tenant, card.fingerprint, card.customer, "FPAN", "OPAQUE")
            oldest[key] = min(oldest.get(key, (1 << 62, "")), (modelled.created, card.token))
    assert tables.existing == {key: token for key, (_created, token) in oldest.items()}


def check_fingerprints(tables: Tables, model: Model) -> None:
    """Check that there is one fingerprint for each number that is held, and no other."""
    held: dict[tuple[str, int], set[str]] = {}
    for card in tables.cards.values():
        if card.sealed is not None:
            number = model.cards[card.token].now_kept.number
            held.setdefault((card.tenant, number), set()).add(card.fingerprint)
    for old in tables.versions.values():
        number = model.cards[old.token].versions[old.credential_version - 1].number
        held.setdefault((old.tenant, number), set()).add(old.fingerprint)
    assert all(len(fingerprints) == 1 for fingerprints in held.values())
    used = [fingerprint for fingerprints in held.values() for fingerprint in fingerprints]
    assert len(used) == len(set(used))
    assert sorted(tables.numbers.values()) == sorted(used)


def check_records(tables: Tables, model: Model) -> None:
    """Check that every act has its audit record, and every reveal one that says so."""
    records = [json.loads(row.record) for _key, row in sorted(tables.audit.items())]
    assert len(records) == model.records
    reveals = [
        each for each in records if (each["action"], each["result"]) == ("card.reveal", "ok")
    ]
    assert len(reveals) == model.reveals
