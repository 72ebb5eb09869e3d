"""The real predictor on loopback, asked by plain HTTP and by KServe's own client."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import numpy as np
import pytest
import requests

from tests.factories.broken_models import MALFORMED, damaged
from tests.factories.models import booster, manifest, rows, signed, write_model
from tests.factories.predictors import as_json, features
from tests.factories.processes import ROOT, Program, predictor, wait_until
from tests.factories.registries import Shelf, facts
from upper_circuit.features import FINGERPRINT
from upper_circuit.oip import contract
from upper_circuit.oip.codec import decode_response, encode_request
from upper_circuit.oip.messages import InferResponse

TOKEN = "a-token-for-tests"  # noqa: S105


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """1.0.0, promoted, and 1.1.0, made for the program's own features."""
    root = tmp_path_factory.mktemp("registry") / "models"
    return Shelf(root, fingerprint=FINGERPRINT).put("1.0.0", "1.1.0").promote("1.0.0")


@pytest.fixture(scope="module")
def served(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A predictor that is ready, with a token for reloading."""
    settings = {
        "MODEL_REGISTRY_PATH": str(shelf.registry.root),
        "MODEL_LOAD_BEFORE_READY": "true",
        "ADMIN_TOKEN": TOKEN,
    }
    with predictor(tmp_path_factory.mktemp("served"), **settings) as started:
        started.wait_for("/v2/health/ready")
        yield started


def request_for(matrix: Any = None, **parameters: Any) -> bytes:
    """A right request as JSON."""
    return as_json(features(matrix, **{"feature_fingerprint": FINGERPRINT, **parameters}))


def infer(program: Program, body: bytes, **headers: str) -> requests.Response:
    """POST to the hot route over a connection of its own."""
    kind = {"content-type": "application/json"}
    return requests.post(
        program.url + contract.INFER_PATH, data=body, headers={**kind, **headers}, timeout=60
    )


def answered(response: requests.Response) -> InferResponse:
    """A right answer, decoded."""
    assert 200 == response.status_code, response.text
    length = response.headers.get(contract.HEADER_LENGTH)
    return decode_response(response.content, int(length) if length else None)


def probabilities(version: str, matrix: Any) -> list[float]:
    """What XGBoost and the calibration give for a version."""
    import xgboost

    model, about = facts(version, FINGERPRINT)
    forest = xgboost.Booster()
    forest.load_model(bytearray(model))
    margins = forest.predict(xgboost.DMatrix(matrix), output_margin=True, validate_features=False)
    found: list[float] = about.calibration.probability(margins).tolist()
    return found


class TestAnswers:
    """Numbers, in both encodings."""

    @pytest.mark.parametrize("binary", [False, True], ids=["json", "raw"])
    def test_they_are_xgboosts_own_to_the_last_bit(self, served: Program, binary: bool) -> None:
        """Through sockets, threads and codec."""
        matrix = rows(300)
        asked = features(matrix, feature_fingerprint=FINGERPRINT, binary_data_output=binary)
        body, length = encode_request(asked, binary=binary)
        headers = (
            {contract.HEADER_LENGTH: str(length), "content-type": "application/octet-stream"}
            if length
            else {}
        )

        found = answered(infer(served, body, **headers))

        assert probabilities("1.0.0", matrix) == found.output(contract.PROBABILITY).values.tolist()  # type: ignore[union-attr]
        assert "1.0.0" == found.model_version

    def test_kserves_own_client_reads_them(self, served: Program, monkeypatch: pytest.MonkeyPatch) -> None:
        """JSON and raw, and its questions about readiness: a reading of the protocol that is not ours."""
        monkeypatch.setattr(sys, "argv", ["client"])  # importing kserve parses it
        from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

        matrix = np.nan_to_num(rows(7))

        async def ask(binary: bool) -> Any:
            tensor = InferInput("features", [7, 25], "FP32")
            tensor.set_data_from_numpy(matrix, binary_data=binary)
            parameters = {"feature_fingerprint": FINGERPRINT, "binary_data_output": binary}
            request = InferRequest("upper-circuit", [tensor], request_id="k", parameters=parameters)
            async with InferenceRESTClient(RESTConfig(protocol="v2", verify=False)) as client:
                state = (
                    await client.is_server_live(served.url),
                    await client.is_server_ready(served.url),
                    await client.is_model_ready(served.url, "upper-circuit"),
                )
                return state, await client.infer(served.url, request, model_name="upper-circuit")

        for binary in (False, True):
            state, response = asyncio.run(ask(binary))

            [output] = response.outputs
            assert (True, True, True) == state
            assert probabilities("1.0.0", matrix) == output.as_numpy().astype(np.float32).tolist()
            assert ("k", "upper-circuit", {"requested_version": "1.0.0"}) == (
                response.id, response.model_name, response.parameters,
            )  # fmt: skip

    def test_features_of_other_formulas_are_refused_by_name(self, served: Program) -> None:
        """Both fingerprints stand in the answer."""
        response = infer(served, request_for(feature_fingerprint="beef"))

        assert 400 == response.status_code
        assert "beef" in response.json()["error"]
        assert FINGERPRINT in response.json()["error"]


TENSOR = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {"type": "array", "items": {"type": ["number", "string", "boolean"]}},
        "parameters": {"type": "object"},
    },
}
TEXTS = {"type": "array", "items": {"type": "string"}}
PROTOCOL = {
    "/v2": {
        "required": ["name", "version", "extensions"],
        "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "extensions": TEXTS},
    },
    "/v2/models/upper-circuit": {
        "required": ["name", "platform"],
        "properties": {
            "name": {"type": "string"},
            "platform": {"type": "string"},
            "versions": TEXTS,
            "inputs": {"type": "array", "items": TENSOR},
            "outputs": {"type": "array", "items": TENSOR},
        },
    },
    "/v2/models/upper-circuit/ready": {
        "required": ["name", "ready"],
        "properties": {"name": {"type": "string"}, "ready": {"const": True}},
    },
    "/v2/health/live": {"required": ["live"], "properties": {"live": {"const": True}}},
    "/v2/health/ready": {"required": ["ready"], "properties": {"ready": {"const": True}}},
    contract.INFER_PATH: {
        "required": ["model_name", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "parameters": {
                "type": "object",
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
            "outputs": {"type": "array", "items": {**TENSOR, "required": [*TENSOR["required"], "data"]}},
        },
    },
}
"""The objects of the Open Inference Protocol's REST specification, from its text."""


class TestProtocol:
    """What the specification says of each route."""

    @pytest.mark.parametrize("path", [path for path in PROTOCOL if path != contract.INFER_PATH])
    def test_answers_are_objects_of_the_protocol(self, served: Program, path: str) -> None:
        """Not one null among them."""
        response = served.get(path)

        assert 200 == response.status_code
        jsonschema.validate(response.json(), {"type": "object", **PROTOCOL[path]})

    def test_an_inference_is_too(self, served: Program) -> None:
        """With contributions, so with three tensors."""
        response = infer(served, request_for(contributions=True))

        jsonschema.validate(response.json(), {"type": "object", **PROTOCOL[contract.INFER_PATH]})
        assert 3 == len(response.json()["outputs"])

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/v2/models/another", 404),
            ("GET", "/v2/models/another/ready", 404),
            ("POST", "/v2/models/another/infer", 404),
            ("GET", "/v2/models/upper-circuit/versions/1.0.0", 501),
            ("POST", "/v2/models/upper-circuit/versions/1.0.0/infer", 501),
            ("GET", contract.INFER_PATH, 405),
            ("GET", "/nothing/here", 404),
            ("POST", "/v1/models/upper-circuit:predict", 501),
            ("POST", "/v2/repository/models/upper-circuit/unload", 403),
        ],
    )  # fmt: skip
    def test_what_is_not_there_is_told_in_the_protocols_error_object(
        self, served: Program, method: str, path: str, status: int
    ) -> None:
        """KServe's and FastAPI's own refusals included."""
        body = request_for() if path.endswith("infer") else b'{"instances": []}'
        given = {} if method == "GET" else {"data": body, "headers": {"content-type": "application/json"}}

        response = served.session.request(method, served.url + path, timeout=10, **given)  # type: ignore[arg-type]

        assert status == response.status_code
        assert ["error"] == list(response.json())
        assert "Traceback" not in response.text

    def test_a_v1_client_cannot_take_the_model_away(self, served: Program) -> None:
        """After all of the above it still answers."""
        answered(infer(served, request_for()))

    def test_a_request_that_pydantic_refuses_is_a_400(self, served: Program) -> None:
        """Not FastAPI's 422 with its own shape."""
        response = requests.post(served.url + "/v2/models/another/infer", json={"inputs": 7}, timeout=10)

        assert 400 == response.status_code
        assert ["error"] == list(response.json())


