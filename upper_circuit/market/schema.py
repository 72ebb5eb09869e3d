"""
Every table, once, for SQLite and PostgreSQL.

On PostgreSQL the tables stand in two schemas of one database, `market` and `predictions`; on SQLite in two files,
because results and run ledger change together (a fencing check and its rows are one transaction) while the market
is read by many. Dates are exchange days (Asia/Kolkata); columns ending in `_at` are seconds since 1970-01-01 UTC,
which compare alike everywhere; only `prediction_timestamp`, whose form the users gave, is a timestamp.
"""

from __future__ import annotations

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

market = MetaData(schema="market")
predictions = MetaData(schema="predictions")

master_stock_list = Table(
    "master_stock_list",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("nse_symbol", Text, index=True),
    Column("company_name", Text),
    Column("status", Text, nullable=False),  # ACTIVE, SUSPENDED, DELISTED, OTHER
    Column("isin", Text),
    Column("bse_group", Text),
    Column("face_value", Double),
    Column("sector", Text),
    Column("industry", Text),
    Column("board", Text),
    Column("market_cap_cr", Double),
)

daily_prices = Table(
    "daily_prices",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("trade_date", Date, primary_key=True),
    Column("exchange", Text, nullable=False),  # NSE or BSE
    Column("symbol", Text, nullable=False),  # the exchange's own name for the stock on that day
    Column("series", Text, nullable=False),
    Column("open", Double, nullable=False),  # rupees, as published: never adjusted
    Column("high", Double, nullable=False),
    Column("low", Double, nullable=False),
    Column("close", Double, nullable=False),
    Column("last", Double),
    Column("prev_close", Double, nullable=False),
    Column("volume", BigInteger, nullable=False),
    Column("turnover_lacs", Double),
    Column("trades", BigInteger),
    Column("deliv_qty", BigInteger),
    Column("file_id", Integer, nullable=False),
    Index("idx_daily_prices_date", "trade_date"),
    sqlite_with_rowid=False,
)

packed_prices = Table(
    "packed_prices",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("year", Integer, primary_key=True),
    Column("bars", Integer, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # packed.BAR records, oldest first
)

circuit_quarters = Table(
    "circuit_quarters",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("history_start", Date, primary_key=True),  # the first bar of the history these bars belong to
    Column("quarter", Integer, primary_key=True),  # calendar quarter: year * 4 + 0..3
    Column("locked", Integer, nullable=False),
    Column("bars", Integer, nullable=False),
    sqlite_with_rowid=False,
)

corporate_actions = Table(
    "corporate_actions",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("ex_date", Date, primary_key=True),
    Column("source", Text, primary_key=True),  # inferred, or user: the user's row wins; factor 1 cancels
    Column("factor", Double, nullable=False),  # prices before ex_date are multiplied by it, volumes divided
    Column("note", Text),
)

price_bands = Table(
    "price_bands",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("effective_date", Date, primary_key=True),
    Column("band", Double),  # percent; NULL: no fixed band (derivatives)
    Column("remarks", Text),
)

quarterly_results = Table(
    "quarterly_results",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("quarter_end", Date, primary_key=True),
    Column("basis", Text, primary_key=True),  # standalone, consolidated
    Column("announced_at", BigInteger, primary_key=True),  # the first one counts; later ones are kept
    Column("revenue", Double),  # rupees
    Column("net_profit", Double),
    Column("eps", Double),  # rupees a share, as filed
)

announcement_scores = Table(
    "announcement_scores",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("announced_at", BigInteger, primary_key=True),
    Column("category", Text, primary_key=True),
    Column("copy", Integer, primary_key=True),  # 0, 1, ... among equal rows: nothing is merged
    Column("score", Double, nullable=False),  # -1..1
    Column("event", Integer, nullable=False),  # -1, 0, 1
    Column("snippet", Text),
    Index("idx_announcements_at", "announced_at"),
    sqlite_with_rowid=False,
)

earnings_calendar = Table(
    "earnings_calendar",
    market,
    Column("bse_code", Text, primary_key=True),
    Column("meeting_date", Date, primary_key=True),
    Column("published_at", BigInteger, primary_key=True),
    Column("purpose", Text, nullable=False),
)

trading_calendar = Table(
    "trading_calendar",
    market,
    Column("day", Date, primary_key=True),
    Column(
        "source", Text, primary_key=True
    ),  # data: bars exist; calendar: published ahead; user: overrides it
    Column("is_session", Integer, nullable=False),
)

ingested_files = Table(
    "ingested_files",
    market,
    Column("file_id", Integer, primary_key=True),
    Column("name", Text, nullable=False),  # an archive's file with its folder: archive/master_stock_list.csv
    Column("kind", Text, nullable=False),
    Column("sha256", Text, nullable=False, index=True),
    Column("exchange", Text),
    Column("trade_date", Date),
    Column("rows", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),  # rows without a BSE code, of another series, ...
    Column("replaces", Integer),  # file_id of the file this one corrects
    Column("ingested_at", BigInteger, nullable=False),
)

seen_files = Table(
    "seen_files",  # of the folder that `ingest --from` reads: no need to open them again
    market,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),  # since 1970-01-01 UTC, by the file system's clock
    Column("seen_at", BigInteger, nullable=False),
)

