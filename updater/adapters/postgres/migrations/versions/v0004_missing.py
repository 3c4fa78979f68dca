"""Missing files, contradictions that are settled, claims to leases: `schema/0004.sql`."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; a release before goes on without them."""
    files = resources.files("updater.adapters.postgres")
    op.execute(files.joinpath("schema", "0004.sql").read_text("utf-8"))


def downgrade() -> None:
    """Refuse: a contract step is a revision of its own."""
    raise NotImplementedError("revisions go forward only")
