"""What holds for every request, whichever way it takes."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import numpy as np
import pytest

from tests.factories.batch import LittleMarket
from tests.factories.predictor_doubles import hanging_up, refusing
from tests.factories.servers import said, served
from tests.factories.transformers import Desk, at_a_desk, desk
from transformer import app, edge, mornings
from transformer.errors import INTERNAL
from upper_circuit.oip import arrival, contract
from upper_circuit.oip.codec import decode_response, encode_request
from upper_circuit.oip.messages import InferRequest, Wanted
from upper_circuit.oip.tensors import Tensor


def asked(little: LittleMarket, code: str = "500002", **more: Any) -> dict[str, Any]:
    """A right question."""
    return {"bse_code": code, "prediction_date": str(little.run_date), **more}


def tensors(codes: list[str], dates: list[Any], **more: Any) -> dict[str, Any]:
    """An inference in JSON."""
    return {
        "inputs": [
            {"name": "bse_code", "datatype": "BYTES", "shape": [len(codes)], "data": codes},
            {
                "name": "prediction_date",
                "datatype": "BYTES",
                "shape": [len(dates)],
                "data": [*map(str, dates)],
            },
        ],
        **more,
    }


def head(length: int, more: bytes = b"") -> bytes:
    """A question's headers, as they stand on the wire."""
    return (
        b"POST /api/v1/predict HTTP/1.1\r\nhost: desk\r\ncontent-type: application/json\r\n%bcontent-length: %d\r\n\r\n"
        % (more, length)
    )


