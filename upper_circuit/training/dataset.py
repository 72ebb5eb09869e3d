"""
Training rows: the mornings of a period, one under the other, each as it was.

Every row is made by the very functions that serve: the market as of that morning, its own cross-section, the same
fill. A shortcut here (one fill for all of history, features from adjusted prices of today) would be a model trained
on rows that no morning ever sees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from upper_circuit.features import CrossSection, fill, raw
from upper_circuit.market.days import Days, date_of
from upper_circuit.market.master import Master
from upper_circuit.market.packed import SERIES
from upper_circuit.training.label import Labeller, Reason
from upper_circuit.training.split import Period

FRESH_BARS = 5
"""A stock without a lock in so many newest own bars is fresh: its lock would be a start, not a run going on."""

Progress = Callable[[str, int, int], None]
"""Told (what, done, of how many), often enough for a bar."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The labelled rows of one period, by run date, then by code.

    Guaranteed: first axes agree; `values` is C-ordered float32 [n, 25] as `fill` gives it, NaN only where nobody had the
    feature on that morning; no label looks at a bar after the period's end.
    """

    codes: tuple[str, ...]
    values: npt.NDArray[np.float32]
    label: npt.NDArray[np.uint8]
    day: Days
    """[n] run date."""
    stock: npt.NDArray[np.int32]
    """[n] place of the row's stock in `codes`."""
    series: npt.NDArray[np.uint8]
    """[n] series of the stock's newest bar before the run date, a code of packed.SERIES."""
    fresh: npt.NDArray[np.bool_]
    """[n] no lock in the newest five own bars before the run date."""
    left_out: dict[str, int]
    """Traded stocks that gave no row, by reason, over all mornings."""
    missing_tables: dict[str, int]
    """Mornings on which a whole table held nothing known, by table."""

    def __len__(self) -> int:
        return len(self.label)

    @property
    def locks(self) -> int:
        """Rows with label 1."""
        return int(self.label.sum())

    @property
    def mornings(self) -> int:
        """Distinct run dates with a row."""
        return len(np.unique(self.day))

    def of_series(self, name: str) -> npt.NDArray[np.bool_]:
        """[n] whether the row's stock was of a series."""
        is_it: npt.NDArray[np.bool_] = self.series == SERIES.index(name)
        return is_it


class _Morning(TypedDict):
    """The columns of one run date's rows."""

    values: npt.NDArray[np.float32]
    label: npt.NDArray[np.uint8]
    day: Days
    stock: npt.NDArray[np.int32]
    series: npt.NDArray[np.uint8]
    fresh: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Tally:
    """What gave no row, counted."""

    left_out: Counter[str]
    missing_tables: Counter[str]


def stack(labeller: Labeller, master: Master, period: Period, *, name: str, progress: Progress) -> Dataset:
    """The labelled rows of every traded stock on every run date of a period.

    Whatever its status is today, a stock counts on the days it traded: leaving out those delisted since would train on
    survivors. About 0.2 s a morning of 2,000 stocks.
    """
    tally = _Tally(Counter(), Counter())
    mornings: list[_Morning] = []
    for done, day in enumerate(period.days.tolist(), start=1):
        mornings.append(_morning(labeller, master, day, period.until, tally))
        progress(name, done, len(period.days))
    return Dataset(
        codes=labeller.market.codes,
        values=np.concatenate([rows["values"] for rows in mornings]),
        label=np.concatenate([rows["label"] for rows in mornings]),
        day=np.concatenate([rows["day"] for rows in mornings]),
        stock=np.concatenate([rows["stock"] for rows in mornings]),
        series=np.concatenate([rows["series"] for rows in mornings]),
        fresh=np.concatenate([rows["fresh"] for rows in mornings]),
        left_out=dict(tally.left_out),
        missing_tables=dict(tally.missing_tables),
    )


def _morning(labeller: Labeller, master: Master, day: int, until: int, tally: _Tally) -> _Morning:
    market = labeller.market
    view = market.as_of(date_of(day))
    features = raw(view)
    labels = labeller.label(features)
    cross = CrossSection.of(features, master)
    matrix = fill(features, cross, master, [market.codes[at] for at in np.flatnonzero(features.traded)])

    scored = np.searchsorted(np.array(market.codes), np.array(matrix.codes, dtype=str))
    beyond = labels.last_day[scored] > until
    kept = (labels.reason[scored] == Reason.LABELLED) & ~beyond
    tally.missing_tables.update(cross.missing_tables)
    tally.left_out.update(skip.reason.value for skip in matrix.skipped.values())
    tally.left_out.update(Reason(reason).name for reason in labels.reason[scored] if reason)
    tally.left_out["BEYOND_PERIOD"] += int(beyond.sum())

    stock = scored[kept]
    return {
        "values": matrix.values[kept],
        "label": labels.values[stock].astype(np.uint8),
        "day": np.full(len(stock), day, dtype=np.int32),
        "stock": stock.astype(np.int32),
        "series": features.newest_series[stock],
        "fresh": view.window.locked[stock, -FRESH_BARS:].sum(axis=1) == 0,
    }
