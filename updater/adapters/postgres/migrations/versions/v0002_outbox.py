"""The outbox, and the leases on its partitions: `schema/0002.sql`."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; nothing of an older release's is taken away."""
    files = resources.files("updater.adapters.postgres")
    op.execute(files.joinpath("schema", "0002.sql").read_text("utf-8"))


def downgrade() -> None:
    """Refuse: a contract step is a revision of its own."""
    raise NotImplementedError("revisions go forward only")