class TestSummary:
    """One line a request, and numbers."""

    def test_it_says_what_a_person_will_ask(self, little: LittleMarket) -> None:
        """Which route, how it ended, how long, who, under which ids, by which model and call."""

        async def work(at: Desk) -> None:
            await at.ask(asked(little), **{"x-correlation-id": "desk-1"})

            [line] = at.logged()
            assert {
                "event", "level", "timestamp", "status", "route", "method", "ms", "client", "correlation_id",
                "trace_id", "rows", "model_version", "hop",
            } == set(line)  # fmt: skip
            assert ("/api/v1/predict", "POST", 200, "10.1.2.3", "desk-1", 1, "1.0.0", "desk-1") == (
                line["route"], line["method"], line["status"], line["client"], line["correlation_id"],
                line["rows"], line["model_version"], line["hop"],
            )  # fmt: skip

        at_a_desk(little.folder, work)

    def test_a_refusal_is_told_by_its_code(self, little: LittleMarket) -> None:
        """Not by the stock: that is nobody's business at this level."""

        async def work(at: Desk) -> None:
            await at.ask(asked(little, "999999"))
            await at.client.get("/nothing/here")

            first, second = at.logged()
            assert (404, "STOCK_NOT_FOUND") == (first["status"], first["error"])
            assert (404, "other") == (second["status"], second["route"])
            assert "999999" not in json.dumps(first)

        at_a_desk(little.folder, work)

    def test_probes_are_counted_and_not_told(self, little: LittleMarket) -> None:
        """Else they would be most of the log."""

        async def work(at: Desk) -> None:
            for path in ("/api/v1/health", "/api/v1/health/ready", "/metrics", "/v2/health/live"):
                assert 200 == (await at.client.get(path)).status_code

            assert [] == at.logged()
            assert 1 == at.metrics.get_sample_value(
                "http_requests_total", {"route": "/metrics", "method": "GET", "status": "200"}
            )

        at_a_desk(little.folder, work)

    def test_strange_paths_and_methods_make_no_new_series(self, little: LittleMarket) -> None:
        """Or a stranger could fill everybody's memory."""

        async def work(at: Desk) -> None:
            for number in range(5):
                await at.client.request(f"ODD{number}", f"/path/{number}")
                await at.client.get(f"/api/v1/stocks/{number}/why")

            assert 5 == at.metrics.get_sample_value(
                "http_requests_total", {"route": "other", "method": "other", "status": "404"}
            )
            assert 5 == at.metrics.get_sample_value(
                "http_requests_total",
                {"route": "/api/v1/stocks/{bse_code}/why", "method": "GET", "status": "400"},
            )
            assert 0 == at.metrics.get_sample_value("http_requests_in_flight")

        at_a_desk(little.folder, work)

    def test_other_lines_of_a_request_carry_its_id(
        self, little: LittleMarket, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever is logged below."""
        from upper_circuit.telemetry import logs

        found: list[Any] = []

        async def work(at: Desk) -> None:
            async def spying(_headers: Any, _body: bytes) -> Any:
                found.append(logs._add_ids(None, "", {}))
                raise ZeroDivisionError

            at.edge._hot = {"/api/v1/predict": spying}
            await at.ask({}, **{"x-correlation-id": "desk-1"})

        at_a_desk(little.folder, work)

        assert [{"correlation_id": "desk-1"}] == found
        assert "request.failed" in caplog.messages


class TestFailures:
    """Whoever's fault it is, the caller gets an answer."""

    @pytest.mark.parametrize(
        ("instead", "status", "code", "retry_after"),
        [
            (refusing(503, "Model loading, retry in 5s", **{"retry-after": "5"}), 503, "MODEL_LOADING", "5"),
            (refusing(503, "no version is promoted", **{"retry-after": "30"}), 503, "PREDICTOR_UNAVAILABLE", "30"),
            (hanging_up, 503, "PREDICTOR_UNAVAILABLE", "1"),
            (refusing(400, "feature fingerprint"), 502, "PREDICTOR_DISAGREES", None),
            (refusing(500, "internal error"), 502, "PREDICTOR_BAD_ANSWER", None),
        ],
        ids=["loading", "none", "gone", "fingerprint", "defect"],
    )  # fmt: skip
    def test_the_predictors_are_told_by_cause(
        self, little: LittleMarket, instead: Any, status: int, code: str, retry_after: str | None
    ) -> None:
        """In both languages, with Retry-After where waiting helps."""

        async def work(at: Desk) -> None:
            at.predictor.instead = instead

            ours = await at.ask(asked(little))
            batch = await at.ask([asked(little)], "/api/v1/batch_predict")
            protocol = await at.ask(tensors(["500002"], [little.run_date]), contract.INFER_PATH)

            assert [status] * 3 == [ours.status_code, batch.status_code, protocol.status_code]
            assert [retry_after] * 3 == [each.headers.get("retry-after") for each in (ours, batch, protocol)]
            assert code == ours.json()["error"] == batch.json()["error"]
            assert ["error"] == list(protocol.json())
            assert protocol.json()["error"] == ours.json()["message"]

        at_a_desk(little.folder, work)

    def test_a_predictor_that_hangs_is_a_504(self, little: LittleMarket) -> None:
        """After the deadline of the settings."""

        async def work(at: Desk) -> None:
            at.predictor.gate.clear()

            response = await at.ask(asked(little))

            assert (504, "PREDICTOR_TIMEOUT") == (response.status_code, response.json()["error"])

        at_a_desk(little.folder, work, predictor_deadline_seconds=0.1)

    @pytest.mark.parametrize("path", ["/api/v1/predict", "/v2/models/upper-circuit/infer"])
    def test_a_defect_of_ours_tells_nothing_of_the_inside(
        self, little: LittleMarket, caplog: pytest.LogCaptureFixture, path: str
    ) -> None:
        """500 with the correlation id, by which the log has the rest."""

        async def work(at: Desk) -> None:
            async def broken(_headers: Any, _body: bytes) -> Any:
                raise RuntimeError("the secret of the house")

            at.edge._hot = {path: broken}
            response = await at.ask({}, path)

            assert 500 == response.status_code
            assert "secret" not in response.text
            assert INTERNAL in response.text
            assert response.headers["x-correlation-id"]

        with caplog.at_level(logging.ERROR):
            at_a_desk(little.folder, work)

        assert "the secret of the house" in caplog.text

    def test_a_defect_behind_fastapi_too(self, little: LittleMarket) -> None:
        """FastAPI raises it on, and the edge answers."""

        async def work(at: Desk) -> None:
            at.transformer.models.manifests = None  # type: ignore[assignment,method-assign]

            response = await at.client.get("/api/v1/models")

            assert (500, "INTERNAL_ERROR") == (response.status_code, response.json()["error"])

        at_a_desk(little.folder, work)

    def test_a_fallback_stands_in_every_answer(self, little: LittleMarket) -> None:
        """What was asked for, what was served, and why."""

        async def work(at: Desk) -> None:
            async def instead(_request: Any, _body: bytes) -> Any:
                said = {"requested_version": "1.1.0", "fallback_because": "damaged"}
                return at.predictor.answer(at.predictor.calls[-1].rows, parameters=said)

            at.predictor.instead = instead
            ours = (await at.ask(asked(little))).json()
            protocol = (await at.ask(tensors(["500002"], [little.run_date]), contract.INFER_PATH)).json()

            assert ("1.0.0", "1.1.0", "damaged") == (
                ours["model_version"], ours["requested_model_version"], ours["fallback_because"],
            )  # fmt: skip
            assert {"requested_version": "1.1.0", "fallback_because": "damaged"} == protocol["parameters"]
            assert "1.1.0" == at.logged()[0]["requested_version"]

        at_a_desk(little.folder, work)


class TestBodies:
    """In time, in bounds."""

    def test_a_body_in_pieces_is_read(self, little: LittleMarket) -> None:
        """Without a length, as it comes."""

        async def work(at: Desk) -> None:
            body = json.dumps(asked(little)).encode()

            async def pieces() -> Any:
                for at_byte in range(len(body)):
                    yield body[at_byte : at_byte + 1]

            response = await at.client.post(
                "/api/v1/predict", content=pieces(), headers={"content-type": "application/json"}
            )

            assert 200 == response.status_code

        at_a_desk(little.folder, work)

    def test_one_without_end_is_cut_off(self, little: LittleMarket) -> None:
        """As soon as it is too large, whatever was announced."""

        async def work(at: Desk) -> None:
            sent = []

            async def pieces() -> Any:
                for number in range(1000):
                    sent.append(number)
                    yield b" " * 1024

            response = await at.client.post("/api/v1/predict", content=pieces())

            assert (413, "BODY_TOO_LARGE") == (response.status_code, response.json()["error"])
            assert len(sent) < 70

        at_a_desk(little.folder, work)

    def test_one_that_does_not_come_is_not_waited_for(
        self, little: LittleMarket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """408 after a while; a caller that goes away meanwhile gets nothing."""
        monkeypatch.setattr(arrival, "BODY_PATIENCE", 0.05)

        async def work(at: Desk) -> None:
            late = await _asgi(at, [{"type": "http.request", "body": b"{", "more_body": True}])
            gone = await _asgi(at, [{"type": "http.disconnect"}])
            gone_later = await _asgi(
                at, [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
            )

            assert 408 == late[0]["status"]
            assert [] == gone == gone_later
            assert [408, 499, 499] == [line["status"] for line in at.logged()]

        at_a_desk(little.folder, work)

    @pytest.mark.parametrize("sent", [[], [b'{"bse_']], ids=["headers only", "a part"])
    def test_headers_without_their_body_are_answered_all_the_same(
        self, little: LittleMarket, sent: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """On a real connection, which then ends: its next bytes could be the rest of the body."""
        monkeypatch.setattr(arrival, "BODY_PATIENCE", 0.05)

        async def work(at: Desk) -> None:
            async with served(at.edge) as port:
                told = await said(port, head(50), *sent)

            assert told.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in told
            assert b'"BODY_LATE"' in told
            assert [408] == [line["status"] for line in at.logged()]

        at_a_desk(little.folder, work)

    def test_a_body_that_comes_after_its_headers_is_waited_for(self, little: LittleMarket) -> None:
        """As many clients send it."""
        body = json.dumps(asked(little)).encode()

        async def work(at: Desk) -> None:
            async with served(at.edge) as port:
                told = await said(port, head(len(body), b"connection: close\r\n"), body)

            assert told.startswith(b"HTTP/1.1 200 ")

        at_a_desk(little.folder, work)

    def test_other_routes_take_small_bodies(self, little: LittleMarket) -> None:
        """Also those that need none."""

        async def work(at: Desk) -> None:
            response = await at.client.post("/api/v1/models/reload", content=b"x" * 100_000)

            assert 413 == response.status_code

        at_a_desk(little.folder, work)

    def test_head_is_answered_without_a_body(self, little: LittleMarket) -> None:
        """Also where it is refused."""

        async def work(at: Desk) -> None:
            response = await at.client.head("/api/v1/predict", headers={"content-length": "100000"})

            assert (413, b"") == (response.status_code, response.content)

        at_a_desk(little.folder, work)


async def _asgi(at: Desk, messages: list[dict[str, Any]]) -> list[Any]:
    """What the edge sends when a connection says this and then nothing more."""
    sent: list[Any] = []
    scope: Any = {"type": "http", "method": "POST", "path": "/api/v1/predict", "headers": [], "client": None}

    async def receive() -> Any:
        return messages.pop(0) if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await at.edge(scope, receive, send)
    return sent


class TestProtocol:
    """The Open Inference Protocol on the transformer."""

    def test_codes_go_in_and_scores_come_out(self, little: LittleMarket) -> None:
        """One date for all, or one each; the id comes back."""

        async def work(at: Desk) -> None:
            codes = ["500003", "500002"]
            one = await at.ask(tensors(codes, [little.run_date], id="7"), contract.INFER_PATH)
            each = await at.ask(tensors(codes, [little.run_date] * 2), contract.INFER_PATH)

            told = one.json()
            rows = at.predictor.calls[0].rows[:, 0] / np.float32(100)
            assert ("upper-circuit", "1.0.0", "7") == (told["model_name"], told["model_version"], told["id"])
            assert ["probability", "label", "confidence"] == [output["name"] for output in told["outputs"]]
            assert rows.tolist() == told["outputs"][0]["data"]
            assert told["outputs"] == each.json()["outputs"]
            assert each.headers["x-correlation-id"] == each.json()["id"]

        at_a_desk(little.folder, work)

    def test_raw_tensors_go_in_and_out(self, little: LittleMarket) -> None:
        """The binary extension, for those outputs that are asked for."""

        async def work(at: Desk) -> None:
            inputs = (
                Tensor("bse_code", ("500003", "500002")),
                Tensor("prediction_date", (str(little.run_date),)),
            )
            outputs = (Wanted("confidence", binary=True), Wanted("probability", binary=True), Wanted("label"))
            body, length = encode_request(InferRequest(inputs, outputs=outputs), binary=True)
            headers = {"content-type": "application/octet-stream", contract.HEADER_LENGTH: str(length)}

            response = await at.send(body, contract.INFER_PATH, **headers)

            assert "application/octet-stream" == response.headers["content-type"]
            found = decode_response(response.content, int(response.headers[contract.HEADER_LENGTH]))
            assert ["confidence", "probability", "label"] == [each.name for each in found.outputs]
            assert 2 == len(found.output(contract.PROBABILITY).values)

        at_a_desk(little.folder, work)

    @pytest.mark.parametrize(
        ("document", "status", "told"),
        [
            (lambda d: tensors([], [d]), 400, "no rows"),
            (lambda d: tensors(["500002"], [d, d]), 400, "2 values for 1 stocks"),
            (lambda _: tensors(["500002"], []), 400, "0 values"),
            (lambda d: tensors(["50000"], [d]), 400, "six digits"),
            (lambda _: tensors(["500002"], ["today"]), 400, "a date such as"),
            (lambda _: tensors(["500002"], ["2023-01-07"]), 400, "session"),
            (lambda d: tensors(["999999"], [d]), 404, "999999"),
            (lambda d: tensors(["500002"] * 5000, [d]), 400, "4096"),
            (lambda d: tensors(["500002"], [d], outputs=[{"name": "margin"}]), 400, "margin"),
            (lambda _: {"inputs": []}, 400, "bse_code"),
            (lambda _: {}, 400, "inputs"),
            (lambda _: [], 400, "object"),
        ],
    )
    def test_what_is_wrong_is_told_in_its_error_object(
        self, little: LittleMarket, document: Any, status: int, told: str
    ) -> None:
        """The whole request, as the protocol has no errors for single rows."""

        async def work(at: Desk) -> None:
            response = await at.ask(document(little.run_date), contract.INFER_PATH)

            assert status == response.status_code
            assert ["error"] == list(response.json())
            assert told in response.json()["error"]

        at_a_desk(little.folder, work)

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"content-type": "text/html"}, 415),
            ({"content-encoding": "gzip"}, 415),
            ({"content-type": "application/octet-stream"}, 400),
            ({contract.HEADER_LENGTH: "-1"}, 400),
            ({contract.HEADER_LENGTH: "9" * 20}, 400),
            ({contract.HEADER_LENGTH: "100000"}, 400),
        ],
    )
    def test_headers_that_do_not_fit(
        self, little: LittleMarket, headers: dict[str, str], status: int
    ) -> None:
        """A clear refusal each."""

        async def work(at: Desk) -> None:
            body = json.dumps(tensors(["500002"], [little.run_date])).encode()

            response = await at.send(body, contract.INFER_PATH, **headers)

            assert status == response.status_code

        at_a_desk(little.folder, work)

    def test_model_ready_means_an_answer_now(self, little: LittleMarket) -> None:
        """The server is ready without a model, the model is not."""

        async def work(at: Desk) -> None:
            well = await at.client.get(contract.READY_PATH)
            at.predictor.is_ready = False
            at.transformer.models.forget()
            without = await at.client.get(contract.READY_PATH)
            server = await at.client.get("/v2/health/ready")

            assert {"name": "upper-circuit", "ready": True} == well.json()
            assert (503, ["error"]) == (without.status_code, list(without.json()))
            assert (200, {"ready": True}) == (server.status_code, server.json())

        at_a_desk(little.folder, work)

    def test_the_repository_is_closed(self, little: LittleMarket) -> None:
        """Whatever the method and the path below it."""

        async def work(at: Desk) -> None:
            for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
                for path in ("models/upper-circuit/unload", "index", "x", ""):
                    response = await at.client.request(method, f"/v2/repository/{path}")
                    assert 403 == response.status_code
                    assert method == "HEAD" or ["error"] == list(response.json())

        at_a_desk(little.folder, work)


