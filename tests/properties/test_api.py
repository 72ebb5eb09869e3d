"""Laws of the API: what is described is what is taken, and both ways through the program answer alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anyio.from_thread
import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from tests.factories.batch import LittleMarket
from tests.factories.descriptions import read
from tests.factories.online import Pair
from tests.factories.transformers import Desk, desk
from transformer.bodies import read_json
from transformer.questions import Malformed, question_of, run_date_of
from transformer.schemas import PredictionRequest
from upper_circuit.errors import BadInput

NEARLY: dict[str, st.SearchStrategy[Any]] = {
    "bse_code": st.sampled_from(["500325", "50032", "5003255", "50032a", "\uff15\uff10\uff10325", "500325\n", "", 500325, None]),
    "nse_symbol": st.sampled_from(["RELIANCE", "m&m", "M&M.NS", "BAJAJ-AUTO.ns", "a b", "", "A" * 21, ".NS", None, 7]),
    "prediction_date": st.sampled_from(
        ["2024-11-14", "2024-11-31", "20241114", "2024-W46-4", "2024-1-1", " 2024-11-14", "2024-11-14T00:00", "", None, 7]
    ),
    "include_features": st.sampled_from([True, False, None, 0, 1, "true", "yes"]),
    "include_shap": st.sampled_from([True, False, None, 0, 1, "true", []]),
    "strange": st.just(1),
}  # fmt: skip
nearly_questions = st.fixed_dictionaries({}, optional=NEARLY)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=400)
@given(nearly_questions | json_values)
@example({"bse_code": "500325", "prediction_date": "2024-11-14"})
@example({"bse_code": "500325", "prediction_date": "2024-11-14", "nse_symbol": None})
def test_what_is_described_is_what_is_understood(document: Any) -> None:
    """The model in openapi.yaml and the hot path's own reader take and refuse the same, but for days that do not exist."""
    try:
        described: Any = PredictionRequest.model_validate(document)
        run_date_of(described.prediction_date)
    except (ValidationError, Malformed):
        described = None
    try:
        understood: Any = question_of(document)
    except Malformed:
        understood = None

    assert (described is None) == (understood is None)
    if understood is not None:
        assert described.bse_code == understood.bse_code
        assert described.prediction_date == str(understood.prediction_date)
        assert (described.include_features, described.include_shap) == (
            understood.include_features, understood.include_shap,
        )  # fmt: skip


def _as_64_bits(digits: str) -> float:
    """What is larger is a floating-point number here: nothing that is asked for is, and nobody may send a thousand digits."""
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


@settings(max_examples=300)
@given(json_values, st.sampled_from([None, (",", ":"), (" , ", " : ")]), st.booleans())
def test_json_is_read_as_by_the_standard_library(value: Any, separators: Any, ascii_only: bool) -> None:
    """Whatever stands in it, as long as it says it once."""
    text = json.dumps(value, separators=separators, ensure_ascii=ascii_only)

    try:
        found = read_json(text.encode())
    except BadInput:
        assert "\\ud" in text or any(0xD800 <= ord(each) < 0xE000 for each in text)
        return

    assert json.loads(text, parse_int=_as_64_bits) == found


@settings(max_examples=200)
@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=5))
def test_a_key_that_stands_twice_is_always_found(pairs: list[tuple[str, str]]) -> None:
    """However it is written, and only then."""
    text = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"

    try:
        found = read_json(text.encode())
    except BadInput:
        found = None

    assert (dict(pairs) if len({key for key, _ in pairs}) == len(pairs) else None) == found


class Portal:
    """A desk in a thread of its own, for tests that are no coroutines."""

    def __init__(self, portal: anyio.from_thread.BlockingPortal, at: Desk) -> None:
        self._portal = portal
        self._at = at

    def both(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[httpx.Response, httpx.Response]:
        """The answers of the thin path and of FastAPI's."""

        async def ask() -> tuple[httpx.Response, httpx.Response]:
            transport = httpx.ASGITransport(app=self._at.plain)
            async with httpx.AsyncClient(transport=transport, base_url="http://desk") as plain:
                return (
                    await self._at.client.post(path, content=body, headers=headers),
                    await plain.post(path, content=body, headers=headers),
                )

        return self._portal.call(ask)


@pytest.fixture(scope="module")
def portal(little: LittleMarket) -> Iterator[Portal]:
    """A transformer that answers, over a double of the predictor."""
    with (
        anyio.from_thread.start_blocking_portal() as started,
        started.wrap_async_context_manager(desk(little.folder)) as at,
    ):
        started.call(at.ready)
        yield Portal(started, at)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Right questions about the little market, nearly right ones, damaged ones, and rubbish."""
    codes = st.sampled_from(["500001", "500002", "999999", "12"])
    dates = st.sampled_from(["2023-07-17", "2023-07-15", "2023-07-18", "2023-07-10", "x"])
    right = st.fixed_dictionaries(
        {"bse_code": codes, "prediction_date": dates}, optional={"include_shap": st.booleans()}
    )
    one = draw(st.one_of(right, right, nearly_questions, json_values))
    document = draw(st.sampled_from([one, [one], [one, one, 7], [one] * 101]))
    text = json.dumps(document).encode()
    cut = draw(st.integers(0, len(text)))
    return draw(
        st.sampled_from([text, text, text, text[:cut], text[:cut] + b'"' + text[cut:], text + b"\xff"])
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=bodies(),
    path=st.sampled_from(["/api/v1/predict", "/api/v1/batch_predict", "/v2/models/upper-circuit/infer"]),
    headers=st.sampled_from(
        [{"content-type": "application/json"}] * 4 + [{}, {"content-type": "text/plain"}, {"content-encoding": "br"}]
    ),
)  # fmt: skip
def test_both_ways_answer_alike(portal: Portal, body: bytes, path: str, headers: dict[str, str]) -> None:
    """Status, type and body of the thin path are those of FastAPI's, but for times and ids; and neither is ever a 500."""
    thin, plain = portal.both(path, body, headers)

    assert plain.status_code == thin.status_code < 500
    assert plain.headers["content-type"] == thin.headers["content-type"]
    assert _timeless(plain.json()) == _timeless(thin.json())


def _timeless(document: Any) -> Any:
    if isinstance(document, list):
        return [_timeless(each) for each in document]
    if "outputs" in document:
        return {name: value for name, value in document.items() if name != "id"}
    return {name: value for name, value in document.items() if name not in ("timestamp", "correlation_id")}


explored = schemathesis.openapi.from_dict(
    read("openapi.yaml"), config=SchemathesisConfig.from_dict({"warnings": False})
)


@explored.parametrize()
@settings(max_examples=20, deadline=None)
def test_an_explorer_finds_nothing(case: schemathesis.Case[Any], pair: Pair) -> None:
    """Whatever schemathesis makes of the description: no 500, no answer that is not described, no nonsense accepted."""
    response = case.call(base_url=pair.api.url)

    # A question of the right form may still be about a stock or a day that does not exist.
    not_asked: list[Any] = [positive_data_acceptance]
    if case.path == "/api/v1/batch_predict":  # an item of the wrong form is answered by an error in its place
        not_asked.append(negative_data_rejection)
    case.validate_response(response, excluded_checks=not_asked)
