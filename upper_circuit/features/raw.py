"""
A block of stocks into 25 columns with gaps.

What one block can know: its own bars and events. What needs the whole market (two columns, every fill) waits for the
cross-section; the counts for it go along, so that blocks computed by different processes add up to the same market.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.errors import DataUnavailable
from upper_circuit.features.catalog import COLUMN, FEATURE_NAMES
from upper_circuit.features.financial import financial, newest_quarters
from upper_circuit.features.seasonality import season
from upper_circuit.features.sentiment import sentiment
from upper_circuit.features.technical import technical
from upper_circuit.market.days import Days
from upper_circuit.market.market import MarketView
from upper_circuit.market.windows import WINDOW, Floats

TRADED_SESSIONS = 10
"""A stock with a bar in so many sessions ending at the as-of session counts as traded."""

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RawFeatures:
    """The features of n stocks before the cross-section; the first axis of every array is the stock.

    Guaranteed: `values` is C-ordered float64 [n, 25], not clipped, NaN where missing;
    `earnings_season_intensity` and `hist_quarter_uc_rate` are NaN throughout.
    """

    run_date: date
    as_of_day: int
    traded_since: int
    """Day of the first of the 10 sessions ending at the as-of session."""
    codes: tuple[str, ...]
    values: Floats
    newest_day: Days
    newest_close: Floats
    """Rupees, as published."""
    newest_series: npt.NDArray[np.uint8]
    bars: Counts
    """Own bars, at most 252."""
    quarter_locked: Counts
    quarter_bars: Counts
    year_locked: Counts
    """Locked days, and `year_bars` bars, in the 252 exchange sessions ending at the as-of session."""
    year_bars: Counts
    items: Counts
    has_result: Flags
    just_reported: Flags
    valid_result: Flags
    unreadable: Mapping[str, str]
    """Stocks that are not among the codes because their packed prices are damaged, with the reason."""

    @property
    def traded(self) -> Flags:
        """[n] whether the stock has a bar in the last 10 sessions."""
        return self.newest_day >= self.traded_since

    def require_any_readable(self) -> None:
        """Raise DataUnavailable where the packed prices of every stock are damaged: that is no market without bars."""
        if self.unreadable and not self.codes:
            raise DataUnavailable(f"no packed prices can be read ({next(iter(self.unreadable.values()))})")

    @classmethod
    def concat(cls, blocks: Sequence[RawFeatures]) -> RawFeatures:
        """Blocks of one run date as one; codes ascend in the result whatever the order of blocks."""
        codes = [code for block in blocks for code in block.codes]
        order = np.array(sorted(range(len(codes)), key=codes.__getitem__), dtype=np.int64)
        whole: dict[str, Any] = {
            name: getattr(blocks[0], name) for name in ("run_date", "as_of_day", "traded_since")
        }
        unreadable = {code: reason for block in blocks for code, reason in block.unreadable.items()}
        arrays: dict[str, Any] = {
            field.name: np.concatenate([getattr(block, field.name) for block in blocks])[order]
            for field in fields(cls)
            if field.name not in (*whole, "codes", "unreadable")
        }
        return cls(**whole, codes=tuple(codes[at] for at in order), unreadable=unreadable, **arrays)


def raw(view: MarketView) -> RawFeatures:
    """The features of a view's stocks that need no other stock."""
    window = view.window
    quarters = newest_quarters(view.results, view.run_date)
    told = sentiment(view.announcements, view.sessions, len(view.codes))
    seasonal = season(view, quarters)
    columns = technical(window) | financial(quarters) | told.features | seasonal.features
    values = np.full((len(view.codes), len(FEATURE_NAMES)), np.nan)
    for name, column in columns.items():
        values[:, COLUMN[name]] = column
    this_year = window.day >= view.sessions.first_of(WINDOW)
    return RawFeatures(
        run_date=view.run_date,
        as_of_day=view.sessions.as_of_day,
        traded_since=view.sessions.first_of(TRADED_SESSIONS),
        codes=view.codes,
        values=values,
        newest_day=window.newest_day,
        newest_close=window.newest_close,
        newest_series=window.newest_series,
        bars=window.count,
        quarter_locked=view.quarter_locked,
        quarter_bars=view.quarter_bars,
        year_locked=(window.locked & this_year).sum(axis=1),
        year_bars=this_year.sum(axis=1),
        items=told.items,
        has_result=seasonal.has_result,
        just_reported=seasonal.just_reported,
        valid_result=quarters.valid,
        unreadable=view.unreadable,
    )
