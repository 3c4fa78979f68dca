"""The updater's first tables: `schema/0001.sql`."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    files = resources.files("updater.adapters.postgres")
    op.execute(files.joinpath("schema", "0001.sql").read_text("utf-8"))


def downgrade() -> None:
    """Refuse: inquiries would be lost. A contract step is a revision of its own."""
    raise NotImplementedError("revisions go forward only")
