"""Histories with a lock where a test wants one, their labels, and rows of a period made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from tests.factories.market import Listing, bars, market
from upper_circuit.features import FEATURE_NAMES, raw
from upper_circuit.market.bands import Bands
from upper_circuit.market.packed import SERIES, BarArray
from upper_circuit.training.dataset import Dataset
from upper_circuit.training.label import Labeller, Labels

BandRow = tuple[str, date, float | None]


def quiet_bars(days: Sequence[date], *, locked: Sequence[date] = (), price: float = 100.0) -> BarArray:
    """Bars that never move, but for some days that close at their 20 % limit and fall back the day after."""
    out = bars(days, [price] * len(days))
    at = (
        np.isin(np.array(days), np.array(locked, dtype=object)) if locked else np.zeros(len(days), dtype=bool)
    )
    limit = round(price * 120)
    for name in ("open", "high", "low", "close"):
        out[name][at] = limit
    out["prev_close"][1:][at[:-1]] = limit
    return out


def labels_on(
    listings: Mapping[str, Listing], run_date: date, *, bands: Sequence[BandRow] = (), horizon: int = 5
) -> Labels:
    """Labels of every stock of a market on a date, in the order of codes."""
    whole = market(listings)
    labeller = Labeller.of(whole, Bands.of(list(bands), whole.codes), horizon)
    return labeller.label(raw(whole.as_of(run_date)))


def values_on(
    listings: Mapping[str, Listing], run_date: date, *, bands: Sequence[BandRow] = (), horizon: int = 5
) -> dict[str, float | None]:
    """Labels by code; None for none."""
    found = labels_on(listings, run_date, bands=bands, horizon=horizon)
    return {
        code: None if np.isnan(value) else float(value)
        for code, value in zip(sorted(listings), found.values, strict=True)
    }


def rows(
    label: Sequence[int],
    *,
    day: Sequence[int] | None = None,
    stock: Sequence[int] | None = None,
    series: Sequence[str] | None = None,
    fresh: Sequence[bool] | None = None,
    values: Any = None,
) -> Dataset:
    """A dataset of so many rows: by default one day, series EQ, fresh, features 0."""
    count = len(label)
    numbers = list(range(count)) if stock is None else stock
    return Dataset(
        codes=tuple(f"{500_000 + number}" for number in range(max([*numbers, 0]) + 1)),
        values=np.zeros((count, len(FEATURE_NAMES)), np.float32) if values is None else values,
        label=np.array(label, np.uint8),
        day=np.array([20_000] * count if day is None else day, np.int32),
        stock=np.array(numbers, np.int32),
        series=np.array([SERIES.index(name) for name in (series or ["EQ"] * count)], np.uint8),
        fresh=np.array([True] * count if fresh is None else fresh, bool),
        left_out={},
        missing_tables={},
    )
