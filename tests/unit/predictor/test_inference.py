"""The hot route, from bytes to bytes."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import httpx
import numpy as np
import pytest

from predictor import scoring
from tests.factories.models import FINGERPRINT, rows
from tests.factories.predictors import Desk, as_json, at_a_desk, desk, features
from tests.factories.registries import Shelf, facts
from tests.factories.servers import said, served
from upper_circuit.oip import arrival, contract
from upper_circuit.oip.codec import decode_response, encode_request
from upper_circuit.oip.messages import InferRequest, InferResponse, Wanted
from upper_circuit.oip.tensors import Tensor


def answered(response: httpx.Response) -> InferResponse:
    """A right answer, decoded."""
    assert 200 == response.status_code, response.text
    length = response.headers.get(contract.HEADER_LENGTH)
    return decode_response(response.content, int(length) if length else None)


def expected(version: str, matrix: Any) -> tuple[Any, Any, Any]:
    """Probability, contributions and margin as XGBoost itself gives them."""
    import xgboost

    model, about = facts(version)
    forest = xgboost.Booster()
    forest.load_model(bytearray(model))
    data = xgboost.DMatrix(matrix)
    margins = forest.predict(data, output_margin=True, validate_features=False)
    contributions = forest.predict(data, pred_contribs=True, validate_features=False)
    return about.calibration.probability(margins), contributions, margins


def test_probabilities_are_those_of_xgboost_and_the_calibration(shelf: Shelf) -> None:
    """To the last bit; missing values travel as null."""
    matrix = rows(50)

    async def work(one: Desk) -> None:
        found = answered(await one.infer(as_json(features(matrix))))

        assert expected("1.0.0", matrix)[0].tolist() == found.output(contract.PROBABILITY).values.tolist()  # type: ignore[union-attr]
        assert ("upper-circuit", "1.0.0", "7") == (found.model_name, found.model_version, found.id)
        assert {"requested_version": "1.0.0"} == dict(found.parameters)
        assert 1 == len(found.outputs)

    at_a_desk(shelf, work)


def test_contributions_and_margin_come_when_asked_for(shelf: Shelf) -> None:
    """By a request parameter; raw here."""
    matrix = rows(5)
    body, length = encode_request(features(matrix, contributions=True, binary_data_output=True), binary=True)

    async def work(one: Desk) -> None:
        headers = {"content-type": "application/octet-stream", contract.HEADER_LENGTH: str(length)}
        response = await one.infer(body, **headers)

        _, contributions, margins = expected("1.0.0", matrix)
        found = answered(response)
        assert "application/octet-stream" == response.headers["content-type"]
        assert contributions.tolist() == found.output(contract.CONTRIBUTIONS).values.tolist()  # type: ignore[union-attr]
        assert margins.tolist() == found.output(contract.MARGIN).values.tolist()  # type: ignore[union-attr]

    at_a_desk(shelf, work)


def test_only_outputs_asked_for_are_sent(shelf: Shelf) -> None:
    """In their order, each in its form."""
    asked = features(None, Wanted("margin", binary=True), Wanted("probability"), contributions=True)

    async def work(one: Desk) -> None:
        found = answered(await one.infer(as_json(asked)))

        assert ["margin", "probability"] == [each.name for each in found.outputs]

    at_a_desk(shelf, work)


def test_a_fallback_is_in_every_answer(shelf: Shelf) -> None:
    """What was asked for, and why it does not answer."""
    shelf.promote("1.1.0").damage("1.1.0")

    async def work(one: Desk) -> None:
        found = answered(await one.infer(as_json(features())))

        assert "1.0.0" == found.model_version
        assert "1.1.0" == found.parameters["requested_version"]
        assert "1.1.0 failed verification (sha256)" in str(found.parameters["fallback_because"])

    at_a_desk(shelf, work)


def three(**changes: Any) -> bytes:
    """A right request of three rows as JSON, its document changed."""
    document = json.loads(as_json(features()))
    return json.dumps({**document, **changes}).encode()


REFUSED = {
    "no fingerprint": (three(parameters={}), "feature_fingerprint is missing"),
    "another fingerprint": (
        three(parameters={"feature_fingerprint": "beef"}), f"fingerprint beef was given, the model needs {FINGERPRINT}",
    ),
    "a fingerprint that is a number": (three(parameters={"feature_fingerprint": 7}), "fingerprint 7 was given"),
    "no rows": (as_json(features(np.empty((0, 25), np.float32))), "features has no rows"),
    "24 columns": (as_json(features(np.zeros((2, 24), np.float32))), "[-1, 25] is needed"),
    "whole numbers": (
        as_json(InferRequest((Tensor("features", np.zeros((1, 25), np.int32)),), None, {"feature_fingerprint": FINGERPRINT})),
        "is INT32, FP32 is needed",
    ),
    "another name": (
        as_json(InferRequest((Tensor("x", rows(1)),), None, {"feature_fingerprint": FINGERPRINT})), "features must be given",
    ),
    "too many rows with contributions": (as_json(features(rows(129), contributions=True)), "128 are allowed"),
    "contributions of 1": (as_json(features(contributions=1)), "true or false is allowed"),
    "an output that is not made": (as_json(features(None, Wanted("margin"))), "'margin' is not made"),
    "no JSON": (b"\x80\x04N.", "no JSON"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "because"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_request_is_a_400_that_says_why(shelf: Shelf, body: bytes, because: str) -> None:
    """In the protocol's error object."""

    async def work(one: Desk) -> None:
        response = await one.infer(body)

        assert 400 == response.status_code
        assert ["error"] == list(response.json())
        assert because in response.json()["error"]
        assert "retry-after" not in response.headers

    at_a_desk(shelf, work)


