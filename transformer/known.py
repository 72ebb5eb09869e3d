"""
What the database said when it was asked last: which stocks there are, which days are sessions, which state this is.

Read together, as one state: read one after the other, an ingest in between could look up a stock of today in a calendar
of yesterday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from upper_circuit.errors import DataNotYetAvailable, UnknownStock
from upper_circuit.market.calendar import Calendar, read_calendar
from upper_circuit.market.database import Database
from upper_circuit.market.master import Master, Stock
from upper_circuit.market.reading import read_data_version


@dataclass(frozen=True, slots=True)
class Known:
    """What the database said when it was asked last, all of one state."""

    data_version: int
    calendar: Calendar
    master: Master
    by_symbol: dict[str, str]

    @classmethod
    def read(cls, database: Database) -> Known:
        """Ask the database; blocking. Raises SchemaOutdated."""
        database.require_schema()
        with database.reading("market") as connection:
            master = Master.read(connection)
            symbols = {s.nse_symbol: s.bse_code for s in master.stocks.values() if s.nse_symbol}
            return cls(read_data_version(connection), read_calendar(connection), master, symbols)

    def stock(self, bse_code: str) -> Stock:
        """The stock of a code; raises UnknownStock."""
        found = self.master.stocks.get(bse_code)
        if found is None:
            raise UnknownStock(bse_code)
        return found

    def next_run_date(self) -> date:
        """The newest run date that can be answered: the first session after the newest bars."""
        return self.calendar.next_session(self.calendar.newest + timedelta(days=1))

    def require_run_date(self, run_date: date) -> None:
        """Raise NotASession, or DataNotYetAvailable where the session before the date is not loaded."""
        self.calendar.require_session(run_date)
        needed = self.calendar.session_before(run_date)
        if needed > self.calendar.newest:
            raise DataNotYetAvailable(run_date, needed, self.calendar.newest)
