"""The service as a caller in Python has it: no HTTP on this side."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from tests.factories.batch import LittleMarket
from tests.factories.predictor_doubles import refusing
from tests.factories.transformers import NOW, Desk, at_a_desk
from transformer.answers import Prediction
from transformer.errors import PredictorAway, SymbolMismatch
from transformer.questions import Malformed, Question
from upper_circuit.errors import (
    DatabaseAway,
    FeaturesUnavailable,
    NotASession,
    UnknownStock,
    UpperCircuitError,
)
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.models.confidence import band, label
from upper_circuit.oip import contract


def test_one_question_one_answer(little: LittleMarket) -> None:
    """What the predictor scored is what is answered, with the words of the domain for it."""

    async def work(at: Desk) -> None:
        found = await at.transformer.service.predict_single(Question("500002", little.run_date))

        score = float(at.predictor.calls[0].rows[0, 0] / np.float32(100))
        assert (score, label(score), band(score).value) == (
            found.probability, found.predicted_label, found.confidence,
        )  # fmt: skip
        assert ("500002", "SYM500002", little.run_date, "1.0.0", NOW) == (
            found.bse_code, found.nse_symbol, found.prediction_date, found.model_version, found.prediction_timestamp,
        )  # fmt: skip
        assert (None, None, None) == (found.features, found.contributions, found.fallback_because)

    at_a_desk(little.folder, work)


def test_a_batch_keeps_order_and_errors(little: LittleMarket) -> None:
    """One call for all that can be scored; what could not be understood keeps its place."""

    async def work(at: Desk) -> None:
        malformed = Malformed("no question")
        asked: list[Question | UpperCircuitError] = [
            Question("500003", little.run_date, include_features=True),
            malformed,
            Question("999999", little.run_date),
            Question("500001", little.run_date),
        ]

        found = await at.transformer.service.predict_batch(asked)

        assert [Prediction, Malformed, UnknownStock, Prediction] == [type(each) for each in found]
        assert found[1] is malformed
        assert [2] == [len(call.rows) for call in at.predictor.calls]
        assert ["500003", "500001"] == [each.bse_code for each in found if isinstance(each, Prediction)]

    at_a_desk(little.folder, work)


def test_a_batch_of_two_mornings_is_one_call(little: LittleMarket) -> None:
    """Rows of any dates ride together; each is of its own morning."""
    earlier = little.sessions[little.sessions.index(little.run_date) - 5]

    async def work(at: Desk) -> None:
        found = await at.transformer.service.predict_batch(
            [Question("500003", day) for day in (earlier, little.run_date)]
        )

        assert [earlier, little.run_date] == [
            each.prediction_date for each in found if isinstance(each, Prediction)
        ]
        assert 1 == len(at.predictor.calls)

    at_a_desk(little.folder, work)


def test_errors_are_the_domains(little: LittleMarket) -> None:
    """A caller in Python catches classes, not codes."""
    weekend = little.run_date + timedelta(days=(5 - little.run_date.weekday()) % 7)

    async def work(at: Desk) -> None:
        ask = at.transformer.service.predict_single
        with pytest.raises(UnknownStock):
            await ask(Question("999999", little.run_date))
        with pytest.raises(NotASession):
            await ask(Question("500001", weekend))
        with pytest.raises(SymbolMismatch, match="SYM500001"):
            await ask(Question("500001", little.run_date, "SYM500002"))
        at.predictor.instead = refusing(503, "busy")
        with pytest.raises(PredictorAway):
            await ask(Question("500001", little.run_date))
        with pytest.raises(PredictorAway):
            await at.transformer.service.predict_batch([Question("500001", little.run_date)])

    at_a_desk(little.folder, work)


def test_features_can_be_had_without_the_predictor(little: LittleMarket) -> None:
    """The 25 final values, and whose median stands in."""

    async def work(at: Desk) -> None:
        found = await at.transformer.service.extract_features("500001", little.run_date)

        assert list(FEATURE_NAMES) == list(found.values)
        assert "net_profit_margin" in found.filled
        assert [] == at.predictor.calls
        with pytest.raises(UnknownStock):
            await at.transformer.service.extract_features("999999", little.run_date)

    at_a_desk(little.folder, work)


def test_health_tells_what_is_wrong(little: LittleMarket) -> None:
    """A model that is not loaded is; a predictor that keeps its registry to itself too."""

    async def work(at: Desk) -> None:
        service, models = at.transformer.service, at.transformer.models
        well = await service.get_health_status()
        at.predictor.is_ready = False
        models.forget()
        without = await service.get_health_status()
        at.predictor.is_ready = True
        at.predictor.registry = []
        models.forget()
        silent = await service.get_health_status()

        assert ("healthy", True, "1.0.0", "XGBoost", ()) == (
            well.status, well.model_loaded, well.model_version, well.model_type, well.problems,
        )  # fmt: skip
        assert ("unhealthy", False) == (without.status, without.model_loaded)
        assert "no replica" in without.problems[0]
        assert ("unhealthy", True) == (silent.status, silent.model_loaded)
        assert f"answered 200 to the question for {contract.REGISTRY_PATH}" in silent.problems[0]

    at_a_desk(little.folder, work)


def test_health_before_the_market_was_read(little: LittleMarket) -> None:
    """It does not raise; it says so."""

    async def work(at: Desk) -> None:
        at.transformer.mornings._known = None
        at.transformer.mornings.trouble = "OperationalError"

        found = await at.transformer.service.get_health_status()

        assert (None, ("OperationalError",)) == (found.data_as_of, found.problems)
        with pytest.raises(DatabaseAway):
            await at.transformer.service.predict_single(Question("500001", little.run_date))

    at_a_desk(little.folder, work, data_poll_seconds=300.0)


def test_why_needs_a_stock_that_exists(little: LittleMarket) -> None:
    """One that is skipped is an answer, one that is not there is not."""

    async def work(at: Desk) -> None:
        found = await at.transformer.service.explain("500001", little.run_date)
        assert found.prediction is not None
        assert found.prediction.contributions is not None
        with pytest.raises(UnknownStock):
            await at.transformer.service.explain("999999", little.run_date)

    at_a_desk(little.folder, work)


def test_a_stock_without_a_row_has_no_features(little: LittleMarket) -> None:
    """The reason is an attribute."""

    async def work(at: Desk) -> None:
        morning = await at.transformer.mornings.of(little.run_date)
        with pytest.raises(FeaturesUnavailable) as caught:
            morning.row("999999")

        assert "NOT_ACTIVE" == caught.value.reason

    at_a_desk(little.folder, work)
