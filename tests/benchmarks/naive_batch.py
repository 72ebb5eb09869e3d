"""
The morning as one writes it first: a query, a pandas group, a predict and a commit for every stock.

It computes the same 25 features from the same rows, with pandas' own rolling means and exponential averages, so that
the benchmark compares ways of working and not amounts of work. Medians for gaps are left out, which favours it.
"""

from __future__ import annotations

import math
import sqlite3
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost

from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.days import cutoff

TABLE = """
CREATE TABLE IF NOT EXISTS daily_predictions (
    bse_code TEXT, prediction_date TEXT, probability REAL, label INTEGER, PRIMARY KEY (bse_code, prediction_date))
"""


class Naive:
    """The first version of a morning."""

    def __init__(self, market_db: Path, model: Path, run_date: date) -> None:
        self._market_db = market_db
        self._model = model
        self._run_date = run_date
        self._sessions = np.array([], dtype="datetime64[ns]")

    def score(self, codes: list[str], results_db: Path) -> dict[str, dict[str, float]]:
        """Score some stocks and commit each; their features by name."""
        bars, results, news, meetings = self._read(codes)
        self._sessions = np.sort(bars["trade_date"].unique())
        booster = xgboost.Booster(model_file=self._model)
        features: dict[str, dict[str, float]] = {}
        filings = {str(code): rows for code, rows in results.groupby("bse_code")}
        items = {str(code): rows for code, rows in news.groupby("bse_code")}
        due = {str(code): rows for code, rows in meetings.groupby("bse_code")}
        with sqlite3.connect(results_db) as connection:
            connection.execute(TABLE)

            def score_one(group: pd.DataFrame) -> float:
                code = str(group.name)
                row = self._technical(group) | self._financial(filings.get(code))
                row |= self._sentiment(items.get(code)) | self._season(
                    group, filings.get(code), due.get(code)
                )
                features[code] = row
                values = pd.DataFrame([row])[list(FEATURE_NAMES)]
                probability = float(booster.predict(xgboost.DMatrix(values.astype(np.float32)))[0])
                connection.execute(
                    "INSERT OR REPLACE INTO daily_predictions VALUES (?, ?, ?, ?)",
                    (code, self._run_date.isoformat(), probability, int(probability >= 0.5)),
                )
                connection.commit()
                return probability

            bars.groupby("bse_code").apply(score_one, include_groups=False)
        connection.close()
        return features

    def _read(self, codes: list[str]) -> tuple[pd.DataFrame, ...]:
        marks = ",".join("?" * len(codes))
        before = cutoff(self._run_date)
        queries: list[tuple[str, list[Any]]] = [
            (
                f"SELECT * FROM daily_prices WHERE bse_code IN ({marks}) AND trade_date < ? ORDER BY 1, 2",  # noqa: S608
                [*codes, self._run_date.isoformat()],
            ),
            (
                f"SELECT * FROM quarterly_results WHERE bse_code IN ({marks}) AND announced_at < ? AND basis = 'standalone'",  # noqa: S608
                [*codes, before],
            ),
            (
                f"SELECT * FROM announcement_scores WHERE bse_code IN ({marks}) AND announced_at < ?",  # noqa: S608
                [*codes, before],
            ),
            (
                f"SELECT * FROM earnings_calendar WHERE bse_code IN ({marks}) AND published_at < ?",  # noqa: S608
                [*codes, before],
            ),
        ]
        with sqlite3.connect(self._market_db) as connection:
            frames = tuple(pd.read_sql_query(query, connection, params=given) for query, given in queries)
        connection.close()
        frames[0]["trade_date"] = pd.to_datetime(frames[0]["trade_date"])
        return frames

    def _technical(self, bars: pd.DataFrame) -> dict[str, float]:
        bars = bars.tail(252)
        close, high, low, volume = bars["close"], bars["high"], bars["low"], bars["volume"]
        change = close.diff()
        gain = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
        loss = (-change.clip(upper=0)).ewm(alpha=1 / 14, adjust=False).mean()
        previous = close.shift()
        true_range = pd.concat([high - low, (high - previous).abs(), (low - previous).abs()], axis=1).max(
            axis=1
        )
        atr = {n: true_range.ewm(alpha=1 / n, adjust=False).mean().iloc[-1] for n in (10, 14, 50)}
        sma_50, sma_200 = close.rolling(50).mean(), close.rolling(200, min_periods=120).mean()
        limit = [(bars["prev_close"] * (1 + band) * 100).astype(int) for band in (0.05, 0.10, 0.20)]
        locked = (close == high) & sum(((high * 100).round().astype(int) == at) for at in limit).astype(bool)
        window = high.tail(120)
        swing = (window == window.rolling(7, center=True).max()) & (window.index >= window.idxmax())
        tops = window[swing]
        depths = [
            1 - low.loc[start:end].min() / high.loc[start]
            for start, end in pairwise([*tops.index, bars.index[-1]])
        ]
        kept = [depth for depth in depths if depth >= 0.02][-4:]
        pivot = tops.iloc[-1] if len(tops) else high.iloc[-21:-1].max()
        return {
            "rsi_14": float((100 - 100 / (1 + gain / loss)).iloc[-1]),
            "roc_20": float(close.pct_change(20).iloc[-1]),
            "price_to_sma_50": float((close / sma_50 - 1).iloc[-1]),
            "sma_50_to_sma_200": float((sma_50 / sma_200 - 1).iloc[-1]),
            "natr_14": float(atr[14] / close.iloc[-1]),
            "relative_volume_20": float((volume / volume.shift().rolling(20).mean()).iloc[-1]),
            "dist_52w_high": float((close / high.rolling(252, min_periods=120).max() - 1).iloc[-1]),
            "vcp_contraction_ratio": (kept[-1] / kept[0]) ** (1 / (len(kept) - 1))
            if len(kept) > 1
            else math.nan,
            "vcp_volatility_ratio": float(atr[10] / atr[50]),
            "vcp_volume_dry_up": float((volume.rolling(10).mean() / volume.rolling(50).mean()).iloc[-1]),
            "vcp_pivot_proximity": float(close.iloc[-1] / pivot - 1),
            "upper_circuit_count_60": float(locked.tail(60).sum()),
        }

    def _financial(self, results: pd.DataFrame | None) -> dict[str, float]:
        names = ("revenue_growth_yoy", "revenue_growth_qoq", "pat_growth_yoy", "net_profit_margin", "npm_trend",
                 "eps_surprise_sue")  # fmt: skip
        if results is None or len(results) < 5:
            return dict.fromkeys(names, math.nan)
        first = results.sort_values("announced_at").drop_duplicates("quarter_end").sort_values("quarter_end")
        revenue, profit = first["revenue"], first["net_profit"]
        margin = (profit / revenue).clip(-2, 2)
        surprise = first["eps"].diff(4)
        values = (
            revenue.pct_change(4, fill_method=None).iloc[-1],
            revenue.pct_change(fill_method=None).iloc[-1],
            (profit.diff(4) / profit.shift(4).abs()).iloc[-1],
            margin.iloc[-1],
            np.polyfit(range(4), margin.tail(4), 1)[0] if margin.tail(4).notna().all() else math.nan,
            surprise.iloc[-1] / surprise.iloc[-9:-1].std(),
        )
        return dict(zip(names, map(float, values), strict=True))

    def _sentiment(self, news: pd.DataFrame | None) -> dict[str, float]:
        if news is None:
            return {"news_sentiment_20": 0.0, "announcement_intensity_5": 0.0, "net_event_score_20": 0.0}
        days = pd.to_datetime(news["announced_at"] + 19_800, unit="s").dt.normalize()
        age = len(self._sessions) - np.searchsorted(self._sessions, days.to_numpy(), side="right")
        lately = news[age < 20]
        weight = 0.5 ** (age[age < 20] / 5)
        recent, usual = (age < 5).sum(), ((age >= 5) & (age < 65)).sum()
        return {
            "news_sentiment_20": float(np.average(lately["score"], weights=weight)) if len(lately) else 0.0,
            "announcement_intensity_5": math.log1p(recent) - math.log1p(usual / 12),
            "net_event_score_20": float(lately["event"].sum()),
        }

    def _season(
        self, bars: pd.DataFrame, results: pd.DataFrame | None, meetings: pd.DataFrame | None
    ) -> dict[str, float]:
        day = pd.Timestamp(self._run_date)
        ahead = (
            pd.to_datetime(meetings["meeting_date"])
            if meetings is not None
            else pd.Series(dtype="datetime64[ns]")
        )
        ahead = ahead[ahead >= day]
        newest = (
            pd.to_datetime(results["announced_at"].max() + 19_800, unit="s").normalize()
            if results is not None
            else None
        )
        same_quarter = bars[bars["trade_date"].dt.quarter == day.quarter]
        return {
            "days_to_next_earnings": float(np.busday_count(day.date(), ahead.min().date()))
            if len(ahead)
            else 60.0,
            "days_since_last_earnings": float((self._sessions > newest).sum())
            if newest is not None
            else 90.0,
            "earnings_season_intensity": 0.0,
            "hist_quarter_uc_rate": 40
            * 0.011
            / (len(same_quarter[same_quarter["trade_date"].dt.year < day.year]) + 40),
        }
