"""
The service: from a question to an answer, for REST, for the Open Inference Protocol and for Python alike.

It knows no HTTP. Rows come from the mornings in memory and scores from the hop; what can be refused is refused before a
row joins a call, so that nobody's mistake costs anybody else an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from transformer.answers import Contributions, Features, Health, Prediction, Why
from transformer.correlation import current
from transformer.errors import SymbolMismatch
from transformer.hop import Hop, Matrix, Share
from transformer.models import Models
from transformer.mornings import Morning, Mornings
from transformer.questions import Question
from transformer.tally import Tally
from upper_circuit.errors import DataUnavailable, FeaturesUnavailable, UpperCircuitError
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.market.master import Stock

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class PredictionService:
    """Answers questions. Belongs to one event loop."""

    def __init__(
        self, mornings: Mornings, hop: Hop, models: Models, tally: Tally, *, clock: Clock = utc_now
    ) -> None:
        self._mornings = mornings
        self._hop = hop
        self._models = models
        self._tally = tally
        self._clock = clock

    async def predict_single(self, question: Question) -> Prediction:
        """The answer to one question.

        Raises UnknownStock, SymbolMismatch, NotASession, DataUnavailable and what is under it, FeaturesUnavailable;
        PredictorAway, PredictorLate, ModelLoading, BadAnswer.
        """
        stock, morning = await self._found(question)
        row = morning.row(stock.bse_code)
        share = await self._hop.score(row, explain=question.include_shap, correlation=current())
        return self._prediction(question, stock, morning, share, 0)

    async def predict_batch(
        self, questions: Sequence[Question | UpperCircuitError]
    ) -> list[Prediction | UpperCircuitError]:
        """An answer or an error for every question, in their order; all answers are of one model.

        An error among the questions stands for one that could not be understood, and keeps its place. Raises what the
        predictor does to all of them.
        """
        found = [await self._found_or_why(question) for question in questions]
        asked = [each for each in found if isinstance(each, tuple)]
        if not asked:
            return [each for each in found if isinstance(each, UpperCircuitError)]
        rows = np.concatenate([morning.row(stock.bse_code) for _, stock, morning in asked])
        explain = any(question.include_shap for question, _, _ in asked)
        share = await self._hop.score(rows, explain=explain, correlation=current())
        places = iter(range(len(asked)))
        return [
            each if isinstance(each, UpperCircuitError) else self._prediction(*each, share, next(places))
            for each in found
        ]

    async def score(self, codes: Sequence[str], dates: Sequence[date]) -> Share:
        """Scores of stocks, each on a date, or all on one: the whole request or an error, as the protocol wants."""
        days = list(dates) * len(codes) if len(dates) == 1 else dates
        rows: list[Matrix] = []
        for code, day in zip(codes, days, strict=True):
            stock, morning = await self._found(Question(code, day))
            rows.append(morning.row(stock.bse_code))
        return await self._hop.score(np.concatenate(rows), correlation=current())

    async def extract_features(self, bse_code: str, prediction_date: date) -> Features:
        """The 25 values a model would see; raises as `predict_single` does before the predictor is asked."""
        stock, morning = await self._found(Question(bse_code, prediction_date))
        row = morning.row(stock.bse_code)
        filled = morning.filled(stock.bse_code)
        return Features(bse_code, prediction_date, morning.as_of, _by_name(row[0]), filled)

    async def explain(self, bse_code: str, prediction_date: date) -> Why:
        """A stock's score with all that made it; a stock that cannot be scored is answered with the reason."""
        question = Question(bse_code, prediction_date, include_features=True, include_shap=True)
        stock, morning = await self._found(question)
        head = (bse_code, stock.nse_symbol, stock.company_name, prediction_date, morning.as_of)
        try:
            row = morning.row(bse_code)
        except FeaturesUnavailable as error:
            return Why(*head, None, {}, error.reason, error.detail)
        share = await self._hop.score(row, explain=True, correlation=current())
        prediction = self._prediction(question, stock, morning, share, 0)
        return Why(*head, prediction, morning.filled(bse_code))

    async def get_health_status(self) -> Health:
        """How the pair is; never raises."""
        models = await self._models.state()
        problems = [each for each in (models.problem, self._mornings.trouble) if each]
        as_of: date | None = None
        try:
            as_of = self._mornings.known.calendar.newest
        except DataUnavailable as error:
            problems.append(str(error))
        return Health(
            status="unhealthy" if problems else "healthy",
            timestamp=self._clock(),
            model_loaded=models.is_loaded,
            model_version=models.version,
            model_type=models.model_type,
            uptime_seconds=round(self._tally.uptime_seconds, 3),
            requests_processed=self._tally.requests,
            avg_latency_ms=round(self._tally.mean_ms, 3),
            error_rate=round(self._tally.error_rate, 6),
            data_as_of=as_of,
            problems=tuple(dict.fromkeys(problems)),
        )

    async def _found(self, question: Question) -> tuple[Stock, Morning]:
        known = self._mornings.known
        stock = known.stock(question.bse_code)
        given = question.nse_symbol
        if given is not None and given != stock.nse_symbol:
            raise SymbolMismatch(stock.bse_code, given, stock.nse_symbol, known.by_symbol.get(given))
        run_date = question.prediction_date
        morning = self._mornings.get(run_date) or await self._mornings.of(run_date)
        return stock, morning

    async def _found_or_why(
        self, question: Question | UpperCircuitError
    ) -> tuple[Question, Stock, Morning] | UpperCircuitError:
        if isinstance(question, UpperCircuitError):
            return question
        try:
            stock, morning = await self._found(question)
            morning.at(stock.bse_code)
        except UpperCircuitError as error:
            return error
        return question, stock, morning

    def _prediction(
        self, question: Question, stock: Stock, morning: Morning, share: Share, place: int
    ) -> Prediction:
        verdict, at = share.verdict, share.start + place
        row = morning.at(stock.bse_code)
        self._models.saw(verdict.model_version)
        return Prediction(
            bse_code=stock.bse_code,
            nse_symbol=stock.nse_symbol,
            prediction_date=morning.run_date,
            predicted_label=verdict.label[at],
            probability=verdict.probability[at],
            confidence=verdict.confidence[at],
            model_version=verdict.model_version,
            prediction_timestamp=self._clock(),
            as_of=morning.as_of,
            filled_features=morning.filled_names(row),
            features=_by_name(morning.matrix.values[row]) if question.include_features else None,
            contributions=_contributions(share, at) if question.include_shap else None,
            requested_model_version=verdict.requested_version,
            fallback_because=verdict.fallback_because,
            call_id=share.call_id,
        )


def _by_name(row: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, float | None]:
    return {
        name: None if value != value else value  # noqa: PLR0124  # NaN
        for name, value in zip(FEATURE_NAMES, row.tolist(), strict=True)
    }


def _contributions(share: Share, at: int) -> Contributions | None:
    verdict = share.verdict
    if verdict.contributions is None or verdict.margin is None:
        return None
    *values, base = verdict.contributions[at]
    return Contributions(dict(zip(FEATURE_NAMES, values, strict=True)), base, verdict.margin[at])
