"""
Which mornings a model is fitted on, calibrated on and tested on.

Labels look N bars ahead and neighbouring mornings share most of them, so any split that is not by time, and without
a gap as long as the look-ahead, tests a model on answers that it has already seen. Here every period ends with an
embargo, and a row whose label reaches past the end of its period is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from upper_circuit.errors import BadInput, DataUnavailable
from upper_circuit.market.days import Days, date_of, day_of
from upper_circuit.models.manifest import Period as PeriodName

HISTORY = 252
"""Sessions on file before the first morning of fitting: the look-back of the technical features."""
HELD_BACK = 0.15
"""Share of the mornings that calibration, and again the test, takes where nobody says otherwise."""
FIT_STEP = 2
"""Every so many sessions a morning is fitted on: the label windows of neighbours overlap by all but one bar."""
LEAST_MORNINGS = 20
"""A period of fewer mornings is a month of one mood of the market: it says nothing."""


@dataclass(frozen=True, slots=True)
class Period:
    """Run dates of one period, and the last day that labels in it may look at.

    Guaranteed: `days` ascend; at least `horizon` sessions lie after the newest of them, up to and with `until`.
    """

    days: Days
    until: int

    @property
    def first(self) -> date:
        """The first run date."""
        return date_of(int(self.days[0]))

    @property
    def last(self) -> date:
        """The last run date."""
        return date_of(int(self.days[-1]))


@dataclass(frozen=True, slots=True)
class Split:
    """Fit, calibrate and, where there is data left for it, test.

    Guaranteed: at least `horizon` sessions lie between the last run date of a period and the first of the next, and no
    bar that a label of one period looks at is dated on or after the first run date of the next.
    """

    fit: Period
    calibrate: Period
    test: Period | None
    horizon: int

    @property
    def periods(self) -> dict[PeriodName, Period]:
        """The periods there are by name, in time's order."""
        found: dict[PeriodName, Period] = {"fit": self.fit, "calibrate": self.calibrate}
        return found if self.test is None else {**found, "test": self.test}

    @classmethod
    def of(
        cls,
        sessions: Days,
        horizon: int,
        *,
        fit_until: date,
        calibrate_until: date,
        test_until: date | None = None,
        fit_from: date | None = None,
    ) -> Split:
        """Split the sessions that have bars, [m], ascending.

        A period is the sessions after the end of the one before, up to and with its own end. Its last `horizon`
        sessions are the embargo: they are no run dates. Fitting takes every second run date.

        Args:
            sessions: every session with bars, the first of which begins the history on file.
            horizon: N of the label.
            fit_until: the last day that a label of the fit period may look at; likewise the others.
            calibrate_until: end of the calibration period.
            test_until: end of the test period; None: no test.
            fit_from: None means the first session with 252 sessions before it.

        Raises BadInput where the dates do not follow each other, DataUnavailable where a period has too few sessions.
        """
        start = _first_morning(sessions) if fit_from is None else fit_from
        ends = [fit_until, calibrate_until] + ([] if test_until is None else [test_until])
        named = dict(
            zip(("fit-from", "fit-until", "calibrate-until", "test-until"), [start, *ends], strict=False)
        )
        _require_order(named)
        if len(sessions) and ends[-1] > (newest := date_of(int(sessions[-1]))):
            raise DataUnavailable(
                f"{list(named)[-1]} is {ends[-1]}, but the newest session on file is {newest}"
            )
        bounds = [day_of(start) - 1, *map(day_of, ends)]
        periods = [
            _period(name, sessions, after, until, horizon)
            for name, (after, until) in zip(("fit", "calibrate", "test"), pairwise(bounds), strict=False)
        ]
        fit = Period(periods[0].days[::FIT_STEP], periods[0].until)
        return cls(fit, periods[1], periods[2] if test_until else None, horizon)

    @classmethod
    def by_default(cls, sessions: Days, horizon: int, *, fit_from: date | None = None) -> Split:
        """Split what is on file: the newest 15 % of the mornings for the test, the 15 % before for calibration."""
        start = _first_morning(sessions) if fit_from is None else fit_from
        mornings = sessions[np.searchsorted(sessions, day_of(start)) :]
        held = round(len(mornings) * HELD_BACK)
        if len(mornings) - 2 * held < 1 or held < 1:
            raise DataUnavailable(
                f"{len(mornings)} sessions from {start} on are too few to split; load a longer history"
            )
        ends = [date_of(int(mornings[-1 - back])) for back in (2 * held, held, 0)]
        return cls.of(
            sessions,
            horizon,
            fit_from=fit_from,
            fit_until=ends[0],
            calibrate_until=ends[1],
            test_until=ends[2],
        )


def _first_morning(sessions: Days) -> date:
    if len(sessions) <= HISTORY:
        raise DataUnavailable(
            f"{len(sessions)} sessions are on file, {HISTORY} are needed before the first morning; "
            "load a longer history or give --fit-from"
        )
    return date_of(int(sessions[HISTORY]))


def _require_order(named: dict[str, date]) -> None:
    for earlier, later in pairwise(named):
        if named[later] <= named[earlier]:
            raise BadInput(f"{later} is {named[later]}: it must come after {earlier}, {named[earlier]}")


def _period(name: str, sessions: Days, after: int, until: int, horizon: int) -> Period:
    inside = sessions[(sessions > after) & (sessions <= until)]
    mornings = inside[: max(len(inside) - horizon, 0)]
    if len(mornings) < LEAST_MORNINGS:
        raise DataUnavailable(
            f"the {name} period from {date_of(after + 1)} to {date_of(until)} has {len(inside)} sessions, "
            f"{LEAST_MORNINGS + horizon} are needed"
        )
    return Period(mornings, until)