@pytest.mark.parametrize(
    ("headers", "status", "because"),
    [
        ({"content-type": "text/csv"}, 415, "'text/csv': application/json or application/octet-stream"),
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "application/json or"),
        ({"content-encoding": "gzip"}, 415, "compressed"),
        ({"content-type": "application/octet-stream"}, 400, "need the header inference-header-content-length"),
        ({contract.HEADER_LENGTH: "12a"}, 400, "'12a', a number of bytes"),
        ({contract.HEADER_LENGTH: "-1"}, 400, "'-1', a number of bytes"),
        ({contract.HEADER_LENGTH: "99999999"}, 400, "said to have 99999999 bytes"),
    ],
    ids=["csv", "a form", "gzip", "raw without length", "no number", "negative", "too long"],
)  # fmt: skip
def test_what_http_has_a_word_for_is_refused_by_it(
    shelf: Shelf, headers: dict[str, str], status: int, because: str
) -> None:
    """Before the body is looked at, where that is possible."""

    async def work(one: Desk) -> None:
        response = await one.infer(as_json(features()), **headers)

        assert status == response.status_code
        assert because in response.json()["error"]

    at_a_desk(shelf, work)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", ""])
def test_content_types_that_mean_json_are_taken(shelf: Shelf, kind: str) -> None:
    """With parameters, in capitals, or none at all."""
    headers = {"content-type": kind} if kind else {}

    async def work(one: Desk) -> None:
        answered(await one.infer(as_json(features()), **headers))

    at_a_desk(shelf, work)