class TestHostileRequests:
    """Nothing that comes in breaks it, and nothing stays in memory."""

    @pytest.mark.parametrize(
        ("body", "headers", "status"),
        [
            (b"x" * 10_000_000, {}, 413),
            (b"[" * 3_000_000, {}, 400),
            (b'{"inputs": ' + b"[" * 500 + b"]" * 500 + b"}", {}, 400),
            (b"{" * 3_000_000, {}, 400),
            (b'{"inputs": [], "inputs": []}', {}, 400),
            (b"", {}, 400),
            (b"\xff\xfe", {}, 400),
            (request_for(np.full((1, 25), 8, np.float32)).replace(b"8.0", b"1e39", 1), {}, 400),
            (request_for().replace(b"[3,25]", b"[25,3]"), {}, 400),
            (request_for().replace(b"[3,25]", b"[4096,25]"), {}, 400),
            (request_for().replace(b"FP32", b"FP16"), {}, 400),
            (request_for(), {"content-type": "text/html"}, 415),
            (request_for(), {"content-encoding": "br"}, 415),
            (request_for(), {contract.HEADER_LENGTH: "5"}, 400),
            (request_for(rows(129), contributions=True), {}, 400),
        ],
        ids=[
            "10 MB", "3 MB of brackets", "deep JSON", "3 MB of braces", "key twice", "empty", "no text", "infinity",
            "shape turned", "shape beyond the data", "FP16", "html", "brotli", "header length", "much to explain",
        ],
    )  # fmt: skip
    def test_each_is_a_clear_4xx(
        self, served: Program, body: bytes, headers: dict[str, str], status: int
    ) -> None:
        """With a sentence."""
        response = infer(served, body, **headers)

        assert status == response.status_code
        assert 10 < len(response.json()["error"]) < 500

    def test_a_body_without_end_is_cut_off(self, served: Program) -> None:
        """Chunked, so nobody said how long it would be."""
        chunks = (b" " * 65536 for _ in range(1000))

        try:
            response = requests.post(
                served.url + contract.INFER_PATH,
                data=chunks,
                headers={"content-type": "application/json"},
                timeout=60,
            )
        except requests.ConnectionError:
            response = None  # cut off while it was still sending: also an answer

        assert response is None or 413 == response.status_code
        answered(infer(served, request_for()))

    def test_memory_stays_flat(self, served: Program) -> None:
        """Over three rounds of what is large."""
        large = [
            b"x" * 10_000_000,
            b"[" * 4_000_000,
            b"[1" + b",1" * 2_000_000 + b"]",
            request_for(rows(4096)),
        ]
        resident = []

        for _ in range(4):
            for body in large * 3:
                infer(served, body)
            resident.append(served.resident_megabytes())

        assert resident[-1] - resident[0] < 25, resident