class TestAdmin:
    """Reloading, by those who may."""

    def test_without_a_token_of_its_own_it_is_off(self, little: LittleMarket) -> None:
        """Whatever the caller shows."""

        async def work(at: Desk) -> None:
            response = await at.ask(None, "/api/v1/models/reload", authorization="Bearer x")

            assert (403, "ADMIN_OFF") == (response.status_code, response.json()["error"])

        at_a_desk(little.folder, work)

    @pytest.mark.parametrize(
        ("answer", "status", "replica"),
        [
            ((200, {"result": "swapped", "model_version": "1.1.0", "previous_version": "1.0.0", "fallback_because": None}),
             200, {"result": "swapped", "model_version": "1.1.0", "previous_version": "1.0.0"}),
            ((503, {"error": "no usable model"}), 502, {"result": "failed", "because": "no usable model"}),
            ((401, {}), 502, {"result": "failed", "because": "status 401"}),
        ],
        ids=["swapped", "none usable", "another token"],
    )  # fmt: skip
    def test_every_replica_is_reported(
        self, little: LittleMarket, answer: Any, status: int, replica: dict[str, str]
    ) -> None:
        """And one that failed makes the whole a failure."""

        async def work(at: Desk) -> None:
            at.predictor.reload = answer

            response = await at.ask(None, "/api/v1/models/reload", authorization="Bearer t")

            told = response.json()
            assert status == response.status_code
            assert [{"replica": at.predictor.url, **replica}] == told["replicas"]
            assert ("RELOAD_FAILED" if status != 200 else None) == told.get("error")

        at_a_desk(little.folder, work, admin_token="t")  # noqa: S106

    def test_a_replica_that_is_away_is_reported(self, little: LittleMarket) -> None:
        """With the reason."""

        async def work(at: Desk) -> None:
            response = await at.ask(None, "/api/v1/models/reload", authorization="Bearer t")

            assert 502 == response.status_code
            assert "127.0.0.1" in response.json()["replicas"][0]["because"]

        at_a_desk(little.folder, work, admin_token="t", predictor_urls=("http://127.0.0.1:1",))  # noqa: S106


