"""Answers are forgotten by their age: `schema/0003.sql`."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index; nothing of an older release's is taken away."""
    files = resources.files("vault.adapters.postgres")
    op.execute(files.joinpath("schema", "0003.sql").read_text("utf-8"))


def downgrade() -> None:
    """Refuse: a contract step is a revision of its own."""
    raise NotImplementedError("revisions go forward only")
