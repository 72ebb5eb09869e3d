"""
Who moved which model's traffic, when and why.

Written out rather than taken from `schema.py`, which will move on while this revision must stay what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SCHEMA = "predictions"
"""On SQLite the engine translates it to none: the half is a file of its own."""


def upgrade() -> None:
    """Expand: a new table, which programs of the revision before do not see."""
    op.create_table(
        "rollout_steps",
        sa.Column(
            "step", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True
        ),
        sa.Column("taken_at", sa.BigInteger, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("slots_before", sa.Text, nullable=False),
        sa.Column("slots_after", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        schema=SCHEMA,
        sqlite_autoincrement=True,
    )
