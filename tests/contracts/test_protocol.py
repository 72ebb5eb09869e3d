"""Both programs speak the Open Inference Protocol as others read it: its text, and KServe's own client."""

from __future__ import annotations

import asyncio
import sys
from http import HTTPMethod
from typing import Any

import numpy as np
import pytest
import requests

from tests.factories.online import FRESH, OnlineMarket, Pair
from tests.factories.processes import Program
from tests.factories.protocol import PATHS, require
from upper_circuit.features import FINGERPRINT
from upper_circuit.oip import contract

BOTH = pytest.mark.parametrize("name", ["api", "predictor"])


@pytest.fixture(scope="module", autouse=True)
def _kserve() -> None:
    """Importing kserve parses the command line of whoever does so, and warns."""
    import warnings

    given, sys.argv = sys.argv, ["client"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import kserve  # noqa: F401
    sys.argv = given


def program(pair: Pair, name: str) -> Program:
    """One of the two."""
    found: Program = getattr(pair, name)
    return found


def codes_and_date(online: OnlineMarket, count: int = 3) -> dict[str, Any]:
    """An inference for the transformer."""
    return {
        "id": "seven",
        "inputs": [
            {"name": "bse_code", "datatype": "BYTES", "shape": [count], "data": online.codes[:count]},
            {"name": "prediction_date", "datatype": "BYTES", "shape": [1], "data": [str(online.run_date)]},
        ],
    }


def features() -> dict[str, Any]:
    """An inference for the predictor."""
    return {
        "id": "seven",
        "parameters": {"feature_fingerprint": FINGERPRINT},
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [2, 25], "data": [0.5] * 50}],
    }


@BOTH
@pytest.mark.parametrize("kind", PATHS)
def test_answers_are_objects_of_the_protocol(pair: Pair, name: str, kind: str) -> None:
    """No null among them."""
    response = program(pair, name).get(PATHS[kind])

    assert 200 == response.status_code
    require(kind, response.json())


@BOTH
def test_an_inference_is_answered_with_one(pair: Pair, name: str) -> None:
    """With the id it came with, and the version that answered."""
    document = codes_and_date(pair.online) if name == "api" else features()

    response = requests.post(program(pair, name).url + contract.INFER_PATH, json=document, timeout=30)

    assert 200 == response.status_code
    require("inference", response.json())
    assert ("seven", "1.1.0") == (response.json()["id"], response.json()["model_version"])


@BOTH
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/another", 404),
        ("GET", "/v2/models/another/ready", 404),
        ("POST", "/v2/models/another/infer", 404),
        ("GET", "/v2/models/upper-circuit/versions/1.0.0", 501),
        ("POST", "/v2/models/upper-circuit/versions/1.0.0/infer", 501),
        ("GET", contract.INFER_PATH, 405),
        ("GET", "/v2/nothing/here", 404),
    ],
)
def test_refusals_are_its_error_object(pair: Pair, name: str, method: str, path: str, status: int) -> None:
    """KServe's own among them."""
    given: dict[str, Any] = {} if method == "GET" else {"json": features()}

    response = requests.request(method, program(pair, name).url + path, timeout=30, **given)

    assert status == response.status_code
    require("error", response.json())


@BOTH
@pytest.mark.parametrize("path", ["models/upper-circuit/unload", "models/upper-circuit/load", "index", ""])
def test_the_repository_is_closed_whatever_the_method(pair: Pair, name: str, path: str) -> None:
    """KServe lets anyone unload the model there."""
    methods = [each for each in HTTPMethod if each is not HTTPMethod.CONNECT]  # which is for proxies
    url = f"{program(pair, name).url}/v2/repository/{path}"

    answers = [requests.request(method, url, timeout=30) for method in methods]

    assert dict.fromkeys(methods, 403) == {
        method: answer.status_code for method, answer in zip(methods, answers, strict=True)
    }
    for method, answer in zip(methods, answers, strict=True):
        if method is not HTTPMethod.HEAD:
            require("error", answer.json())


@BOTH
@pytest.mark.parametrize("verb", ["predict", "explain"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/octet-stream"},
        {"content-type": "application/cloudevents+json"},
        {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "t", "ce-source": "s"},
    ],
    ids=["none", "json", "text", "form", "raw", "cloud event", "binary cloud event"],
)
def test_v1_is_not_spoken_whatever_comes(pair: Pair, name: str, verb: str, headers: dict[str, str]) -> None:
    """Not read either: KServe's own route fails inside at most of these."""
    url = f"{program(pair, name).url}/v1/models/upper-circuit:{verb}"

    answer = requests.post(url, data=b"x", headers=headers, timeout=30)

    assert 501 == answer.status_code
    assert contract.INFER_PATH in answer.text


