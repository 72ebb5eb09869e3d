"""
What must be loaded before anything is made from it, and what may be lacking all the same.

An answer made from old prices looks like one made from new ones, so a morning is refused when the session before it is
missing, or when a whole table is. Somebody may want it all the same: then it is made, and the sentence that would have
stopped it stands on everything that is written. The rule is the same for batch, API and whoever looks at a day, or one
of them would answer what another refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from upper_circuit.errors import PricesStale, TableMissing
from upper_circuit.features.cross_section import CrossSection
from upper_circuit.features.raw import RawFeatures
from upper_circuit.market.calendar import Calendar
from upper_circuit.market.days import day_of

MIN_PRICE_SHARE = 0.9
"""What `Tolerance.min_price_share` is where nobody sets it."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a morning is made in spite of."""

    min_price_share: float = MIN_PRICE_SHARE
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
        tolerance: what is gone on in spite of.
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


def allowed_by(error: Exception) -> str | None:
    """The field of Tolerance that goes on in spite of an error; None where none does."""
    match error:
        case PricesStale():
            return "allow_stale"
        case TableMissing():
            return "allow_missing_tables"
        case _:
            return None
