"""How Alembic runs here: it writes the script, and `migrating` runs it in one transaction."""

from __future__ import annotations

from alembic import context

from vault.adapters.postgres.schema_version import TABLE

context.configure(dialect_name="postgresql", version_table=TABLE, literal_binds=True)
# No begin_transaction(): all revisions, their numbers and the grants are one transaction.
context.run_migrations()