class TestReloading:
    """A promoted version takes over under load."""

    def reload(self, program: Program) -> requests.Response:
        """As an operator does."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        return requests.post(program.url + contract.RELOAD_PATH, headers=headers, timeout=60)

    @pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer guess"}], ids=["none", "another"])
    def test_it_needs_the_token(self, served: Program, headers: dict[str, str]) -> None:
        """On KServe's own route nobody needs one."""
        response = requests.post(served.url + contract.RELOAD_PATH, headers=headers, timeout=10)

        assert 401 == response.status_code

    def test_no_request_fails_and_none_mixes_versions(self, served: Program, shelf: Shelf) -> None:
        """Four callers while models are swapped twenty times; SHAP values too must be of the version named."""
        matrix = rows(9)
        expected = {version: probabilities(version, matrix) for version in ("1.0.0", "1.1.0")}
        body = request_for(matrix)
        stop = threading.Event()
        found: list[tuple[int, str | None, bool]] = []

        def ask() -> None:
            with requests.Session() as session:
                while not stop.is_set():
                    response = session.post(
                        served.url + contract.INFER_PATH,
                        data=body,
                        headers={"content-type": "application/json"},
                        timeout=60,
                    )
                    answer = answered(response)
                    values = answer.output(contract.PROBABILITY).values
                    right = expected[str(answer.model_version)] == values.tolist()  # type: ignore[union-attr]
                    found.append((response.status_code, answer.model_version, right))

        with ThreadPoolExecutor(4) as threads:
            asking = [threads.submit(ask) for _ in range(4)]
            try:
                results = []
                for number in range(20):
                    shelf.promote("1.1.0" if number % 2 == 0 else "1.0.0")
                    results.append(self.reload(served).json()["result"])
            finally:
                stop.set()
        for each in asking:
            each.result()

        assert ["swapped"] * 20 == results
        assert {(200, "1.0.0", True), (200, "1.1.0", True)} == set(found)

    @pytest.mark.parametrize(
        "name", ["left child far out of range", "ring beside the tree", "deeper than recursion stands"]
    )
    def test_a_model_that_kills_xgboost_does_not_kill_the_server(
        self, served: Program, shelf: Shelf, name: str
    ) -> None:
        """Promoted with a manifest that fits: it goes on with the version before and says why."""
        model = damaged(MALFORMED[name])
        folder = shelf.folder("9.0.0")
        write_model(folder, model, signed(facts("9.0.0", FINGERPRINT)[1], model))
        shelf.promote("9.0.0")

        told = self.reload(served).json()
        answer = answered(infer(served, request_for()))

        for each in folder.iterdir():
            each.unlink()
        folder.rmdir()
        shelf.promote("1.0.0")
        assert 200 == self.reload(served).status_code
        assert "9.0.0 failed verification (structure)" in told["fallback_because"]
        assert ("9.0.0", "1.1.0") == (answer.parameters["requested_version"], answer.model_version)

    def test_all_versions_are_told(self, served: Program) -> None:
        """What the transformer's list of models is made from."""
        found = served.get(contract.REGISTRY_PATH).json()

        assert ["1.0.0", "1.1.0"] == [each["version"] for each in found["versions"]]