class TestLimits:
    """What comes in is bounded before it is read."""

    def test_a_body_that_says_it_is_too_large_is_not_read(self, shelf: Shelf) -> None:
        """413 by its Content-Length alone: not a byte of it is asked for."""

        async def work(one: Desk) -> None:
            sent = await by_hand(one, [(b"content-length", b"10000000")], [])

            assert 413 == sent[0]["status"]
            assert b"10,000,000 bytes or more, 4,194,304 are allowed" in sent[1]["body"]

        at_a_desk(shelf, work)

    def test_a_body_without_a_length_is_read_to_the_limit(self, shelf: Shelf) -> None:
        """Then 413, whatever else would follow."""
        chunk = {"type": "http.request", "body": b" " * (1 << 20), "more_body": True}

        async def work(one: Desk) -> None:
            sent = await by_hand(one, [], [chunk] * 5)

            assert 413 == sent[0]["status"]

        at_a_desk(shelf, work)

    def test_a_body_in_pieces_is_put_together(self, shelf: Shelf) -> None:
        """As the network cuts it."""
        body = as_json(features())
        pieces = [
            {"type": "http.request", "body": body[:100], "more_body": True},
            {"type": "http.request", "body": body[100:], "more_body": False},
        ]

        async def work(one: Desk) -> None:
            sent = await by_hand(one, [], pieces)

            assert 200 == sent[0]["status"]

        at_a_desk(shelf, work)

    def test_a_caller_who_leaves_gets_no_answer(self, shelf: Shelf) -> None:
        """And is counted as gone."""

        async def work(one: Desk) -> None:
            sent = await by_hand(one, [], [{"type": "http.disconnect"}])

            assert [] == sent
            assert 1 == one.counted(
                "http_requests_total", route=contract.INFER_PATH, method="POST", status="499"
            )

        at_a_desk(shelf, work)

    @pytest.mark.parametrize("sent", [[], [b"{"]], ids=["headers only", "a part"])
    def test_a_body_that_does_not_come_is_not_waited_for(
        self, shelf: Shelf, sent: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """408 on a real connection, which then ends."""
        monkeypatch.setattr(arrival, "BODY_PATIENCE", 0.05)
        head = (
            f"POST {contract.INFER_PATH} HTTP/1.1\r\nhost: predictor\r\ncontent-length: 50\r\n\r\n".encode()
        )

        async def work(one: Desk) -> None:
            async with served(one.app) as port:
                told = await said(port, head, *sent)

            assert told.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in told
            assert b'{"error":"the body did not arrive within 0.05 s"}' in told

        at_a_desk(shelf, work)

    def test_more_requests_than_memory_should_hold_are_sent_away(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """503 and come back in a second, at once, not after a minute."""
        monkeypatch.setattr(scoring, "MOST_WAITING", 3)

        async def work(one: Desk) -> None:
            responses = await asyncio.gather(*(one.infer(as_json(features())) for _ in range(20)))

            statuses = [response.status_code for response in responses]
            assert {200, 503} == set(statuses)
            refused = responses[statuses.index(503)]
            assert "1" == refused.headers["retry-after"]
            assert "3 requests are waiting" in refused.json()["error"]

        at_a_desk(shelf, work)


async def by_hand(one: Desk, headers: list[tuple[bytes, bytes]], messages: list[dict[str, Any]]) -> list[Any]:
    """The app's answer to messages that no client would send."""
    sent: list[Any] = []
    coming = iter(messages)

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": contract.INFER_PATH, "method": "POST", "headers": headers}
    await one.app(scope, receive, send)
    return sent


class TestTelling:
    """Ids, log lines, metrics."""

    def test_the_correlation_id_comes_back_and_stands_in_the_log(
        self, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One line a request, with all that a person will ask for."""

        async def work(one: Desk) -> None:
            with caplog.at_level(logging.INFO, "predictor.fast"):
                response = await one.infer(as_json(features()), **{"x-correlation-id": "morning-42"})

            [line] = caplog.records
            said = vars(line)
            assert "morning-42" == response.headers["x-correlation-id"]
            assert ("inference", "morning-42", 200, 3, False, "1.0.0") == (
                line.message, said["correlation_id"], said["status"], said["rows"], said["contributions"],
                said["model_version"],
            )  # fmt: skip
            assert 0 < said["work_ms"] <= said["ms"]

        at_a_desk(shelf, work)

    def test_a_trace_id_stands_in_for_a_correlation_id(self, shelf: Shelf) -> None:
        """The W3C's example."""
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

        async def work(one: Desk) -> None:
            response = await one.infer(as_json(features()), traceparent=parent)

            assert "4bf92f3577b34da6a3ce929d0e0e4736" == response.headers["x-correlation-id"]

        at_a_desk(shelf, work)

    @pytest.mark.parametrize("given", ["a b", "x" * 129, "ä", '"}'])
    def test_an_id_that_could_break_a_line_is_replaced(self, shelf: Shelf, given: str) -> None:
        """The request goes on."""

        async def work(one: Desk) -> None:
            response = await one.client.get("/v2", headers=[(b"x-correlation-id", given.encode())])

            assert 32 == len(response.headers["x-correlation-id"])

        at_a_desk(shelf, work)

    def test_a_refusal_is_one_line_with_its_reason(
        self, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And no traceback: it is the caller's."""

        async def work(one: Desk) -> None:
            with caplog.at_level(logging.INFO):
                await one.infer(b"[]")

            [line] = [record for record in caplog.records if record.name.startswith("predictor")]
            assert "the JSON is no object" == vars(line)["because"]
            assert line.exc_info is None

        at_a_desk(shelf, work)

    def test_requests_are_counted_by_route_method_and_status(self, shelf: Shelf) -> None:
        """A path that a caller makes up is `other`, or each of them would be a metric."""

        async def work(one: Desk) -> None:
            await one.infer(as_json(features()))
            await one.infer(b"")
            await one.client.get("/v2")
            await one.client.get("/made/up")
            await one.client.request("BREW", "/made/up")

            count = "http_requests_total"
            assert 1 == one.counted(count, route=contract.INFER_PATH, method="POST", status="200")
            assert 1 == one.counted(count, route=contract.INFER_PATH, method="POST", status="400")
            assert 1 == one.counted(count, route="/v2", method="GET", status="200")
            assert 1 == one.counted(count, route="other", method="GET", status="404")
            assert 1 == one.counted(count, route="other", method="other", status="404")
            assert 2 == one.counted("http_request_seconds_count", route=contract.INFER_PATH)
            assert 3 == one.counted("scoring_rows_sum")
            assert 0 == one.counted("http_requests_in_flight")

        at_a_desk(shelf, work)

    def test_a_defect_of_ours_is_a_500_without_its_inside(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error goes on to the server, which logs it."""

        def broken(*_: object) -> None:
            raise RuntimeError("the inside")

        monkeypatch.setattr(scoring, "_score", broken)

        async def work(one: Desk) -> None:
            response = await one.infer(as_json(features()))

            assert 500 == response.status_code
            assert {"error": "internal error"} == response.json()

        at_a_desk(shelf, work)


def test_an_answer_is_wholly_of_the_model_it_began_with(shelf: Shelf) -> None:
    """Swapped in the middle of forty requests, each says one version and has that version's numbers."""
    matrix = rows(20)
    body = as_json(features(matrix, contributions=True))

    async def work(one: Desk) -> None:
        shelf.promote("1.1.0")
        asking = [asyncio.create_task(one.infer(body)) for _ in range(20)]
        await one.predictor.keeper.reload()
        asking += [asyncio.create_task(one.infer(body)) for _ in range(20)]
        found = [answered(await each) for each in asking]

        assert {"1.0.0", "1.1.0"} >= {str(each.model_version) for each in found} >= {"1.1.0"}
        for each in found:
            probability, contributions, _ = expected(str(each.model_version), matrix)
            assert probability.tolist() == each.output(contract.PROBABILITY).values.tolist()  # type: ignore[union-attr]
            assert contributions.tolist() == each.output(contract.CONTRIBUTIONS).values.tolist()  # type: ignore[union-attr]

    at_a_desk(shelf, work)


def test_the_first_request_starts_a_load_and_is_told_to_come_back(shelf: Shelf) -> None:
    """The user's words: `Model loading, retry in 5s`, with Retry-After."""

    async def run() -> None:
        async with desk(shelf) as one:
            first = await one.infer(as_json(features()))
            await one.loaded()

            assert 503 == first.status_code
            assert {"error": "Model loading, retry in 5s"} == first.json()
            assert "5" == first.headers["retry-after"]
            answered(await one.infer(as_json(features())))

    asyncio.run(run())
