"""
A run may score a second model version beside its own, and outcomes are looked for date by date.

Written out rather than taken from `schema.py`, which will move on while this revision must stay what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SCHEMA = "predictions"
"""On SQLite the engine translates it to none: the half is a file of its own."""


def upgrade() -> None:
    """Expand: a column that may be empty and a new table, which programs of the revision before do not see."""
    schema = None if op.get_bind().dialect.name == "sqlite" else SCHEMA  # a column's table is not translated
    op.add_column("runs", sa.Column("other_model_version", sa.Text), schema=schema)
    op.create_table(
        "outcome_dates",
        sa.Column("prediction_date", sa.Date, primary_key=True),
        sa.Column("data_version", sa.BigInteger, nullable=False),
        sa.Column("is_settled", sa.Integer, nullable=False),
        sa.Column("filled_at", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