class TestTelling:
    """Log and metrics of a real process."""

    def test_one_json_line_a_request_with_its_id(self, served: Program) -> None:
        """And nothing else of it: no access line, no timings, no rows."""
        infer(served, request_for(), **{"x-correlation-id": "one-of-a-kind"})

        def lines() -> list[dict[str, Any]]:
            text = served.log.read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in text if "one-of-a-kind" in line]

        wait_until(lambda: bool(lines()), within=5, otherwise=served.told)
        [line] = lines()
        assert ("inference", "info", 200, 3) == (line["event"], line["level"], line["status"], line["rows"])

    def test_every_line_of_the_log_is_json(self, served: Program) -> None:
        """Those of uvicorn and KServe too, also about a description of routes that both have; no token stands in any."""
        assert 200 == served.get("/openapi.json").status_code
        text = served.log.read_text(encoding="utf-8")

        events = {json.loads(line)["event"] for line in text.splitlines()}
        assert {"predictor.started", "model.loaded", "inference"} <= events
        assert TOKEN not in text

    def test_metrics_name_the_model(self, served: Program) -> None:
        """With its hash."""
        text = served.get("/metrics").text

        sha256 = facts("1.0.0", FINGERPRINT)[1].sha256
        assert f'sha256="{sha256}",version="1.0.0"' in text
        assert (
            'http_requests_total{method="POST",route="/v2/models/upper-circuit/infer",status="200"}' in text
        )


def test_the_first_request_loads_the_model(shelf: Shelf, tmp_path: Path) -> None:
    """503 with Retry-After until it is there; without a token reloading is off."""
    with predictor(tmp_path, MODEL_REGISTRY_PATH=str(shelf.registry.root)) as started:
        started.wait_for("/v2/health/live")
        unready = started.get("/v2/health/ready")
        first = infer(started, request_for())
        started.wait_for("/v2/health/ready")

        assert (503, {"error": "no model yet, the first request loads it"}) == (
            unready.status_code,
            unready.json(),
        )
        assert (503, {"error": "Model loading, retry in 5s"}, "5") == (
            first.status_code, first.json(), first.headers["retry-after"],
        )  # fmt: skip
        answered(infer(started, request_for()))
        assert 403 == requests.post(started.url + contract.RELOAD_PATH, timeout=10).status_code


