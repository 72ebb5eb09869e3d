"""
The batch from Python: the whole morning in one call, or step by step.

The steps are the same functions that the program runs, so that somebody who looks at a morning in a notebook sees what
the table got.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from batch.agreement import agree
from batch.attempting import Attempting
from batch.interruption import Stop
from batch.ledger import Ledger, RunEnded
from batch.market_read import MarketRead
from batch.model import ChosenModel
from batch.morning import Choices, Morning, Part
from batch.plan import Plan
from batch.predictions import Prediction, SkippedStock
from batch.publishing import close, publish, save
from batch.report import BatchReport
from batch.running import run
from batch.scoring import ShardRows, predict
from batch.universe import Universe, with_results_due
from upper_circuit.errors import BadInput
from upper_circuit.features import CrossSection, FeatureMatrix, fill, marks, require_session_before
from upper_circuit.market.database import Database
from upper_circuit.market.days import date_of
from upper_circuit.market.master import Master, Stock
from upper_circuit.models.scorer import Scorer

P = ParamSpec("P")
R = TypeVar("R")


def _releasing(
    step: Callable[Concatenate[BatchPredictor, P], R],
) -> Callable[Concatenate[BatchPredictor, P], R]:
    """Leave no connection open after a step: a notebook stays open for days, and a database may move."""

    @wraps(step)
    def released(predictor: BatchPredictor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(predictor, *args, **kwargs)
        finally:
            predictor._database.dispose()  # noqa: SLF001  # the class's own decorator

    return released


class BatchPredictor:
    """Scores the market as of a morning.

    Args:
        model_registry_path: root folder of the model registry.
        feature_dbs: folder of market.db and predictions.db, or a postgresql:// URL.
        output_dir: folder of the files; None: report and CSV are in the ledger alone.
        choices: model version, workers, what to go on in spite of.
        stop: a mark that ends a run at the next clean place.
    """

    def __init__(
        self,
        model_registry_path: str | Path,
        feature_dbs: str | Path,
        output_dir: str | Path | None = "data/predictions",
        *,
        choices: Choices | None = None,
        stop: Stop | None = None,
    ) -> None:
        self._registry = Path(model_registry_path)
        self._location = feature_dbs
        self._output = None if output_dir is None else Path(output_dir)
        self._choices = choices or Choices()
        self._stop = stop or Stop()
        self._database = Database.at(feature_dbs)
        self._ledger = Ledger(self._database, worker=f"{socket.gethostname()}:{os.getpid()}")
        self._marks: dict[date, tuple[str, ...]] = {}

    @_releasing
    def predict_all_stocks(
        self, date: date | str, output_path: str | Path | None = None, *, run_id: str | None = None
    ) -> BatchReport:
        """Score every active stock as of a date, and write table, CSV, skipped stocks and report.

        Args:
            date: the run date (ISO text or date).
            output_path: folder of the files, or the path of the predictions' CSV; `output_dir` without it.
            run_id: name of the run in the ledger, not used before; drawn without it.

        Raises NotASession on a day without trade, PricesStale and TableMissing where the choices do not go on in
        spite of it, ModelUnavailable without a sound model, and Fenced when a newer run took over.
        """
        run_date = _date(date)
        name = run_id or new_run_id(run_date)
        report = run(self._morning(run_date, self._places(output_path)), Part(name))
        if report is None:
            raise RunEnded(name, 0, 0, "another process finished it")
        return report

    @_releasing
    def predict_part(self, date: date | str, part: Part) -> BatchReport | None:
        """Do one process's part of a run that others share; the report where that finished the run.

        Raises what `predict_all_stocks` raises, NoSuchShard for an index that the run does not have, and ListIncomplete
        with the report where this part failed, nobody tries it again, and that finished the run.
        """
        return run(self._morning(_date(date), self._output), part)

    @_releasing
    def give_up(self, date: date | str, run_id: str, reason: str, *, whole_run: bool) -> BatchReport | None:
        """Record why a part of a run ended before it could say so itself; the report where that published the run.

        `whole_run`: nobody else can succeed either; what is open is lost, and what is done is published. Else only a
        run that has not even begun is recorded.
        """
        self._ledger.refuse(run_id, _date(date), reason)
        if whole_run:
            return close(self._database, self._ledger, run_id, self._output, reason)
        return None

    @_releasing
    def fetch_active_stocks(self, *, results_due_after: date | str | None = None) -> list[Stock]:
        """Stocks of status ACTIVE, by market capitalisation descending.

        `results_due_after`: only those with results due within 30 days of this session.
        """
        self._database.require_schema()
        if results_due_after is None:
            return Master.load(self._database).active()
        run_date = _date(results_due_after)
        with self._read(run_date) as market:
            raw = market.whole(self._stop.check)
            return with_results_due(market.universe.active, raw, market.universe.calendar, run_date)

    @_releasing
    def extract_features_parallel(self, stocks: Sequence[Stock | str], date: date | str) -> FeatureMatrix:
        """The 25 features of some stocks (or codes) as of a date, computed by worker processes.

        Always reads the whole market, since medians are the market's, whoever asks.
        """
        run_date = _date(date)
        codes = [stock if isinstance(stock, str) else stock.bse_code for stock in stocks]
        with self._read(run_date) as market:
            universe, tolerance = market.universe, self._choices.tolerance
            universe.calendar.require_session(run_date)
            require_session_before(universe.calendar, run_date, tolerance)
            raw = market.whole(self._stop.check)
            cross = CrossSection.of(raw, market.universe.master)
            self._marks[run_date] = marks(raw, cross, market.universe.calendar, tolerance)
            return fill(raw, cross, market.universe.master, codes)

    @_releasing
    def predict_batch(self, features: FeatureMatrix) -> list[Prediction]:
        """Score rows in their order; the model is loaded and proven with the first call."""
        return predict(self._scorer, features, Master.load(self._database))

    @_releasing
    def save_predictions(
        self,
        predictions: Sequence[Prediction],
        date: date | str,
        output_path: str | Path | None = None,
        *,
        skipped: Sequence[SkippedStock] = (),
    ) -> tuple[int, int]:
        """Put these rows in place of the date's (of this model version) and write the files.

        Returns the rows in the database and in the CSV.
        """
        run_date, model = _date(date), self._scorer.manifest
        universe = self._universe(run_date)
        codes = [p.bse_code for p in predictions] + [stock.bse_code for stock in skipped]
        plan = Plan(
            run_date=run_date,
            as_of=date_of(universe.calendar.as_of(run_date).as_of_day),
            data_version=universe.data_version,
            model_type=model.model_type,
            model_version=str(model.version),
            f1=model.f1,
            shards=(tuple(codes),),
            cross_section="",
            notes=self._marks.get(run_date, ()),
            began=self._ledger.clock(),
        )
        name = new_run_id(run_date)
        begun = self._ledger.begin(name, run_date, plan.model_type, plan.model_version)
        attempt = self._ledger.take(name, 0)
        if attempt is None:
            raise RunEnded.of(begun)
        with Attempting(self._ledger, attempt, is_retried=False):
            agree(self._ledger, attempt, lambda _renew: plan)
            rows = ShardRows({plan.model_version: predictions}, skipped)
            save(self._database, self._ledger, attempt, plan, rows=rows, seconds={})
        report = publish(self._database, self._ledger, name, self._places(output_path), universe.master)
        count = len(report.predictions) if report else 0
        return count, count

    def generate_report(self, report: BatchReport) -> str:
        """The report as people read it, with its usual layout."""
        return report.text

    @cached_property
    def _scorer(self) -> Scorer:
        return ChosenModel.of(self._registry, self._choices.model_version).load()

    def _morning(self, run_date: date, output: Path | None) -> Morning:
        return Morning(
            location=self._location,
            database=self._database,
            registry=self._registry,
            run_date=run_date,
            output=output,
            choices=self._choices,
            ledger=self._ledger,
            stop=self._stop,
        )

    def _places(self, output: str | Path | None) -> Path | None:
        return self._output if output is None else Path(output)

    def _universe(self, run_date: date) -> Universe:
        self._database.require_schema()
        return Universe.read(self._database, run_date)

    def _read(self, run_date: date) -> MarketRead:
        return MarketRead(
            self._database,
            self._location,
            self._universe(run_date),
            run_date,
            workers=self._choices.workers,
            progress=self._choices.progress,
        )


def new_run_id(run_date: date) -> str:
    """A name that no run has had."""
    return f"{run_date}-{secrets.token_hex(4)}"


def _date(value: date | str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadInput(f"{value!r} is no date: YYYY-MM-DD is allowed") from error
