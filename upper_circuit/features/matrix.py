"""
The finished rows: what a model sees, and what was filled in.

The one missing-data policy of training, batch and online: skip a stock with a reason, else clip, else fill. Every
fill is kept with its source, so that a probability that rests on its industry's median says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from upper_circuit.features.catalog import FEATURE_NAMES, HIGH, LOW
from upper_circuit.features.cross_section import (
    FINANCIAL,
    MOST_MISSING,
    SHORT_HISTORY,
    CrossSection,
    too_many_missing,
)
from upper_circuit.features.raw import TRADED_SESSIONS, RawFeatures
from upper_circuit.market.days import date_of
from upper_circuit.market.master import Master
from upper_circuit.market.windows import Floats


class SkipReason(StrEnum):
    """Why a stock is not scored; tested in this order, the first one holds."""

    PRICE_MISSING = "PRICE_MISSING"
    SHORT_HISTORY = "SHORT_HISTORY"
    TOO_MANY_MISSING = "TOO_MANY_MISSING"


class Source(IntEnum):
    """Where a final value comes from."""

    OWN = 0
    INDUSTRY = 1
    SECTOR = 2
    MARKET = 3


@dataclass(frozen=True, slots=True)
class Skip:
    """A stock that is not scored, and the sentence why."""

    reason: SkipReason
    detail: str


@dataclass(frozen=True, slots=True)
class FeatureMatrix:
    """Final features of the stocks that can be scored, in the order they were asked for.

    Guaranteed: `values` is C-ordered float32 [n, 25] within each feature's range, NaN only where nobody in the market
    has the feature; every code asked for is either in `codes` or in `skipped`.
    """

    codes: tuple[str, ...]
    values: npt.NDArray[np.float32]
    sources: npt.NDArray[np.uint8]
    """[n, 25] of Source."""
    skipped: dict[str, Skip]

    def filled(self, row: int) -> dict[str, str]:
        """The features of a row that were filled, each with industry, sector or market."""
        return {
            FEATURE_NAMES[at]: Source(self.sources[row, at]).name.lower()
            for at in np.flatnonzero(self.sources[row])
        }


def fill(raw: RawFeatures, cross: CrossSection, master: Master, codes: Sequence[str]) -> FeatureMatrix:
    """Finish the rows of the codes asked for.

    Args:
        raw: the features of these stocks (and any others); a code that is not among them has no recent bars.
        cross: made from the whole market, of the same run date.
        master: industries and sectors.
        codes: who is to be scored: status ACTIVE in batch and API, every traded stock in training.
    """
    if raw.run_date != cross.run_date:
        raise ValueError(
            f"features of {raw.run_date} cannot be filled from the cross-section of {cross.run_date}"
        )
    index = {code: at for at, code in enumerate(raw.codes)}
    values = cross.complete(raw)
    unfit = too_many_missing(values)
    skipped = {code: skip for code in codes if (skip := _skip(raw, code, index.get(code), values, unfit))}
    kept = tuple(code for code in codes if code not in skipped)
    rows = np.clip(values[np.array([index[code] for code in kept], dtype=np.int64)], LOW, HIGH)
    sources = _fill_gaps(rows, cross, master, kept)
    return FeatureMatrix(kept, np.ascontiguousarray(rows, dtype=np.float32), sources, skipped)


def _skip(
    raw: RawFeatures, code: str, at: int | None, values: Floats, unfit: npt.NDArray[np.bool_]
) -> Skip | None:
    if code in raw.unreadable:
        return Skip(
            SkipReason.PRICE_MISSING, f"packed prices cannot be read ({raw.unreadable[code]}); repack them"
        )
    if at is None or raw.newest_day[at] == 0:
        return Skip(SkipReason.PRICE_MISSING, "price data missing: no recent bar on file")
    if not raw.traded[at]:
        newest = date_of(int(raw.newest_day[at]))
        return Skip(
            SkipReason.PRICE_MISSING, f"no bar in the last {TRADED_SESSIONS} sessions, newest is {newest}"
        )
    if raw.bars[at] < SHORT_HISTORY:
        return Skip(SkipReason.SHORT_HISTORY, f"{raw.bars[at]} own bars, {SHORT_HISTORY} are needed")
    if unfit[at]:
        missing = int(np.isnan(values[at]).sum())
        return Skip(
            SkipReason.TOO_MANY_MISSING, f"{missing} of 25 features missing, {MOST_MISSING} are allowed"
        )
    return None


def _fill_gaps(
    rows: Floats, cross: CrossSection, master: Master, codes: tuple[str, ...]
) -> npt.NDArray[np.uint8]:
    """Fill the gaps of `rows` in place; gives the source of every value."""
    sources = np.zeros(rows.shape, dtype=np.uint8)
    for row, column in zip(*np.nonzero(np.isnan(rows)), strict=True):
        for source, median in _medians_for(cross, master, codes[row], int(column)):
            if not np.isnan(median):
                rows[row, column], sources[row, column] = median, source
                break
    return sources


def _medians_for(cross: CrossSection, master: Master, code: str, column: int) -> list[tuple[Source, float]]:
    market = (Source.MARKET, cross.market[column])
    stock = master.get(code)
    if column not in FINANCIAL or stock.industry is None:
        return [market]
    at = FINANCIAL.index(column)
    groups = [
        (Source.INDUSTRY, cross.industry.get(stock.industry)),
        (Source.SECTOR, cross.sector.get(stock.sector or "")),
    ]
    return [(source, medians[at]) for source, medians in groups if medians] + [market]
