"""docs/api/openapi.yaml is what is served, what is answered, and what was promised."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.factories.batch import LittleMarket
from tests.factories.descriptions import answer_schema, breaks, examples, operations, read, validate
from tests.factories.online import Pair
from tests.factories.predictor_doubles import hanging_up, refusing
from tests.factories.processes import ROOT
from tests.factories.transformers import Desk, at_a_desk
from transformer import errors
from transformer.paths import OTHER, path_of
from transformer.routes.described import EXAMPLES, SCORING


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """What is in the tree."""
    return read("openapi.yaml")


def test_the_file_is_what_the_program_says() -> None:
    """`python -m transformer.openapi > docs/api/openapi.yaml` makes it."""
    made = subprocess.run(
        [sys.executable, "-m", "transformer.openapi"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert (ROOT / "docs/api/openapi.yaml").read_text(encoding="utf-8") == made.stdout


def test_the_program_serves_it(pair: Pair, described: dict[str, Any]) -> None:
    """Without the dozens of KServe's own routes."""
    assert described == pair.api.get("/openapi.json").json()


def test_every_route_has_an_example_of_every_answer(described: dict[str, Any]) -> None:
    """That fits the schema beside it; those of questions too."""
    checked = 0
    for method, path, operation in operations(described):
        answers = [(status, response) for status, response in operation["responses"].items()]
        for status, response in answers:
            for kind, content in response["content"].items():
                if kind != "application/json":
                    continue
                found = examples(described, content)
                assert found, f"{method} {path} {status} has no example"
                for each in found:
                    validate(described, content["schema"], each)
                    checked += 1
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for each in examples(described, body):
            validate(described, body["schema"], each)

    assert checked > 100


def test_every_error_that_can_be_answered_is_described() -> None:
    """Codes of the translation table, and those that a route or the edge names itself."""
    sources = [path.read_text(encoding="utf-8") for path in Path(ROOT, "transformer").rglob("*.py")]
    named = {
        code
        for source in sources
        for call in re.findall(r"(?:Refused|Refusal)\((.*?)\)", source, re.DOTALL)
        for code in re.findall(r'"([A-Z_]{4,})"', call)
    }

    assert {"RATE_LIMITED", "ADMIN_OFF"} <= named
    answered = set(errors.CODES) | named
    assert set() == answered - set(EXAMPLES) - _NOT_OF_THE_API
    assert set() == set(EXAMPLES) - answered - _OF_HTTP


_OF_HTTP = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}
"""Named by the status."""
_NOT_OF_THE_API = {"CLOSED", "NOT_IMPLEMENTED"}
"""Answered below /v1 and /v2/repository only."""


def test_statuses_of_errors_are_those_of_the_translation() -> None:
    """One table says it to people, one to programs."""
    translated = {code: status for _, status, code in errors._CODES}

    assert translated == {code: EXAMPLES[code][0] for code in translated}


def test_scoring_is_said_to_refuse_what_it_does_refuse(little: LittleMarket) -> None:
    """However a predictor fails. A code that never comes would be waited for by whoever wrote a branch for it."""
    failures = [
        refusing(503, "Model loading, retry in 5s", **{"retry-after": "5"}),
        refusing(503, "no usable XGBoost model: no version is promoted", **{"retry-after": "30"}),
        hanging_up,
        refusing(400, "feature fingerprint 5f1c was given"),
        refusing(500, "internal error"),
    ]
    found = set()

    async def work(at: Desk) -> None:
        one = {"bse_code": "500002", "prediction_date": str(little.run_date)}
        for each in failures:
            at.predictor.instead = each
            found.add((await at.ask(one)).json()["error"])
        at.predictor.gate.clear()
        found.add((await at.ask(one)).json()["error"])

    at_a_desk(little.folder, work, predictor_deadline_seconds=0.5)

    assert set(SCORING) == found


def test_every_route_is_known_to_the_edge(described: dict[str, Any]) -> None:
    """Else it would be counted as `other`."""
    unknown = [path for path in described["paths"] if path_of(path).route == OTHER]

    assert [] == unknown


