"""
Whole little databases for the batch: tables filled as ingest leaves them, and a registry with a real model.

Markets are drawn at random but seeded; who needs an exact price writes its own `Listing`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.predictions import Prediction
from tests.factories.market import Filing, Item, Listing, bars, weekdays
from tests.factories.models import manifest, write_model
from upper_circuit.features import FEATURE_NAMES, FINGERPRINT
from upper_circuit.features.catalog import HIGH, LOW
from upper_circuit.market import circuits, schema
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of, day_of, moment_of, quarters_of
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.packed import FIRST, LOCKED, BarArray
from upper_circuit.models.calibration import Platt
from upper_circuit.models.confidence import band
from upper_circuit.models.golden import make_rows
from upper_circuit.models.manifest import Manifest
from upper_circuit.models.scorer import Forest
from upper_circuit.models.version import ModelVersion

LISTED = date(2023, 1, 2)
FIRST_CODE = 500_001
INDUSTRIES = (("Textiles", "Consumer"), ("Banks", "Financial"), ("Cement", "Materials"))


@dataclass(frozen=True)
class LittleMarket:
    """A database and what a test asks about it."""

    location: Path | str
    sessions: list[date]
    run_date: date
    """The first session after the newest bar."""

    @property
    def database(self) -> Database:
        """A new way in."""
        return Database.at(self.location)

    @property
    def folder(self) -> Path:
        """Where its SQLite files are."""
        return Path(self.location)

    def copied(self, folder: Path) -> LittleMarket:
        """A copy of the SQLite files that a test may change; this one may be open meanwhile."""
        folder.mkdir(parents=True)
        for file in self.folder.glob("*.db"):
            with (
                closing(sqlite3.connect(file)) as source,
                closing(sqlite3.connect(folder / file.name)) as copy,
            ):
                source.backup(copy)
        return replace(self, location=folder)


def listings(stocks: int, sessions: Sequence[date], *, seed: int = 0) -> dict[str, Listing]:
    """Random stocks with bars on every session, eight quarters of results and some announcements."""
    draw = np.random.default_rng(seed)
    steps = draw.normal(0.001, 0.02, (stocks, len(sessions)))
    steps[draw.random(steps.shape) < 0.02] = np.log(1.05)
    close = np.round(draw.uniform(20, 900, (stocks, 1)) * np.exp(np.cumsum(steps, axis=1)), 2)
    spread = draw.uniform(0.0, 0.02, (2, *close.shape))
    volume = draw.integers(1_000, 90_000, close.shape)
    out = {}
    for at in range(stocks):
        industry, sector = INDUSTRIES[at % len(INDUSTRIES)]
        out[str(FIRST_CODE + at)] = Listing(
            bars(
                sessions,
                close[at],
                high=close[at] * (1 + spread[0, at] * (spread[0, at] > 0.01)),
                low=close[at] * (1 - spread[1, at]),
                volume=volume[at],
            ),
            filings=_filings(sessions[-1], draw) if at % 5 else (),
            items=_items(sessions, draw),
            industry=industry,
            sector=sector,
        )
    return out


def _filings(until: date, draw: np.random.Generator) -> list[Filing]:
    ends = [date(year, month, day) for year in range(until.year - 4, until.year + 1)
            for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))]  # fmt: skip
    return [
        Filing(
            end,
            moment_of(datetime.combine(end + timedelta(days=40), time(18, 0))),
            revenue=float(draw.uniform(1e8, 2e8)),
            net_profit=float(draw.uniform(-1e7, 4e7)),
            eps=float(draw.uniform(-1, 9)),
        )
        for end in ends
        if end + timedelta(days=40) < until
    ]


def _items(sessions: Sequence[date], draw: np.random.Generator) -> list[Item]:
    days = draw.choice(len(sessions), 12)
    return [
        Item(moment_of(datetime.combine(sessions[at], time(12, 0))) + number, float(draw.uniform(-1, 1)), 1)
        for number, at in enumerate(days)
    ]


def market(
    where: Path | str,
    *,
    stocks: int = 24,
    sessions: int = 140,
    seed: int = 0,
    change: Mapping[str, Listing] | None = None,
) -> LittleMarket:
    """A random market on disk; `change` puts other listings in place of, or beside, the random ones."""
    days = weekdays(sessions, LISTED)
    return write(where, {**listings(stocks, days, seed=seed), **(change or {})}, days)


def write(where: Path | str, stocks: Mapping[str, Listing], days: Sequence[date]) -> LittleMarket:
    """These stocks as tables; the calendar goes on for 40 weekdays after the newest bar."""
    ahead = weekdays(40, days[-1] + timedelta(days=1))
    database = Database.at(where)
    upgrade(database)
    with database.writing("market") as connection:
        for table in schema.market.sorted_tables:
            connection.execute(table.delete())
        for name, rows in _tables(stocks, days, ahead).items():
            if rows:
                connection.execute(getattr(schema, name).insert(), rows)
    database.dispose()
    return LittleMarket(where, [*days, *ahead], ahead[0])


def _tables(
    stocks: Mapping[str, Listing], days: Sequence[date], ahead: Sequence[date]
) -> dict[str, list[dict[str, Any]]]:
    calendar = [("data", day) for day in days] + [("calendar", day) for day in (*days, *ahead)]
    tables: dict[str, list[dict[str, Any]]] = {
        "master_stock_list": [
            {
                "bse_code": code,
                "nse_symbol": f"SYM{code}",
                "company_name": f"COMPANY {code} LTD",
                "status": listing.status,
                "industry": listing.industry,
                "sector": listing.sector,
                "market_cap_cr": float(int(code) % 97) * 10,
            }
            for code, listing in stocks.items()
        ],
        "trading_calendar": [{"source": source, "day": day, "is_session": 1} for source, day in calendar],
        "data_version": [{"only_row": 1, "version": 1, "changed_at": 0}],
        "packed_prices": [],
        "circuit_quarters": [],
        "corporate_actions": [],
        "quarterly_results": [],
        "announcement_scores": [],
        "earnings_calendar": [],
    }
    traded = np.array([day_of(day) for day in days], dtype=np.int32)
    for code, listing in stocks.items():
        flagged = _flagged(listing, traded)
        tables["packed_prices"] += _packed(code, flagged)
        tables["circuit_quarters"] += _quarters(code, flagged)
        tables["corporate_actions"] += [
            {"bse_code": code, "ex_date": ex_date, "source": "user", "factor": factor}
            for ex_date, factor in listing.factors
        ]
        tables["quarterly_results"] += [
            {"bse_code": code, "quarter_end": f.quarter_end, "basis": "standalone", "announced_at": f.announced_at,
             "revenue": f.revenue, "net_profit": f.net_profit, "eps": f.eps}
            for f in listing.filings
        ]  # fmt: skip
        tables["announcement_scores"] += [
            {"bse_code": code, "announced_at": item.announced_at, "category": "Dividend", "copy": number,
             "score": item.score, "event": item.event}
            for number, item in enumerate(listing.items)
        ]  # fmt: skip
        tables["earnings_calendar"] += [
            {"bse_code": code, "meeting_date": day, "published_at": moment, "purpose": "Financial Results"}
            for day, moment in listing.meetings
        ]
    return tables


def _flagged(listing: Listing, traded: np.ndarray) -> BarArray:
    out = listing.bars.copy()
    ex_days = [day_of(ex_date) for ex_date, _ in listing.factors]
    nobody = np.zeros(len(out), dtype=np.int64)
    out["flags"] = circuits.flags(out, nobody, traded, np.isin(out["date"], ex_days))
    return out


def _packed(code: str, flagged: BarArray) -> list[dict[str, Any]]:
    years = np.array([date_of(day).year for day in flagged["date"]])
    return [
        {"bse_code": code, "year": int(year), "bars": int((years == year).sum()), "crc32": 0,
         "payload": flagged[years == year].tobytes()}
        for year in np.unique(years)
    ]  # fmt: skip


def _quarters(code: str, flagged: BarArray) -> list[dict[str, Any]]:
    quarters = quarters_of(flagged["date"])
    history = np.maximum.accumulate(np.where(flagged["flags"] & FIRST, flagged["date"], 0))
    out = []
    for began, quarter in sorted({*zip(history.tolist(), quarters.tolist(), strict=True)}):
        chosen = flagged[(history == began) & (quarters == quarter)]
        out.append(
            {"bse_code": code, "history_start": date_of(began), "quarter": quarter, "bars": len(chosen),
             "locked": int((chosen["flags"] & LOCKED).sum())}
        )  # fmt: skip
    return out


def registry(
    root: Path, *versions: str, seed: int = 0, trees: int = 20, depth: int = 4, rows: int = 600
) -> Path:
    """A registry with these versions of a real model over the 25 features, small unless told, the last one promoted.

    Laid out by hand: publishing would prove every model in a process of its own, which is tested elsewhere.
    """
    for number, version in enumerate(versions or ("1.0.0",)):
        model = _booster(seed + number, trees, depth, rows)
        write_model(root / "XGBoost" / version, model, _manifest(version, model, trees, seed))
    channels = root / "XGBoost" / "channels"
    channels.mkdir()
    (channels / "stable").write_text(f"{(versions or ('1.0.0',))[-1]}\n")
    return root


def _manifest(version: str, model: bytes, trees: int, seed: int) -> Manifest:
    forest = Forest.load(model, feature_names=FEATURE_NAMES)
    calibration = Platt(slope=1.1, intercept=0.2)
    like = manifest()
    bins = dict(zip(FEATURE_NAMES, like.bins.features.values(), strict=True))
    return like.model_copy(
        update={
            "version": ModelVersion.parse(version),
            "sha256": hashlib.sha256(model).hexdigest(),
            "size_bytes": len(model),
            "trees": trees,
            "feature_names": FEATURE_NAMES,
            "feature_fingerprint": FINGERPRINT,
            "calibration": calibration,
            "bins": like.bins.model_copy(update={"features": bins}),
            "golden": make_rows(forest, calibration, _rows(50, seed)),
        }
    )


def _rows(count: int, seed: int) -> npt.NDArray[np.float32]:
    draw = np.random.default_rng(seed)
    return draw.uniform(LOW, HIGH, (count, len(LOW))).astype(np.float32)


def _booster(seed: int, trees: int, depth: int, rows: int) -> bytes:
    import xgboost

    matrix = _rows(rows, seed)
    answers = (matrix[:, 0] / 100 + matrix[:, 1] + matrix[:, 4] * 4 > 1.4).astype(np.float32)
    data = xgboost.DMatrix(matrix, answers, feature_names=list(FEATURE_NAMES))
    settings = {"objective": "binary:logistic", "max_depth": depth, "nthread": 1, "seed": seed, "eta": 0.2}
    return bytes(xgboost.train(settings, data, trees).save_raw("ubj"))


TABLE = (
    "SELECT bse_code, nse_symbol, company_name, prediction_date, predicted_label, probability, confidence,"
    " model_version, model_type FROM daily_predictions ORDER BY bse_code, prediction_date, model_version"
)
"""daily_predictions by code, without id and timestamp."""


def asked(where: Path | Database, query: str) -> list[tuple[Any, ...]]:
    """What a reader of the predictions is answered, past our own code; dates as text, as SQLite has them."""
    if isinstance(where, Path):
        connection = sqlite3.connect(where / "predictions.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()
    with where.predictions.connect() as opened:
        if not where.is_sqlite:
            opened.exec_driver_sql("SET search_path TO predictions")
        rows = opened.exec_driver_sql(query).all()
    return [tuple(str(value) if isinstance(value, date) else value for value in row) for row in rows]


def predictions(where: Path | Database) -> list[tuple[Any, ...]]:
    """Rows of daily_predictions by code, without id and timestamp."""
    return asked(where, TABLE)


def change_market(folder: Path, *statements: str) -> None:
    """Change market.db as an ingest would: in one transaction that raises the data version."""
    connection = sqlite3.connect(folder / "market.db")
    with connection:
        for statement in (*statements, "UPDATE data_version SET version = version + 1"):
            connection.execute(statement)
    connection.close()


def changed(listing: Listing, **facts: Any) -> Listing:
    """The same stock but for the facts named."""
    return replace(listing, **facts)


def prediction(
    code: str,
    symbol: str | None = None,
    name: str | None = None,
    probability: float = 0.5,
    confidence: str | None = None,
    *,
    margin: float = 0.0,
) -> Prediction:
    """One stock's line, with label and confidence as the probability has them."""
    return Prediction(
        bse_code=code,
        nse_symbol=symbol,
        company_name=name,
        market_cap_cr=100.0,
        probability=probability,
        margin=margin,
        label=int(probability >= 0.5),
        confidence=confidence or str(band(probability)),
        filled={},
    )
