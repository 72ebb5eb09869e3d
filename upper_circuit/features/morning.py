"""
The final rows of a morning, from a database to the matrix, in one process.

The way of the API and of whoever looks at a day. It refuses what the morning's run refuses, so that nobody sees a value
that the run would not have used. The run itself goes the same steps with several processes, block by block.

Lists and prices are read one after the other, while somebody may be loading a file. All of it must come from one state
of the database, so the state is named and compared, and everything is read again when it changed on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from upper_circuit.errors import DatabaseAway
from upper_circuit.features.cross_section import CrossSection
from upper_circuit.features.matrix import FeatureMatrix, fill
from upper_circuit.features.raw import raw
from upper_circuit.features.tolerance import Tolerance, marks, require_session_before
from upper_circuit.market.calendar import Calendar, read_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.market.reading import read_data_version

READINGS = 3
"""How often a market that changes meanwhile is read before it is given up."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Which stocks there are and which days are sessions, all of one state of the database.

    Read together: read one after the other, an ingest in between could look up a stock of today in a calendar of
    yesterday.
    """

    data_version: int
    calendar: Calendar
    master: Master

    @classmethod
    def read(cls, database: Database) -> Lists:
        """Ask the database."""
        with database.reading("market") as connection:
            return cls(read_data_version(connection), read_calendar(connection), Master.read(connection))


@dataclass(frozen=True, slots=True)
class MorningMatrix:
    """The final features of a run date, and what they are made of."""

    as_of: date
    """The newest session with bars before the run date; where stale prices are allowed, not the session before it."""
    data_version: int
    matrix: FeatureMatrix
    marks: tuple[str, ...]
    """What everything written from it must be marked with; empty where nothing is lacking."""
    missing_tables: tuple[str, ...]
    unreadable: Mapping[str, str]
    """Stocks whose packed prices are damaged, with the reason; their questions are answered with a skip."""


def morning_matrix(
    database: Database,
    run_date: date,
    tolerance: Tolerance,
    *,
    lists: Lists | None = None,
    codes: Sequence[str] | None = None,
) -> MorningMatrix:
    """Make the final rows of a run date.

    Always reads the whole market, since medians are the market's, whoever asks.

    Args:
        database: where to read.
        run_date: a session.
        tolerance: what is gone on in spite of.
        lists: where the caller has them; read anew where they are not of the state that the prices are of.
        codes: whose rows; None: every ACTIVE stock's.

    Raises NotASession, PricesStale and TableMissing where that is not tolerated, DataUnavailable where no prices can be
    read, and DatabaseAway where the database did not keep still for three readings.
    """
    market, lists = _of_one_state(database, run_date, tolerance, lists or Lists.read(database))
    view = market.as_of(run_date)
    rows = raw(view)
    rows.require_any_readable()
    cross = CrossSection.of(rows, lists.master)
    found = marks(rows, cross, lists.calendar, tolerance)
    if codes is None:
        codes = [stock.bse_code for stock in lists.master.active()]
    return MorningMatrix(
        as_of=view.as_of,
        data_version=lists.data_version,
        matrix=fill(rows, cross, lists.master, codes),
        marks=found,
        missing_tables=cross.missing_tables,
        unreadable=rows.unreadable,
    )


def _of_one_state(
    database: Database, run_date: date, tolerance: Tolerance, lists: Lists
) -> tuple[Market, Lists]:
    for _ in range(READINGS):
        lists.calendar.require_session(run_date)
        require_session_before(lists.calendar, run_date, tolerance)
        market = Market.load(database, run_date=run_date, calendar=lists.calendar)
        if market.data_version == lists.data_version:
            return market, lists
        lists = Lists.read(database)
    raise DatabaseAway(
        f"the market database changed during each of {READINGS} readings for {run_date}; "
        "ask again when the ingest has ended"
    )