def test_a_fallback_is_loud(shelf: Shelf, tmp_path: Path) -> None:
    """In the answer, on stderr, in the error log and in the metrics."""
    settings = {
        "PREFERRED_MODEL_VERSION": "7.7.7",
        "LOG_DIR": str(tmp_path / "logs"),
        "MODEL_LOAD_BEFORE_READY": "1",
    }
    with predictor(tmp_path, MODEL_REGISTRY_PATH=str(shelf.registry.root), **settings) as started:
        started.wait_for("/v2/health/ready")
        answer = answered(infer(started, request_for()))
        metrics = started.get("/metrics").text

    lines = (tmp_path / "logs" / "model_load_errors.log").read_text(encoding="utf-8").splitlines()
    assert ("7.7.7", "1.0.0") == (answer.parameters["requested_version"], answer.model_version)
    assert "7.7.7 is not in" in str(answer.parameters["fallback_because"])
    assert ["model.load_failed", "model.fallback"] == [json.loads(line)["event"] for line in lines]
    assert all(line.partition('"timestamp"')[0] in started.log.read_text(encoding="utf-8") for line in lines)
    assert 'model_fallbacks_total{result="served"} 1.0' in metrics
    assert "model_is_fallback 1.0" in metrics


def test_a_strict_process_never_gets_ready_without_its_version(shelf: Shelf, tmp_path: Path) -> None:
    """So a rollout stalls on it; it says why to whoever asks, and lives."""
    settings = {"PREFERRED_MODEL_VERSION": "7.7.7", "MODEL_STRICT": "true", "MODEL_LOAD_BEFORE_READY": "true"}
    with predictor(tmp_path, MODEL_REGISTRY_PATH=str(shelf.registry.root), **settings) as started:
        started.wait_for("/v2/health/live")
        wait_until(
            lambda: "MODEL_STRICT forbids" in started.get("/v2/health/ready").text,
            within=30,
            otherwise=started.told,
        )
        refused = infer(started, request_for())

        assert (503, "30") == (refused.status_code, refused.headers["retry-after"])
        assert "7.7.7 is not in" in refused.json()["error"]
        assert 200 == started.get("/v2/health/live").status_code


def test_sigterm_lets_requests_under_way_end(tmp_path: Path) -> None:
    """Readiness turns false, four slow requests are answered, the process ends with 0 within 30 s."""
    shelf = Shelf(tmp_path / "models")
    model = booster(trees=400, max_depth=6, min_child_weight=0)
    write_model(shelf.folder("1.0.0"), model, manifest(model, feature_fingerprint=FINGERPRINT))
    settings = {
        "MODEL_REGISTRY_PATH": str(shelf.promote("1.0.0").registry.root),
        "MODEL_LOAD_BEFORE_READY": "true",
    }
    body = request_for(rows(128), contributions=True)

    with predictor(tmp_path, **settings) as started, ThreadPoolExecutor(4) as threads:
        started.wait_for("/v2/health/ready")
        asking = [threads.submit(infer, started, body) for _ in range(4)]
        wait_until(
            lambda: "http_requests_in_flight 1.0" not in started.get("/metrics").text,
            within=10,
            otherwise=started.told,
        )
        started.process.terminate()
        wait_until(
            lambda: started.status("/v2/health/ready") in (503, None), within=5, otherwise=started.told
        )
        answers = [answered(each.result()) for each in asking]

        assert 0 == started.process.wait(30)
        assert 4 == len(answers)


def test_sigterm_does_not_wait_for_a_load(tmp_path: Path) -> None:
    """A version that is tried three times, with waits of half a second and more between."""
    settings = {
        "PREFERRED_MODEL_VERSION": "7.7.7",
        "MODEL_LOAD_BEFORE_READY": "true",
        "PREDICTOR_DRAIN_SECONDS": "0",
    }
    with predictor(tmp_path, MODEL_REGISTRY_PATH="nothing", **settings) as started:
        wait_until(lambda: "stamina.retry_scheduled" in started.told(), within=60, otherwise=started.told)

        started.process.terminate()

        assert 0 == started.process.wait(10)


def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    """It names the variable, the value and what is allowed; before anything slow is imported."""
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "MODEL_STRICT": "perhaps"}

    ended = subprocess.run(
        [sys.executable, "-m", "predictor"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == ended.returncode
    [line] = ended.stderr.splitlines()
    assert line.startswith(
        "predictor: MODEL_STRICT='perhaps' is not allowed: input should be a valid boolean"
    )


def test_a_log_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """Better now than when a model fails."""
    (tmp_path / "file").touch()
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "LOG_DIR": str(tmp_path / "file" / "logs")}

    ended = subprocess.run(
        [sys.executable, "-m", "predictor"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 2 == ended.returncode
    assert "predictor: LOG_DIR=" in ended.stderr
