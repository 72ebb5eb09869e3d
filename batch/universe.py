"""
The market's lists as one state of the database has them.

Who is active, who has bars, which days are sessions and which state this is are read together: read one after the
other, an ingest in between could score a stock under a name, an industry or a calendar of another day than its prices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import sqlalchemy as sa

from upper_circuit.features import FEATURE_NAMES, RawFeatures
from upper_circuit.market.calendar import Calendar, read_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.days import day_of
from upper_circuit.market.master import Master, Stock
from upper_circuit.market.reading import read_data_version
from upper_circuit.market.schema import packed_prices

DUE_WITHIN = timedelta(days=30)
_YEARS = 2  # 272 sessions before a day in January reach into the year before last


@dataclass(frozen=True, slots=True)
class Universe:
    """Lists that belong together."""

    data_version: int
    calendar: Calendar
    master: Master
    active: tuple[Stock, ...]
    """Stocks that the exchange lists, by market capitalisation descending, then by code."""
    with_bars: tuple[str, ...]
    """Every stock, of any status, that may have bars a run for the date looks at; ascending."""

    @classmethod
    def read(cls, database: Database, run_date: date) -> Universe:
        """Read the lists for a run date. Raises DataUnavailable where no prices are loaded."""
        with database.reading("market") as connection:
            calendar = read_calendar(connection)
            first_year = min(run_date, calendar.newest).year - _YEARS
            barred = sa.select(packed_prices.c.bse_code).where(packed_prices.c.year >= first_year).distinct()
            master = Master.read(connection)
            return cls(
                data_version=read_data_version(connection),
                calendar=calendar,
                master=master,
                active=tuple(master.active()),
                with_bars=tuple(sorted(connection.scalars(barred).all())),
            )


def with_results_due(
    stocks: Iterable[Stock], raw: RawFeatures, calendar: Calendar, run_date: date
) -> list[Stock]:
    """The stocks whose next results are expected within 30 calendar days, or on the session right after.

    Taken from the feature `days_to_next_earnings`: a meeting that is announced, else last year's date of the same
    quarter. A stock without bars has no features and is left out.
    """
    sessions = calendar.sessions
    start, end = day_of(run_date), day_of(run_date + DUE_WITHIN)
    most = int(np.searchsorted(sessions, end) - np.searchsorted(sessions, start))
    ahead = raw.values[:, FEATURE_NAMES.index("days_to_next_earnings")]
    due = {code for code, count in zip(raw.codes, ahead, strict=True) if count <= most}
    return [stock for stock in stocks if stock.bse_code in due]
