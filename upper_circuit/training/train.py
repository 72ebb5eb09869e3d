"""
From a market database to a published model, in one go and without a look ahead.

One function, because every shortcut between its steps (a forest tuned on the test, a calibration on rows it was fitted
on, a manifest written by hand) is a way to fool oneself.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from upper_circuit.errors import BadInput
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.bands import Bands
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.models import calibration
from upper_circuit.models.manifest import Manifest
from upper_circuit.models.manifest import Period as PeriodName
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Forest, Scores
from upper_circuit.training import facts
from upper_circuit.training.dataset import Dataset, Progress, stack
from upper_circuit.training.evaluate import Evaluation, evaluate
from upper_circuit.training.fit import grow, require_locks
from upper_circuit.training.label import HORIZON, Labeller
from upper_circuit.training.split import Period, Split


@dataclass(frozen=True, slots=True)
class PeriodRows:
    """What a period was made of, for the report."""

    first: date
    last: date
    """First and last run date."""
    until: date
    """The last day its labels may look at."""
    mornings: int
    rows: int
    locks: int
    left_out: dict[str, int]
    """Traded stocks that gave no row, by reason, over all mornings."""
    missing_tables: dict[str, int]
    """Mornings on which a whole table held nothing known, by table."""

    @classmethod
    def of(cls, period: Period, rows: Dataset) -> PeriodRows:
        """From a period and its rows."""
        return cls(
            first=period.first,
            last=period.last,
            until=date_of(period.until),
            mornings=len(period.days),
            rows=len(rows),
            locks=rows.locks,
            left_out=rows.left_out,
            missing_tables=rows.missing_tables,
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """A published version and how it came about."""

    manifest: Manifest
    folder: Path
    split_by_default: bool
    """Whether the periods were chosen from the data, because nobody named them."""
    periods: dict[PeriodName, PeriodRows]
    evaluations: dict[PeriodName, Evaluation]
    gain: dict[str, float]
    seconds: float

    @property
    def judged(self) -> PeriodName:
        """The period whose figures count: the test, else what there is."""
        return "test" if "test" in self.evaluations else "calibrate"

    @property
    def evaluation(self) -> Evaluation:
        """The figures that count."""
        return self.evaluations[self.judged]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Sentences about figures that are too good to be true."""
        return self.evaluation.alarms


def train(
    database: Database,
    registry: Registry,
    *,
    now: datetime,
    progress: Progress,
    fit_until: date | None = None,
    calibrate_until: date | None = None,
    test_until: date | None = None,
    fit_from: date | None = None,
    horizon: int = HORIZON,
    threads: int = 1,
) -> Trained:
    """Fit, calibrate, test and publish the next version.

    Args:
        database: the market, all of its history.
        registry: where the version goes; it is not promoted.
        now: goes into the manifest and decides nothing.
        progress: told (what, done, of how many).
        fit_until: the last day that labels of the fit period may look at. None, with calibrate_until: the newest 15 %
            of the mornings are the test period and the 15 % before are for calibration.
        calibrate_until: likewise for the calibration period.
        test_until: likewise for the test period; None: no test, where the other two are given.
        fit_from: the first run date; None: the first session with 252 sessions before it.
        horizon: N of the label.
        threads: for growing trees; they change no byte. One by default: most of the time goes into the rows, and on a
            busy machine threads that wait for each other take many times as long (seen: 5 minutes for 20 seconds).

    Raises:
        BadInput: the dates do not follow each other.
        DataUnavailable: the history is too short for them, or has too few locks.
    """
    started = time.monotonic()
    by_default = not (fit_until or calibrate_until or test_until)
    if not by_default and not (fit_until and calibrate_until):
        raise BadInput("fit-until and calibrate-until belong together, and test-until needs both of them")
    market = Market.load(database)
    market.require_readable()
    sessions = market.calendar.traded
    if fit_until and calibrate_until:
        split = Split.of(
            sessions,
            horizon,
            fit_from=fit_from,
            fit_until=fit_until,
            calibrate_until=calibrate_until,
            test_until=test_until,
        )
    else:
        split = Split.by_default(sessions, horizon, fit_from=fit_from)
    rows = _rows(database, market, split, progress)
    fitted = grow(
        rows["fit"], rows["calibrate"], threads=threads, progress=lambda *of: progress("trees", *of)
    )

    forest = Forest.load(fitted.booster, feature_names=FEATURE_NAMES, threads=threads)
    margins = {period: forest.margins(of.values) for period, of in rows.items()}
    scaling = calibration.fit(margins["calibrate"], rows["calibrate"].label)
    scores = {period: Scores(scaling.probability(margin), margin) for period, margin in margins.items()}
    evaluations = {period: evaluate(of, scores[period]) for period, of in rows.items()}
    manifest = facts.manifest(
        version=registry.next_version(),
        now=now,
        fitted=fitted,
        calibration=scaling,
        split=split,
        rows=rows,
        scores=scores,
        metrics={period: found.metrics for period, found in evaluations.items()},
    )
    return Trained(
        manifest=manifest,
        folder=registry.publish(fitted.booster, manifest),
        split_by_default=by_default,
        periods={period: PeriodRows.of(split.periods[period], of) for period, of in rows.items()},
        evaluations=evaluations,
        gain=fitted.gain,
        seconds=time.monotonic() - started,
    )


def _rows(database: Database, market: Market, split: Split, progress: Progress) -> dict[PeriodName, Dataset]:
    labeller = Labeller.of(market, Bands.load(database, market.codes), split.horizon)
    master = Master.load(database)
    rows: dict[PeriodName, Dataset] = {}
    for name, period in split.periods.items():
        rows[name] = stack(labeller, master, period, name=f"{name} rows", progress=progress)
        if name != "test":
            require_locks(name, rows[name])
    return rows
