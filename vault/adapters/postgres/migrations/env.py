"""How Alembic runs here: it writes the script, and `chassis.postgres.migrating` runs it."""

from __future__ import annotations

from alembic import context

context.configure(
    dialect_name="postgresql",
    version_table=context.config.get_main_option("version_table"),
    literal_binds=True,
)
# No begin_transaction(): all revisions, their numbers and the grants are one transaction.
context.run_migrations()
