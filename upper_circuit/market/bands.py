"""
Which stocks have no fixed price band.

A stock with derivatives trades under a dynamic band and cannot lock at an upper circuit in the label's sense: asked
of the same model, it would teach the model that calm stocks never lock, and its score would mean something else. It
is scored all the same, and said to have no band.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from upper_circuit.market.database import Database
from upper_circuit.market.days import STOCK_KEY, day_of
from upper_circuit.market.schema import price_bands as table

NO_FIXED_BAND = "no fixed band"
"""Said of a stock that trades under a dynamic band: it is scored, and cannot lock at a limit it does not have."""


@dataclass(frozen=True, slots=True)
class Bands:
    """The lists of bands on file for n stocks.

    Guaranteed: rows ascend by stock and effective day; a band is percent, NaN where the list says there is none.
    """

    stocks: int
    _keys: npt.NDArray[np.int64]
    _band: npt.NDArray[np.float64]

    @classmethod
    def load(cls, database: Database, codes: tuple[str, ...]) -> Bands:
        """Read `price_bands`; stocks are numbered by their place in `codes`, others are left out."""
        with database.reading("market") as connection:
            rows = connection.execute(sa.select(table.c.bse_code, table.c.effective_date, table.c.band)).all()
        return cls.of([tuple(row) for row in rows], codes)

    @classmethod
    def of(cls, rows: list[tuple[str, date, float | None]], codes: tuple[str, ...]) -> Bands:
        """From rows (code, effective date, band in percent or None), in any order."""
        index = {code: at for at, code in enumerate(codes)}
        known = sorted(
            (index[code] * STOCK_KEY + day_of(effective), np.nan if band is None else band)
            for code, effective, band in rows
            if code in index
        )
        return cls(
            len(codes),
            np.array([key for key, _ in known], dtype=np.int64),
            np.array([band for _, band in known], dtype=np.float64),
        )

    def none_fixed(self, day: int) -> npt.NDArray[np.bool_]:
        """[n] whether a stock has no fixed band on a day.

        The newest list in effect counts; before the first list on file, that first one: history has no lists, and a
        stock with derivatives today mostly had them then. A stock that is on no list has a fixed band.
        """
        stock = np.arange(self.stocks) * STOCK_KEY
        first = np.searchsorted(self._keys, stock)
        after = np.searchsorted(self._keys, stock + STOCK_KEY)
        newest = np.searchsorted(self._keys, stock + day, side="right") - 1
        listed = after > first
        none = np.zeros(self.stocks, dtype=bool)
        none[listed] = np.isnan(self._band[np.maximum(newest, first)[listed]])
        return none
