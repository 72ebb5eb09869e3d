"""
Notices of board meetings: how the market knows the day of a result before the result.

The exchange asks for a notice five days ahead. Most companies give it, some do not, and meetings about other matters
stand in the same list; a reader must keep the financial results only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upper_circuit.market.synthetic.draws import Ints, pick
from upper_circuit.market.synthetic.results import DAY, Results
from upper_circuit.market.synthetic.sessions import Sessions, date_of

_RESULTS = "Financial Results To consider and approve the financial results for the period ended {ended}"
_OTHER = (
    "Fund Raising To consider Fund Raising and other business matters",
    "Other business matters To consider other business matters",
    "Outcome of Board Meeting has informed the Exchange regarding Board meeting held on {met}",
)
_YEAR = "January February March April May June July August September October November December"
_MONTHS = _YEAR.split()  # not strftime's, which follow the user's language
_NO_NOTICE = 0.1
_OTHERS_A_NOTICE = 0.25


@dataclass(frozen=True, slots=True)
class Notices:
    """One notice an entry, by the session whose list it stands in, then by stock.

    The meeting is not before the session; `quarter_end` is 0 for a meeting about other matters.
    """

    session: Ints
    stock: Ints
    meeting: Ints
    """Day number."""
    quarter_end: Ints

    def purpose(self, row: int) -> str:
        """The text of the list's last column."""
        if self.quarter_end[row]:
            return _RESULTS.format(ended=_in_words(int(self.quarter_end[row])))
        return _OTHER[row % len(_OTHER)].format(met=_in_words(int(self.meeting[row])))

    def meeting_day(self, row: int) -> str:
        """The day as the list writes it: 19-DEC-2025."""
        day = date_of(int(self.meeting[row]))
        return f"{day.day:02}-{_MONTHS[day.month - 1][:3].upper()}-{day.year}"


def _in_words(number: int) -> str:
    day = date_of(number)
    return f"{_MONTHS[day.month - 1]} {day.day:02}, {day.year}"


def notify(rng: np.random.Generator, results: Results, sessions: Sessions) -> Notices:
    """Draw the notices published on the sessions, 5 to 14 days before each first filing of a quarter."""
    day = results.announced // DAY
    first = np.ones(len(day), dtype=np.bool_)
    first[1:] = (results.stock[1:] != results.stock[:-1]) | (
        results.quarter_end[1:] != results.quarter_end[:-1]
    )
    session = np.searchsorted(sessions.days, day - rng.integers(5, 15, len(day)))
    given = (
        first
        & (session < len(sessions.past))
        & (day - 15 > sessions.days[0])
        & (rng.random(len(day)) >= _NO_NOTICE)
    )
    session, stock, day, ended = session[given], results.stock[given], day[given], results.quarter_end[given]

    extra = int(len(day) * _OTHERS_A_NOTICE)
    at = rng.integers(0, len(sessions.past), extra)
    who = results.stock[pick(rng, [1.0] * len(results.stock), extra)] if extra else results.stock[:0]
    meeting = sessions.days[at] + 3 * rng.integers(0, 4, extra)
    parts = ((session, at), (stock, who), (day, meeting), (ended, np.zeros(extra, dtype=np.int64)))
    session, stock, day, ended = (np.concatenate(part).astype(np.int64) for part in parts)
    order = np.lexsort((day, stock, session))
    return Notices(session[order], stock[order], day[order], ended[order])
