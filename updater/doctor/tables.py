"""The updater's tables on PostgreSQL. Nothing in them is a trail, and no report reads them."""

from typing import Final

from chassis.doctor.tables import Tables
from updater.adapters.postgres.schema_version import SCHEMA

TABLES: Final = Tables(
    SCHEMA,
    names=(
        *("cards", "enrolments", "cursors", "inquiries", "questions", "question_cards"),
        *("feed_files", "answers", "sightings", "exceptions", "requests", "leases"),
        *("outbox", "event_counts", "outbox_leases", "relays", "pauses", "wire_counters"),
        "lease_claims",
    ),
)
