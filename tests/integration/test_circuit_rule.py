"""The circuit rule against the exchange's own lists of stocks that hit their price band."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from upper_circuit.market import circuits, formats
from upper_circuit.market.days import day_of
from upper_circuit.market.packed import BAR, SERIES

LABELLED = ("EQ", "BE", "BZ", "SM", "ST")


def one(folder: Path, pattern: str):
    """The parsed file of that name pattern in a folder of the daily bundle."""
    [path] = folder.glob(pattern)
    return formats.read(path, today=date(2026, 1, 1))


def last_closes(folder: Path, month: str) -> dict[str, float]:
    """Each symbol's last close of a month, straight from the archive."""
    prices = pd.read_parquet(
        folder / "nse-eod/nse_eod_2025.parquet", columns=["symbol_asof", "date", "close"]
    )
    in_month = prices[prices["date"].astype(str).str.startswith(month)].sort_values("date")
    return dict(in_month.groupby("symbol_asof")["close"].last())


@pytest.mark.market_data
@pytest.mark.parametrize("day", [date(2025, 12, 16), date(2025, 12, 17)], ids=str)
def test_locked_days_are_on_the_exchange_s_list_of_hitters(market_data, day):
    """Close = high at a limit, price from Rs 10: at least 99 of 100 are hits by the exchange's own count."""
    folder = market_data / "nse-pr-bundle" / str(day)
    rows = one(folder, "sec_bhavdata_full_*.csv").rows
    hitters = {(row.nse_symbol, row.series) for row in one(folder, "bh*.csv").rows if row.upper}
    november = last_closes(market_data, "2025-11")
    bars = np.zeros(len(rows), dtype=BAR)
    bars["date"] = day_of(day)
    for name in ("open", "high", "low", "close", "prev_close", "volume"):
        bars[name] = getattr(rows, name)
    bars["series"] = [SERIES.index(series) for series in rows.series]
    reference = np.array(
        [
            round(november.get(symbol, previous / 100) * 100)
            for symbol, previous in zip(rows.symbol, rows.prev_close.tolist(), strict=True)
        ]
    )

    locked = circuits.locked(bars, reference, excluded=np.zeros(len(bars), dtype=bool))

    counted = [
        (symbol, series)
        for symbol, series, is_locked, close in zip(rows.symbol, rows.series, locked, rows.close, strict=True)
        if is_locked and close >= 1_000 and series in LABELLED
    ]
    assert len(counted) >= 15
    assert sum(pair in hitters for pair in counted) / len(counted) >= 0.99