data_version = Table(
    "data_version",
    market,
    Column("only_row", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

daily_predictions = Table(
    "daily_predictions",
    predictions,
    Column("prediction_id", Integer, Identity(), primary_key=True),
    Column("bse_code", Text, nullable=False),
    Column("nse_symbol", Text),
    Column("company_name", Text),
    Column("prediction_date", Date, nullable=False),
    Column("predicted_label", Integer, CheckConstraint("predicted_label IN (0, 1)"), nullable=False),
    Column("probability", Double, CheckConstraint("probability BETWEEN 0 AND 1"), nullable=False),
    Column("confidence", Text, CheckConstraint("confidence IN ('LOW', 'MEDIUM', 'HIGH')")),
    Column("model_version", Text),
    Column("model_type", Text),
    Column("prediction_timestamp", TIMESTAMP(timezone=True), server_default=text("CURRENT_TIMESTAMP")),
    UniqueConstraint("bse_code", "prediction_date", "model_version"),
    Index("idx_date_prob", "prediction_date", text("probability DESC")),
    Index("idx_bse_date", "bse_code", "prediction_date"),
    sqlite_autoincrement=True,
)

prediction_details = Table(
    "prediction_details",
    predictions,
    Column("bse_code", Text, primary_key=True),
    Column("prediction_date", Date, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column(
        "raw_margin", Double, nullable=False
    ),  # the score before calibration, log-odds: breaks ties of probability
    Column("filled", Text, nullable=False),  # JSON object: feature name -> industry, sector or market
    Column("notes", Text, nullable=False),  # JSON list: "stale", "tables missing: ...", "no fixed band"
)

skipped_stocks = Table(
    "skipped_stocks",
    predictions,
    Column("bse_code", Text, primary_key=True),
    Column("prediction_date", Date, primary_key=True),
    Column("model_version", Text, primary_key=True),
    Column("reason", Text, nullable=False),  # PRICE_MISSING, SHORT_HISTORY, TOO_MANY_MISSING
    Column("detail", Text, nullable=False),
)

outcomes = Table(
    "outcomes",
    predictions,
    Column("bse_code", Text, primary_key=True),
    Column("prediction_date", Date, primary_key=True),
    Column("label", Integer),  # NULL: the label rule gives none
    Column("filled_at", BigInteger, nullable=False),
)

outcome_dates = Table(
    "outcome_dates",  # how far the outcomes of a date are
    predictions,
    Column("prediction_date", Date, primary_key=True),
    Column("data_version", BigInteger, nullable=False),  # state of the market that was last looked at
    Column("is_settled", Integer, nullable=False),  # 1: nothing that is loaded later changes them
    Column("filled_at", BigInteger, nullable=False),
)

runs = Table(
    "runs",
    predictions,
    Column("run_id", Text, primary_key=True),
    Column("run_date", Date, nullable=False, index=True),
    Column("as_of", Date),
    Column("state", Text, nullable=False),  # planned, running, done, failed, skipped
    Column("reason", Text),
    Column("model_type", Text),
    Column("model_version", Text),
    Column("other_model_version", Text),  # scored in the same pass, where the plan could
    Column("data_version", BigInteger),
    Column("shards", Integer, nullable=False),
    Column(
        "plan", LargeBinary
    ),  # codes, shard of each, cross-section: agreed once, never read again from settings
    Column("lease_owner", Text),
    Column("lease_until", BigInteger),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("report", Text),
    Column("csv", Text),
)

run_shards = Table(
    "run_shards",
    predictions,
    Column("run_id", Text, primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("state", Text, nullable=False),  # open, done, failed, skipped, lost
    Column("token", BigInteger, nullable=False),  # the newest attempt: only it may write
    Column("scored", Integer),
    Column("skipped", Integer),
    Column("seconds", Text),  # JSON object: features, model, write -> seconds
    Column("reason", Text),
    Column("finished_at", BigInteger),
)

run_attempts = Table(
    "run_attempts",
    predictions,
    Column("token", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("run_id", Text, nullable=False, index=True),
    Column("shard", Integer, nullable=False),
    Column("worker", Text, nullable=False),  # pod or host:pid
    Column("state", Text, nullable=False),  # running, done, failed, interrupted, fenced
    Column("reason", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    sqlite_autoincrement=True,
)

rollout_steps = Table(
    "rollout_steps",
    predictions,
    Column("step", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("taken_at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),  # start, promote, abort, rollback, finish
    Column("slots_before", Text, nullable=False),  # as people read it: a 1.0.0 90, b 1.1.0 10
    Column("slots_after", Text, nullable=False),
    Column("why", Text, nullable=False),
    sqlite_autoincrement=True,
)