class TestModels:
    """What the registry holds, by way of the predictor."""

    def test_it_is_asked_once_in_five_minutes(self, little: LittleMarket) -> None:
        """And again after a reload."""

        async def work(at: Desk) -> None:
            before = (await at.client.get("/api/v1/models")).json()
            at.predictor.version = "1.1.0"
            kept = (await at.client.get("/api/v1/models")).json()
            await at.ask(None, "/api/v1/models/reload", authorization="Bearer t")
            after = (await at.client.get("/api/v1/models")).json()

            assert ["1.0.0", "1.0.0", "1.1.0"] == [each["model_version"] for each in (before, kept, after)]

        at_a_desk(little.folder, work, admin_token="t")  # noqa: S106

    @pytest.mark.parametrize(
        ("registry", "code"), [({"no": "versions"}, "PREDICTOR_BAD_ANSWER"), ([], "PREDICTOR_BAD_ANSWER")]
    )
    def test_nonsense_is_not_handed_on(self, little: LittleMarket, registry: Any, code: str) -> None:
        """Nor kept."""

        async def work(at: Desk) -> None:
            at.predictor.registry = registry
            response = await at.client.get("/api/v1/models")
            at.predictor.registry = None

            assert (502, code) == (response.status_code, response.json()["error"])
            assert 200 == (await at.client.get("/api/v1/models")).status_code

        at_a_desk(little.folder, work)

    def test_a_predictor_that_is_away_is_a_503(self, little: LittleMarket) -> None:
        """It will be back."""

        async def work(at: Desk) -> None:
            response = await at.client.get("/api/v1/models")

            assert (503, "PREDICTOR_UNAVAILABLE") == (response.status_code, response.json()["error"])

        at_a_desk(little.folder, work, predictor_urls=("http://127.0.0.1:1",))


