"""
What the user knows better: corporate actions and sessions.

Splits and bonuses are inferred from prices and the calendar comes from a library; both are wrong now and then (small
bonuses, demergers, a Sunday session). The user's own lists win over them, so they are checked as strictly as prices.
"""

from __future__ import annotations

from datetime import date

from upper_circuit.market.formats import values
from upper_circuit.market.formats.form import STOCK, Format, Given
from upper_circuit.market.formats.rows import FactorRow, FactorsFile, SessionRow, SessionsFile
from upper_circuit.market.formats.table import Table

FACTORS_TITLE = "corporate action factors"
SESSIONS_TITLE = "trading sessions"
LARGEST_FACTOR = 1000.0
"""Prices multiplied by more than this, or divided, are a slip; the largest split on record is 1 to 100."""
_YES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def parse_factors(table: Table, given: Given) -> FactorsFile:
    """Columns: bse_code or nse_symbol, ex_date (may lie ahead), factor, and a note where the file has one."""
    del given
    codes, symbols = values.optional_codes(table, STOCK[0]), values.optional_texts(table, STOCK[1])
    days, notes = values.dates(table, "ex_date"), values.optional_texts(table, "note")
    rows: dict[tuple[str, date], FactorRow] = {}
    for row, factor in enumerate(values.numbers(table, "factor")):
        stock = codes[row] or symbols[row]
        if stock is None:
            raise table.refused("names no stock: bse_code or nse_symbol is needed", row)
        if factor is None or not 1 / LARGEST_FACTOR <= factor <= LARGEST_FACTOR:
            reason = f"must lie in {1 / LARGEST_FACTOR}..{LARGEST_FACTOR:.0f}; prices before ex_date are multiplied by it"
            raise table.refused(reason, row, "factor")
        if (stock, days[row]) in rows:
            raise table.refused(f"stands twice for {stock}: give one factor, their product", row, "ex_date")
        rows[stock, days[row]] = FactorRow(codes[row], symbols[row], days[row], factor, notes[row])
    content = table.content
    return FactorsFile("factors", FACTORS_TITLE, content.name, content.sha256, (), tuple(rows.values()))


def parse_sessions(table: Table, given: Given) -> SessionsFile:
    """Columns: trading_date (may lie ahead) and, where days off are listed too, is_session (1 or 0, yes or no)."""
    del given
    flags = table.texts("is_session") if "is_session" in table else ("1",) * len(table)
    sessions: dict[date, bool] = {}
    for row, day in enumerate(values.dates(table, "trading_date")):
        if flags[row].lower() not in _YES:
            raise table.refused("must be 1 or 0", row, "is_session")
        if day in sessions:
            raise table.refused("stands twice", row, "trading_date")
        sessions[day] = _YES[flags[row].lower()]
    rows = tuple(SessionRow(day, sessions[day]) for day in sorted(sessions))
    content = table.content
    return SessionsFile("sessions", SESSIONS_TITLE, content.name, content.sha256, (), rows)


FORMATS = (
    Format(FACTORS_TITLE, ("ex_date", "factor"), parse_factors, exact=False, by_stock=True),
    Format(SESSIONS_TITLE, ("trading_date",), parse_sessions, exact=False),
)
