"""
The market: who the stocks are, their prices as rows and packed, events, calendar, and which files it all came from.

Written out rather than taken from `schema.py`, which will move on while this revision must stay what it was.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SCHEMA = "market"
"""On SQLite the engine translates it to none: the half is a file of its own."""


def upgrade() -> None:
    """Create every table of the half."""
    _stocks_and_prices()
    _actions_and_bands()
    _events()
    _bookkeeping()


def _stocks_and_prices() -> None:
    op.create_table(
        "master_stock_list",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("nse_symbol", sa.Text),
        sa.Column("company_name", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("isin", sa.Text),
        sa.Column("bse_group", sa.Text),
        sa.Column("face_value", sa.Double),
        sa.Column("sector", sa.Text),
        sa.Column("industry", sa.Text),
        sa.Column("board", sa.Text),
        sa.Column("market_cap_cr", sa.Double),
        schema=SCHEMA,
    )
    op.create_index(
        "ix_market_master_stock_list_nse_symbol", "master_stock_list", ["nse_symbol"], schema=SCHEMA
    )
    op.create_table(
        "daily_prices",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("trade_date", sa.Date, primary_key=True),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("series", sa.Text, nullable=False),
        sa.Column("open", sa.Double, nullable=False),
        sa.Column("high", sa.Double, nullable=False),
        sa.Column("low", sa.Double, nullable=False),
        sa.Column("close", sa.Double, nullable=False),
        sa.Column("last", sa.Double),
        sa.Column("prev_close", sa.Double, nullable=False),
        sa.Column("volume", sa.BigInteger, nullable=False),
        sa.Column("turnover_lacs", sa.Double),
        sa.Column("trades", sa.BigInteger),
        sa.Column("deliv_qty", sa.BigInteger),
        sa.Column("file_id", sa.Integer, nullable=False),
        schema=SCHEMA,
        sqlite_with_rowid=False,
    )
    op.create_index("idx_daily_prices_date", "daily_prices", ["trade_date"], schema=SCHEMA)
    op.create_table(
        "packed_prices",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True),
        sa.Column("bars", sa.Integer, nullable=False),
        sa.Column("crc32", sa.BigInteger, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "circuit_quarters",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("history_start", sa.Date, primary_key=True),
        sa.Column("quarter", sa.Integer, primary_key=True),
        sa.Column("locked", sa.Integer, nullable=False),
        sa.Column("bars", sa.Integer, nullable=False),
        schema=SCHEMA,
        sqlite_with_rowid=False,
    )


def _actions_and_bands() -> None:
    op.create_table(
        "corporate_actions",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("ex_date", sa.Date, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("factor", sa.Double, nullable=False),
        sa.Column("note", sa.Text),
        schema=SCHEMA,
    )
    op.create_table(
        "price_bands",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("effective_date", sa.Date, primary_key=True),
        sa.Column("band", sa.Double),
        sa.Column("remarks", sa.Text),
        schema=SCHEMA,
    )


def _events() -> None:
    op.create_table(
        "quarterly_results",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("quarter_end", sa.Date, primary_key=True),
        sa.Column("basis", sa.Text, primary_key=True),
        sa.Column("announced_at", sa.BigInteger, primary_key=True),
        sa.Column("revenue", sa.Double),
        sa.Column("net_profit", sa.Double),
        sa.Column("eps", sa.Double),
        schema=SCHEMA,
    )
    op.create_table(
        "announcement_scores",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("announced_at", sa.BigInteger, primary_key=True),
        sa.Column("category", sa.Text, primary_key=True),
        sa.Column("copy", sa.Integer, primary_key=True),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("event", sa.Integer, nullable=False),
        sa.Column("snippet", sa.Text),
        schema=SCHEMA,
        sqlite_with_rowid=False,
    )
    op.create_index("idx_announcements_at", "announcement_scores", ["announced_at"], schema=SCHEMA)
    op.create_table(
        "earnings_calendar",
        sa.Column("bse_code", sa.Text, primary_key=True),
        sa.Column("meeting_date", sa.Date, primary_key=True),
        sa.Column("published_at", sa.BigInteger, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        schema=SCHEMA,
    )


def _bookkeeping() -> None:
    op.create_table(
        "trading_calendar",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("is_session", sa.Integer, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "ingested_files",
        sa.Column("file_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("exchange", sa.Text),
        sa.Column("trade_date", sa.Date),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.Column("replaces", sa.Integer),
        sa.Column("ingested_at", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("ix_market_ingested_files_sha256", "ingested_files", ["sha256"], schema=SCHEMA)
    op.create_table(
        "data_version",
        sa.Column("only_row", sa.Integer, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
