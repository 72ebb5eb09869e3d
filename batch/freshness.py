"""
Whether there is anything to make a list from.

An answer made from old prices looks like one made from new ones, so a run stops when the session before its date is
missing, or when a whole table is. Somebody may want it all the same: then the run goes on, and the sentence that would
have stopped it stands on everything it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from upper_circuit.errors import PricesStale
from upper_circuit.features import CrossSection, RawFeatures
from upper_circuit.market.calendar import Calendar
from upper_circuit.market.days import day_of


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a run goes on in spite of."""

    min_price_share: float = 0.9
    """Share of the stocks traded lately that must have a bar of the session before the run date."""
    allow_stale: bool = False
    allow_missing_tables: bool = False


def require_session_before(calendar: Calendar, run_date: date, tolerance: Tolerance) -> None:
    """Raise PricesStale where not one bar of the session before is loaded: known without reading prices."""
    session = calendar.session_before(run_date)
    if session > calendar.newest and not tolerance.allow_stale:
        raise PricesStale(run_date, session, 0.0, tolerance.min_price_share)


def marks(raw: RawFeatures, cross: CrossSection, calendar: Calendar, tolerance: Tolerance) -> tuple[str, ...]:
    """What every output must be marked with; raises PricesStale or TableMissing where that is not tolerated.

    Args:
        raw: features of every stock with bars.
        cross: the cross-section made of them.
        calendar: the exchange's sessions.
        tolerance: what the run goes on in spite of.
    """
    session = calendar.session_before(raw.run_date)
    traded = raw.traded
    current = (raw.newest_day >= day_of(session)) & traded
    share = float(current.sum() / traded.sum()) if traded.any() else 0.0
    found = []
    if share < tolerance.min_price_share:
        if not tolerance.allow_stale:
            raise PricesStale(raw.run_date, session, share, tolerance.min_price_share)
        found.append(f"stale prices: {share:.1%} of the stocks traded lately have a bar of {session}")
    if not tolerance.allow_missing_tables:
        cross.require_every_feature()
    if cross.missing_tables:
        found.append(f"tables not loaded: {', '.join(cross.missing_tables)}")
    return tuple(found)
