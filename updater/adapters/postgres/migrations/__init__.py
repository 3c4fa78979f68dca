"""Alembic's script directory: one revision a change, expand first and contract later."""