def test_answers_are_as_described(little: LittleMarket, described: dict[str, Any]) -> None:
    """Of every route, with and without what may be asked for."""
    one = {"bse_code": "500002", "prediction_date": str(little.run_date)}
    whole = {**one, "include_features": True, "include_shap": True}
    asked: list[tuple[str, str, str, Any]] = [
        ("post", "/api/v1/predict", "/api/v1/predict", one),
        ("post", "/api/v1/predict", "/api/v1/predict", whole),
        ("post", "/api/v1/predict", "/api/v1/predict", {**one, "bse_code": "999999"}),
        ("post", "/api/v1/batch_predict", "/api/v1/batch_predict", [one, whole, {}]),
        ("get", "/api/v1/stocks/{bse_code}/why", f"/api/v1/stocks/500001/why?date={little.run_date}", None),
        ("get", "/api/v1/models", "/api/v1/models", None),
        ("post", "/api/v1/models/reload", "/api/v1/models/reload", None),
        ("get", "/api/v1/health", "/api/v1/health", None),
        ("get", "/api/v1/health/ready", "/api/v1/health/ready", None),
        ("get", "/api/v1/health/live", "/api/v1/health/live", None),
        ("get", "/api/v1/predictions", "/api/v1/predictions", None),
        ("get", "/api/v1/runs", "/api/v1/runs", None),
        ("get", "/api/v1/runs/{date}", f"/api/v1/runs/{little.run_date}", None),
        ("get", "/api/v1/runs/{date}/report", f"/api/v1/runs/{little.run_date}/report", None),
        (
            "get",
            "/api/v1/runs/{date}/predictions.csv",
            f"/api/v1/runs/{little.run_date}/predictions.csv",
            None,
        ),
        ("get", "/api/v1/sessions", f"/api/v1/sessions?from={little.run_date}&to={little.run_date}", None),
        (
            "get",
            "/api/v1/comparison",
            "/api/v1/comparison?stable=1.0.0&canary=1.1.0",
            None,
        ),
        (
            "get",
            "/api/v1/comparison/{date}",
            f"/api/v1/comparison/{little.run_date}?stable=1.0.0&canary=1.1.0",
            None,
        ),
        ("get", "/api/v1/drift", "/api/v1/drift", None),
        ("get", "/api/v1/rollout/steps", "/api/v1/rollout/steps", None),
        ("post", "/api/v1/rollout", "/api/v1/rollout", {}),
        ("get", "/v2", "/v2", None),
        ("get", "/v2/health/live", "/v2/health/live", None),
        ("get", "/v2/health/ready", "/v2/health/ready", None),
        ("get", "/v2/models/upper-circuit", "/v2/models/upper-circuit", None),
        ("get", "/v2/models/upper-circuit/ready", "/v2/models/upper-circuit/ready", None),
        ("post", "/v2/models/upper-circuit/infer", "/v2/models/upper-circuit/infer", _inference(little)),
    ]

    async def work(at: Desk) -> None:
        for method, path, url, document in asked:
            response = await at.client.request(method, url, json=document)
            validate(described, answer_schema(described, method, path, response.status_code), response.json())

    at_a_desk(little.folder, work)

    assert {path for path in described["paths"] if path != "/metrics"} == {path for _, path, _, _ in asked}


def _inference(little: LittleMarket) -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "bse_code", "datatype": "BYTES", "shape": [1], "data": ["500002"]},
            {"name": "prediction_date", "datatype": "BYTES", "shape": [1], "data": [str(little.run_date)]},
        ]
    }


class TestReleased:
    """A client written for the last release goes on working."""

    def test_nothing_that_was_promised_is_gone(self, described: dict[str, Any]) -> None:
        """docs/api/v1-released.yaml is the description of the last release."""
        assert [] == breaks(read("v1-released.yaml"), described)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda d: d["paths"].pop("/api/v1/models"), "GET /api/v1/models is gone"),
            (lambda d: d["paths"]["/api/v1/predict"]["post"]["responses"].pop("404"), "status 404 is gone"),
            (lambda d: _of(d, "Prediction")["properties"].pop("as_of"), "field as_of is gone"),
            (lambda d: _of(d, "Prediction")["required"].remove("as_of"), "field as_of may be absent now"),
            (lambda d: _of(d, "PredictionRequest")["required"].append("nse_symbol"), "nse_symbol is needed now"),
            (lambda d: _of(d, "PredictionRequest")["properties"].pop("include_shap"), "include_shap is gone"),
            (lambda d: _of(d, "Prediction")["properties"]["probability"].update(type="string"), "is string now"),
            (lambda d: _of(d, "RecordedPrediction")["properties"].pop("confidence"), "item field confidence"),
            (lambda d: _why(d)["parameters"].pop(), "parameter date is gone"),
            (lambda d: _list(d)["parameters"][0].update(required=True), "parameter date is needed now"),
        ],
    )  # fmt: skip
    def test_every_kind_of_break_is_found(
        self, described: dict[str, Any], change: Callable[[Any], Any], told: str
    ) -> None:
        """Else the test above would prove nothing."""
        changed = copy.deepcopy(described)
        change(changed)

        found = breaks(described, changed)

        assert found
        assert any(told in each for each in found), found

    def test_more_is_no_break(self, described: dict[str, Any]) -> None:
        """New routes, fields and parameters that nobody needs to give."""
        changed = copy.deepcopy(described)
        changed["paths"]["/api/v1/new"] = {}
        _of(changed, "Prediction")["properties"]["new"] = {"type": "string"}
        _of(changed, "PredictionRequest")["properties"]["new"] = {"type": "string"}
        _list(changed)["parameters"].append({"in": "query", "name": "new", "schema": {}})

        assert [] == breaks(described, json.loads(json.dumps(changed)))


def _of(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def _why(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/api/v1/stocks/{bse_code}/why"]["get"]
    return found


def _list(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/api/v1/predictions"]["get"]
    return found