@BOTH
@pytest.mark.parametrize(
    "path",
    ["/v2/", "/v2/models/upper-circuit/", "/metrics/", "/openapi.json/", "/v1/models/", "/v2/repository"],
)
def test_a_slash_more_or_less_is_another_path(pair: Pair, name: str, path: str) -> None:
    """A redirect would go to whatever Host the caller names."""
    answer = requests.get(
        program(pair, name).url + path, headers={"host": "evil.example"}, allow_redirects=False, timeout=30
    )

    assert (404, None) == (answer.status_code, answer.headers.get("location"))


@BOTH
@pytest.mark.parametrize("document", [{"inputs": 7}, {"inputs": []}, [], {"inputs": [{"name": "x"}]}])
def test_nonsense_is_a_400(pair: Pair, name: str, document: Any) -> None:
    """Also for a model that is not there."""
    for path in (contract.INFER_PATH, "/v2/models/another/infer"):
        response = requests.post(program(pair, name).url + path, json=document, timeout=30)

        assert 400 <= response.status_code < 405
        require("error", response.json())


def test_a_skipped_stock_refuses_the_whole_inference(pair: Pair) -> None:
    """The protocol has no errors for single rows; the reason is told."""
    document = codes_and_date(pair.online)
    document["inputs"][0]["data"][1] = FRESH

    response = requests.post(pair.api.url + contract.INFER_PATH, json=document, timeout=30)

    assert 422 == response.status_code
    require("error", response.json())
    assert "SHORT_HISTORY" in response.json()["error"]


class TestKServesClient:
    """A reading of the protocol that is not ours."""

    @BOTH
    def test_it_sees_both_ready(self, pair: Pair, name: str) -> None:
        """Server and model."""
        from kserve import InferenceRESTClient, RESTConfig

        url = program(pair, name).url

        async def ask() -> tuple[bool, bool, bool]:
            async with InferenceRESTClient(RESTConfig(protocol="v2", verify=False)) as client:
                return (
                    await client.is_server_live(url),
                    await client.is_server_ready(url),
                    await client.is_model_ready(url, "upper-circuit"),
                )

        assert (True, True, True) == asyncio.run(ask())

    @pytest.mark.parametrize("binary", [False, True], ids=["json", "raw"])
    def test_the_transformer_answers_it_as_it_answers_our_own_api(self, pair: Pair, binary: bool) -> None:
        """Codes in, scores out; the same numbers."""
        from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

        codes = pair.online.codes[:5]
        expected = [pair.ask(code).json() for code in codes]

        async def ask() -> Any:
            stocks = InferInput("bse_code", [5], "BYTES")
            stocks.set_data_from_numpy(
                np.array([code.encode() for code in codes], dtype=np.object_), binary_data=binary
            )
            date = InferInput("prediction_date", [1], "BYTES")
            date.set_data_from_numpy(
                np.array([str(pair.online.run_date).encode()], dtype=np.object_), binary_data=binary
            )
            parameters = {"binary_data_output": binary}
            request = InferRequest("upper-circuit", [stocks, date], request_id="k", parameters=parameters)
            async with InferenceRESTClient(RESTConfig(protocol="v2", verify=False)) as client:
                return await client.infer(pair.api.url, request, model_name="upper-circuit")

        response = asyncio.run(ask())

        found = {output.name: output.as_numpy().tolist() for output in response.outputs}
        words = [each.decode() if isinstance(each, bytes) else each for each in found["confidence"]]
        assert ("k", {"requested_version": "1.1.0"}) == (response.id, response.parameters)
        assert [each["predicted_label"] for each in expected] == found["label"]
        assert [each["confidence"] for each in expected] == words
        assert [np.float32(each["probability"]) for each in expected] == [
            np.float32(each) for each in found["probability"]
        ]

    def test_the_predictor_answers_it(self, pair: Pair) -> None:
        """Features in, scores and contributions out."""
        from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

        async def ask() -> Any:
            tensor = InferInput("features", [2, 25], "FP32")
            tensor.set_data_from_numpy(np.full((2, 25), 0.5, np.float32), binary_data=True)
            parameters = {"feature_fingerprint": FINGERPRINT, "contributions": True}
            request = InferRequest("upper-circuit", [tensor], request_id="k", parameters=parameters)
            async with InferenceRESTClient(RESTConfig(protocol="v2", verify=False)) as client:
                return await client.infer(pair.predictor.url, request, model_name="upper-circuit")

        response = asyncio.run(ask())

        found = {output.name: output.as_numpy() for output in response.outputs}
        assert {"probability": (2,), "contributions": (2, 26), "margin": (2,)} == {
            name: values.shape for name, values in found.items()
        }
        assert found["margin"].tolist() == pytest.approx(
            found["contributions"].sum(axis=1).tolist(), abs=1e-4
        )
