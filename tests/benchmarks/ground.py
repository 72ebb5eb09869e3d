"""
The ground that all sides of a benchmark stand on.

One market, one forest, one morning: a comparison of servers that answer different questions compares nothing. The
peers get a database of their own, in the form in which people keep such data (adjusted bars as rows, the features that
are no arithmetic over bars as one row a stock and morning), because they could not read the product's packed one; what
stands in it is what the product sees.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.factories import models
from upper_circuit.features import CATALOG, FEATURE_NAMES, FINGERPRINT, CrossSection, FeatureMatrix, fill, raw
from upper_circuit.features.catalog import HIGH, LOW, Group
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of
from upper_circuit.market.loading import import_history
from upper_circuit.market.market import Market, MarketView
from upper_circuit.market.master import Master
from upper_circuit.market.migrations import upgrade
from upper_circuit.market.synthetic import generate
from upper_circuit.models.bins import Bins
from upper_circuit.models.calibration import Platt
from upper_circuit.models.golden import make_rows
from upper_circuit.models.manifest import TrainingBins
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Forest

LAST_SESSION = date(2026, 2, 27)
TECHNICAL = tuple(feature.name for feature in CATALOG if feature.group is Group.TECHNICAL)
OTHERS = tuple(name for name in FEATURE_NAMES if name not in TECHNICAL)
AS_XGBOOST = Platt(slope=1.0, intercept=0.0)
"""Calibration that changes nothing: the stock server knows none, and all sides must give the same probability."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A market as of one morning, a published forest, and the peers' copy of both."""

    databases: Path
    registry: Path
    model_folder: Path
    peers_database: Path
    run_date: date
    matrix: FeatureMatrix
    probability: npt.NDArray[np.float32]
    """[n] of the stocks in `matrix`, by the booster itself: what every side must answer."""

    @property
    def codes(self) -> tuple[str, ...]:
        """Stocks that can be scored."""
        return self.matrix.codes


def prepare(folder: Path, *, stocks: int, sessions: int = 420, trees: int = 300, depth: int = 6) -> Ground:
    """Make it in an empty folder (a thousand stocks take half a minute)."""
    summary = generate(folder / "history", seed=7, stocks=stocks, sessions=sessions, until=LAST_SESSION)
    database = Database.at(folder / "databases")
    upgrade(database)
    import_history(database, summary.folder, now=int(time.time()))

    run_date = summary.next_session
    view = Market.load(database, run_date=run_date).as_of(run_date)
    rows, master = raw(view), Master.load(database)
    cross = CrossSection.of(rows, master)
    matrix = fill(rows, cross, master, [stock.bse_code for stock in master.active()])
    database.market.dispose()

    booster = _booster(matrix.values, trees, depth)
    forest = Forest.load(booster, feature_names=FEATURE_NAMES)
    model_folder = _publish(folder / "models", booster, forest)
    peers = folder / "peers.db"
    _write_for_peers(peers, view, matrix, cross)
    probability = AS_XGBOOST.probability(forest.margins(matrix.values))
    return Ground(folder / "databases", folder / "models", model_folder, peers, run_date, matrix, probability)


def _booster(values: npt.NDArray[np.float32], trees: int, depth: int) -> bytes:
    """A forest of full size over rows like those it will be asked; without names, since stock xgbserver needs that."""
    import xgboost

    rng = np.random.default_rng(11)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    drawn = rng.normal(size=(20_000, len(mean)))
    rows = (values[rng.integers(len(values), size=len(drawn))] + 0.3 * drawn * spread).astype(np.float32)
    scaled = (rows - mean) / np.where(spread > 0, spread, 1)
    score = scaled[:, 0] + scaled[:, 3] * scaled[:, 7] + scaled[:, 12] + rng.normal(size=len(rows))
    data = xgboost.DMatrix(rows, (score > np.quantile(score, 0.8)).astype(np.float32))
    settings = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.1, "nthread": 2, "seed": 0}
    return bytes(xgboost.train(settings, data, trees).save_raw("ubj"))


def _publish(root: Path, booster: bytes, forest: Forest) -> Path:
    rows = np.random.default_rng(12).uniform(LOW, HIGH, size=(200, len(LOW))).astype(np.float32)
    answers = AS_XGBOOST.probability(forest.margins(rows))
    manifest = models.manifest().model_copy(
        update={
            "sha256": hashlib.sha256(booster).hexdigest(),
            "size_bytes": len(booster),
            "trees": len(models.document(booster)["learner"]["gradient_booster"]["model"]["trees"]),
            "feature_fingerprint": FINGERPRINT,
            "feature_names": FEATURE_NAMES,
            "calibration": AS_XGBOOST,
            "bins": TrainingBins(
                features={name: Bins.of(rows[:, at]) for at, name in enumerate(FEATURE_NAMES)},
                probability=Bins.of(answers),
            ),
            "golden": make_rows(forest, AS_XGBOOST, rows),
        }
    )
    registry = Registry(root)
    folder = registry.publish(booster, manifest)
    registry.promote(manifest.version, by="benchmark", at=datetime.now(UTC), fingerprint=FINGERPRINT)
    return folder


def _write_for_peers(path: Path, view: MarketView, matrix: FeatureMatrix, cross: CrossSection) -> None:
    """`daily_prices`: adjusted bars, what a vendor delivers; `stock_features`: the 13 others, final; `medians`."""
    window, place = view.window, {code: at for at, code in enumerate(view.codes)}
    columns = ", ".join(f"{name} REAL" for name in OTHERS)
    others = [FEATURE_NAMES.index(name) for name in OTHERS]
    with sqlite3.connect(path) as connection:
        connection.executescript(
            f"""
            CREATE TABLE daily_prices (
                bse_code TEXT, trade_date TEXT, high REAL, low REAL, close REAL, volume REAL, locked INTEGER,
                PRIMARY KEY (bse_code, trade_date)) WITHOUT ROWID;
            CREATE TABLE stock_features (
                bse_code TEXT, prediction_date TEXT, {columns},
                PRIMARY KEY (bse_code, prediction_date)) WITHOUT ROWID;
            CREATE TABLE medians (feature TEXT PRIMARY KEY, median REAL);
            """
        )
        for row, code in enumerate(matrix.codes):
            at = place[code]
            bars = range(window.close.shape[1] - int(window.count[at]), window.close.shape[1])
            arrays = (window.high, window.low, window.close, window.volume, window.locked)
            connection.executemany(
                "INSERT INTO daily_prices VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        code,
                        date_of(int(window.day[at, bar])).isoformat(),
                        *(float(each[at, bar]) for each in arrays),
                    )
                    for bar in bars
                ),
            )
            connection.execute(
                f"INSERT INTO stock_features VALUES (?, ?{', ?' * len(OTHERS)})",  # noqa: S608  # a number of question marks
                (code, view.run_date.isoformat(), *matrix.values[row, others].tolist()),
            )
        connection.executemany(
            "INSERT INTO medians VALUES (?, ?)",
            ((name, cross.market[FEATURE_NAMES.index(name)]) for name in TECHNICAL),
        )
    connection.close()
