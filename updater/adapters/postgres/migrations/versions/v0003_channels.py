"""Channels: their leases, files, pauses and exceptions: `schema/0003.sql`."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them, and take the work away from processes of an older release."""
    files = resources.files("updater.adapters.postgres")
    op.execute(files.joinpath("schema", "0003.sql").read_text("utf-8"))


def downgrade() -> None:
    """Refuse: a contract step is a revision of its own."""
    raise NotImplementedError("revisions go forward only")
