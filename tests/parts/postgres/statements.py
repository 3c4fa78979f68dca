"""Every statement that the vault sends, by name, as text."""

from __future__ import annotations

from chassis.events import postgres_leases, postgres_outbox
from chassis.events.ports import Lease
from chassis.postgres.sql import Arguments, inserting
from tests.contract.ledger_rows import (
    a_card,
    a_number,
    a_parked,
    a_pointer,
    a_request,
    a_version,
    an_event,
    an_imprint,
    facts,
    left,
    parking,
)
from tests.doubles.vault_ledger import CHAIN, TENANT
from vault.adapters.postgres import housekeeping, lease, store, trail
from vault.adapters.postgres.reading import cards_reading, editions_reading, reading
from vault.adapters.postgres.sql import DATA_KEY, OUTBOX
from vault.adapters.postgres.writing import locking, writing
from vault.crypto.keys import DataKey
from vault.domain.audit import GENESIS, ChainHead, link
from vault.domain.card import CardKey
from vault.domain.parked import ParkedChange, ParkedDay, ParkedKey
from vault.domain.queries import AuditQuery, CardQuery
from vault.usecases.ledger.delta import YOUNGEST, CardChange, Delta, PointerChange
from vault.usecases.ledger.state import AppliedKey, Control, NumberOf, RequestKey, Want

KEY = CardKey(TENANT, "tok_00042")
WANT = Want(
    cards={KEY},
    siblings={KEY},
    versions={KEY},
    imprints={KEY},
    requests={RequestKey(TENANT, "app", "r-1")},
    numbers={a_number("n")},
    existing={NumberOf(TENANT, a_number("n").mac, "anna", "FPAN", "OPAQUE")},
    moves={(KEY, a_number("n"))},
    holders={a_number("n")},
    applied={AppliedKey(TENANT, "u-1", "tok_1")},
    parked={a_number("n")},
    parked_ids={ParkedKey(TENANT, "u-1")},
    parked_days={ParkedDay(TENANT, "cyb", 20_000)},
)


def whole_delta(*, first: bool) -> Delta:
    """Return a flush that has a bit of everything."""
    base = ChainHead(CHAIN, 0 if first else 4, GENESIS)
    row, head = link(base, 1_000, facts())
    new, old = a_card("tok_new"), a_card("tok_old", fingerprint="fp_reused")
    return Delta(
        base_head=base,
        control=Control(),
        head=head,
        cards={new.key: CardChange(0, new), old.key: CardChange(3, old)},
        versions=[a_version("tok_old", 1)],
        dropped_versions=[(TENANT, "tok_old", 7)],
        numbers={a_number("n"): new.fingerprint},
        known_numbers={a_number("reused"): "fp_reused"},
        dropped_numbers=[(a_number("gone"), "fp_gone")],
        pointers={
            a_pointer("a"): PointerChange(None, "tok_1"),
            a_pointer("b"): PointerChange("tok_1", "tok_2"),
            a_pointer("c"): PointerChange("tok_1", None),
        },
        relied={KEY: 1},
        heirs={a_pointer("c"): YOUNGEST},
        requests=[a_request("r-1")],
        applied=[(AppliedKey(TENANT, "u-1", "tok_1"), "APPLIED", 1)],
        parked={
            **parking(a_parked("u-1")),
            ParkedKey(TENANT, "u-2"): ParkedChange(a_parked("u-2"), a_parked("u-2", look_time=5)),
            ParkedKey(TENANT, "u-3"): ParkedChange(a_parked("u-3"), None),
        },
        imprints=left(an_imprint("tok_new")),
        undone={an_imprint("tok_old").key: ("", "REVERTED")},
        dropped_imprints={CardKey(TENANT, "tok_gone")},
        audit=[row],
        outbox=[an_event("tok_new")],
        ended_chains=[ChainHead("chn_dead", 3, GENESIS)],
    )


def statements() -> dict[str, str]:
    """Return all statements, a list and an audit search for each way they can be asked."""
    made = {
        "read": reading(CHAIN, WANT)[0],
        "read nothing": reading(CHAIN, Want())[0],
        "read cards": cards_reading([KEY])[0],
        "read editions": editions_reading([KEY])[0],
        "write": writing(whole_delta(first=False))[0],
        "begin": writing(whole_delta(first=True))[0],
        "versions": store.VERSIONS_BELOW,
        "past grace": housekeeping.PAST_GRACE,
        "past ttl": housekeeping.PAST_TTL,
        "past retention": housekeeping.PAST_RETENTION,
        "purge requests": housekeeping.PURGE_REQUESTS,
        "purge answers": housekeeping.PURGE_ANSWERS,
        "purge imprints": housekeeping.PURGE_IMPRINTS,
        "changed by": store.CHANGED_BY,
        "parked by": store.PARKED_BY,
        "parked due": housekeeping.PARKED_DUE,
        "purge parked": housekeeping.PURGE_PARKED,
        "open chains": trail.OPEN_CHAINS,
        "abandoned chains": trail.ABANDONED_CHAINS,
        "chain records": trail.CHAIN_RECORDS,
        "audit reach": trail.AUDIT_REACH,
        "add checkpoint": trail.ADD_CHECKPOINT,
        "checkpoints": trail.CHECKPOINTS,
        "last checkpoint": trail.LAST_CHECKPOINT,
        "pending": postgres_outbox.pending(OUTBOX, "token"),
        "delivered": postgres_outbox.dropping(Lease(0, 1), [an_event("tok_1")], "token")[0],
        "backlog": postgres_outbox.BACKLOG,
        "standing": postgres_leases.STANDING,
        "take partition": postgres_leases.TAKE,
        "give partition back": postgres_leases.GIVE_BACK,
        "release partitions": postgres_leases.RELEASE,
        "data keys": trail.DATA_KEYS,
        "add data keys": inserting(
            Arguments(),
            "data_keys",
            DATA_KEY,
            [DataKey(b"k", TENANT, "record", "ACTIVE", 1, "kek", b"w")],
        ),
        "renew leases": lease.RENEW,
        "release leases": lease.RELEASE,
    }
    locks = locking(whole_delta(first=False))
    assert locks is not None
    made["lock numbers and cards"] = locks[0]
    query = CardQuery(TENANT, 10)
    for name, change in {
        "all": {},
        "customer": {"customer": "anna"},
        "fingerprint": {"fingerprint": "fp_1"},
        "filters": {
            "statuses": ("ACTIVE",),
            "brands": ("VISA",),
            "kind": "FPAN",
            "changed_since": 1,
            "expires_before": 203001,
        },
    }.items():
        made[f"list by {name}"] = store.listing(query._replace(**change))[0]  # type: ignore[arg-type]
    made["search audit"] = trail.audit_listing(
        AuditQuery(TENANT, 10, (CHAIN, 3), 1, 2, "card.reveal", "tok_1", "app", (CHAIN, 20_000))
    )[0]
    return made
