"""
Results and the run ledger.

`daily_predictions` is the users' own table: on SQLite their words stand here as they wrote them. Written out rather
than taken from `schema.py`, which will move on while this revision must stay what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SCHEMA = "predictions"
"""On SQLite the engine translates it to none: the half is a file of its own."""

DAILY_PREDICTIONS = (
    """
    CREATE TABLE IF NOT EXISTS daily_predictions (
        prediction_id INTEGER PRIMARY KEY AUTOINCREMENT, bse_code TEXT NOT NULL, nse_symbol TEXT, company_name TEXT, prediction_date DATE NOT NULL,
        predicted_label INTEGER NOT NULL CHECK(predicted_label IN (0, 1)), probability REAL NOT NULL CHECK(probability BETWEEN 0 AND 1),
        confidence TEXT CHECK(confidence IN ('LOW', 'MEDIUM', 'HIGH')), model_version TEXT, model_type TEXT,
        prediction_timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, UNIQUE(bse_code, prediction_date, model_version))
    """,
    "CREATE INDEX idx_date_prob ON daily_predictions(prediction_date, probability DESC)",
    "CREATE INDEX idx_bse_date ON daily_predictions(bse_code, prediction_date)",
)


def upgrade() -> None:
    """Create every table of the half."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in DAILY_PREDICTIONS:
            op.execute(statement)
    else:
        _daily_predictions()
    _beside_predictions()
    _ledger()


def _daily_predictions() -> None:
    op.create_table(
        "daily_predictions",
        sa.Column("prediction_id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("bse_code", sa.Text, nullable=False),
        sa.Column("nse_symbol", sa.Text),
        sa.Column("company_name", sa.Text),
        sa.Column("prediction_date", sa.Date, nullable=False),
        sa.Column("predicted_label", sa.Integer, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        sa.Column("confidence", sa.Text),
        sa.Column("model_version", sa.Text),
        sa.Column("model_type", sa.Text),
        sa.Column(
            "prediction_timestamp", sa.TIMESTAMP(timezone=True), server_default=sa.text("CURRENT_TIMESTAMP")
        ),
        sa.CheckConstraint("predicted_label IN (0, 1)"),
        sa.CheckConstraint("probability BETWEEN 0 AND 1"),
        sa.CheckConstraint("confidence IN ('LOW', 'MEDIUM', 'HIGH')"),
        sa.UniqueConstraint("bse_code", "prediction_date", "model_version"),
        schema=SCHEMA,
    )
    op.create_index(
        "idx_date_prob", "daily_predictions", ["prediction_date", sa.text("probability DESC")], schema=SCHEMA
    )
    op.create_index("idx_bse_date", "daily_predictions", ["bse_code", "prediction_date"], schema=SCHEMA)


def _beside_predictions() -> None:
    op.create_table(
        "prediction_details",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("prediction_date", sa.Date, primary_key=True),
        sa.Column("model_version", sa.Text, primary_key=True),
        sa.Column("raw_margin", sa.Double, nullable=False),
        sa.Column("filled", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "skipped_stocks",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("prediction_date", sa.Date, primary_key=True),
        sa.Column("model_version", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "outcomes",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("prediction_date", sa.Date, primary_key=True),
        sa.Column("label", sa.Integer),
        sa.Column("filled_at", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )


def _ledger() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("as_of", sa.Date),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("model_type", sa.Text),
        sa.Column("model_version", sa.Text),
        sa.Column("data_version", sa.BigInteger),
        sa.Column("shards", sa.Integer, nullable=False),
        sa.Column("plan", sa.LargeBinary),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("report", sa.Text),
        sa.Column("csv", sa.Text),
        schema=SCHEMA,
    )
    op.create_index("ix_predictions_runs_run_date", "runs", ["run_date"], schema=SCHEMA)
    op.create_table(
        "run_shards",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("shard", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("scored", sa.Integer),
        sa.Column("skipped", sa.Integer),
        sa.Column("seconds", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("finished_at", sa.BigInteger),
        schema=SCHEMA,
    )
    op.create_table(
        "run_attempts",
        sa.Column(
            "token", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True
        ),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        schema=SCHEMA,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_predictions_run_attempts_run_id", "run_attempts", ["run_id"], schema=SCHEMA)