class TestLife:
    """Start, readiness, end."""

    def test_it_is_unready_until_the_market_was_read_and_while_it_ends(self, little: LittleMarket) -> None:
        """Alive all the time; while it ends, connections are not kept."""

        async def work(at: Desk) -> None:
            at.transformer.drain()

            ready = await at.client.get("/api/v1/health/ready")
            live = await at.client.get("/api/v1/health/live")
            answer = await at.ask(asked(little))

            assert (503, "NOT_READY") == (ready.status_code, ready.json()["error"])
            assert [200, 200] == [live.status_code, answer.status_code]
            assert "close" == answer.headers["connection"]

        at_a_desk(little.folder, work)

    def test_without_a_database_it_waits_unready(self, tmp_path: Any) -> None:
        """And says which command is missing."""

        async def main() -> None:
            from tests.factories.transformers import desk

            async with desk(tmp_path) as at:
                await asyncio.sleep(0)
                ready = await at.client.get("/api/v1/health/ready")
                answer = await at.ask({"bse_code": "500001", "prediction_date": "2024-11-14"})
                while "upgrade" not in str(at.transformer.mornings.trouble):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                health = await at.client.get("/api/v1/health")

                assert (503, 503) == (ready.status_code, answer.status_code)
                assert "DATABASE_UNAVAILABLE" == answer.json()["error"]
                assert (503, "unhealthy") == (health.status_code, health.json()["status"])
                assert "database upgrade" in health.json()["problems"][0]

        asyncio.run(main())

    def test_a_background_task_that_ends_makes_it_not_alive(
        self, little: LittleMarket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Kubernetes starts it anew; the reason is in the log."""

        def broken(*_: Any) -> None:
            raise RuntimeError("a defect")

        async def work(at: Desk) -> None:
            monkeypatch.setattr(mornings, "_changed", broken)
            while (await at.client.get("/api/v1/health/live")).status_code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            protocol = await at.client.get("/v2/health/live")

            assert (503, ["error"]) == (protocol.status_code, list(protocol.json()))

        at_a_desk(little.folder, work, data_poll_seconds=0.05)

        assert "background.ended" in caplog.messages

    def test_its_life_is_that_of_the_server(self, little: LittleMarket) -> None:
        """ASGI's lifespan starts and stops it; websockets are none of its business."""

        async def work(at: Desk) -> None:
            events: list[str] = []
            sent: list[Any] = []

            async def start() -> None:
                events.append("start")

            async def stop() -> None:
                events.append("stop")

            async def app(scope: Any, _receive: Any, _send: Any) -> None:
                events.append(scope["type"])

            async def receive() -> Any:
                return {}

            async def send(message: Any) -> None:
                sent.append(message["type"])

            made = edge.Edge(app, {}, at.edge._guards, start, stop)
            await made({"type": "lifespan"}, receive, send)
            await made({"type": "websocket"}, receive, send)

            assert ["start", "stop", "websocket"] == events
            assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == sent

        at_a_desk(little.folder, work)

    def test_a_predictors_name_is_resolved_again_and_again(self, little: LittleMarket) -> None:
        """Its addresses are the replicas."""

        async def work(at: Desk) -> None:
            while not len(at.transformer.predictors.replicas):  # noqa: ASYNC110
                await asyncio.sleep(0.005)

            assert ["http://127.0.0.1:1"] == [each.url for each in at.transformer.predictors.replicas]

        at_a_desk(little.folder, work, predictor_host="127.0.0.1:1")

    def test_it_is_ready_once_it_knows_where_a_predictor_is(
        self, little: LittleMarket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name without an address is looked up again at once; an address that is lost later changes nothing."""
        found: list[tuple[str, ...]] = [(), (), ("http://127.0.0.1:1",), ()]
        looked_up: list[str] = []

        async def addresses(host: str) -> tuple[str, ...]:
            looked_up.append(host)
            return found[min(len(looked_up), len(found)) - 1]

        async def main() -> None:
            async with desk(little.folder, predictor_host="predictor") as at:
                told = []
                while (answer := await at.client.get("/api/v1/health/ready")).status_code == 503:
                    told.append(answer.json()["message"])
                    await asyncio.sleep(0.002)
                assert "the predictor's name has not resolved to an address yet" == told[-1]
                assert ["predictor"] * 3 == looked_up[:3]

                while len(looked_up) < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
                assert 200 == (await at.client.get("/api/v1/health/ready")).status_code

        monkeypatch.setattr(app, "addresses", addresses)
        monkeypatch.setattr(app, "UNRESOLVED_SECONDS", 0.5)
        monkeypatch.setattr(app, "RESOLVE_SECONDS", 0.01)
        asyncio.run(main())
