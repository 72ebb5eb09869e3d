"""
What the database said when it was asked last: which stocks there are, which days are sessions, which state this is.

The lists that a morning's matrix is made from, with what questions look up in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from upper_circuit.errors import DataNotYetAvailable, UnknownStock
from upper_circuit.features import Lists
from upper_circuit.market.database import Database
from upper_circuit.market.master import Stock


@dataclass(frozen=True, slots=True)
class Known(Lists):
    """What the database said when it was asked last, all of one state."""

    by_symbol: dict[str, str]

    @classmethod
    def read(cls, database: Database) -> Known:
        """Ask the database; blocking. Raises SchemaOutdated."""
        database.require_schema()
        lists = Lists.read(database)
        symbols = {s.nse_symbol: s.bse_code for s in lists.master.stocks.values() if s.nse_symbol}
        return cls(lists.data_version, lists.calendar, lists.master, symbols)

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
