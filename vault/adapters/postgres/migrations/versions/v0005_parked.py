"""Answers by number can wait: `schema/0005.sql`."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; an older release knows nothing of it and goes on."""
    files = resources.files("vault.adapters.postgres")
    op.execute(files.joinpath("schema", "0005.sql").read_text("utf-8"))


def downgrade() -> None:
    """Refuse: a contract step is a revision of its own."""
    raise NotImplementedError("revisions go forward only")
