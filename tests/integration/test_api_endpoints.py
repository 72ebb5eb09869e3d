"""The users' API against the real pair on loopback."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.factories.online import ADMIN_TOKEN, FRESH, GONE, SILENT, OnlineMarket, Pair, question, transformer
from tests.factories.processes import wait_until
from upper_circuit.features import FEATURE_NAMES, CrossSection, fill, raw
from upper_circuit.market.market import Market
from upper_circuit.market.master import Master
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer
from upper_circuit.models.version import ModelVersion

ERROR = {"error", "message", "bse_code", "timestamp", "correlation_id"}


@pytest.fixture(scope="module")
def expected(online_market: OnlineMarket) -> dict[str, tuple[float, list[float]]]:
    """Probability and features of every stock, straight from the domain."""
    database = online_market.market.database
    master = Master.load(database)
    rows = raw(Market.load(database, run_date=online_market.run_date).as_of(online_market.run_date))
    matrix = fill(rows, CrossSection.of(rows, master), master, online_market.codes)
    scorer = Scorer.load(Registry(online_market.models).folder(ModelVersion(1, 1, 0)))
    scores = scorer.score(matrix.values).probability.tolist()
    database.dispose()
    return {
        code: (score, row.tolist())
        for code, score, row in zip(matrix.codes, scores, matrix.values, strict=True)
    }


def refused(response: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The error object of a refusal that has this status and code."""
    told: dict[str, Any] = response.json()
    assert (status, code) == (response.status_code, told["error"]), response.text
    assert ERROR == set(told) - {"reason", "replicas"}
    assert told["correlation_id"] == response.headers["x-correlation-id"]
    return told


class TestPredict:
    """POST /api/v1/predict."""

    def test_predict_single_stock_success(self, pair: Pair, expected: dict[str, Any]) -> None:
        """The answer is the domain's own, to the last bit, with all that was promised and nothing else."""
        code = pair.online.codes[7]

        response = pair.ask(code)

        told = response.json()
        assert 200 == response.status_code
        assert "application/json" == response.headers["content-type"]
        assert expected[code][0] == told["probability"]
        assert [
            "bse_code", "nse_symbol", "prediction_date", "predicted_label", "probability", "confidence",
            "model_version", "prediction_timestamp", "as_of", "filled_features",
        ] == list(told)  # fmt: skip
        assert (code, f"SYM{code}", str(pair.online.run_date), str(pair.online.as_of), "1.1.0") == (
            told["bse_code"], told["nse_symbol"], told["prediction_date"], told["as_of"], told["model_version"],
        )  # fmt: skip
        assert int(told["probability"] >= 0.5) == told["predicted_label"]

    def test_features_come_when_asked_for(self, pair: Pair, expected: dict[str, Any]) -> None:
        """All 25, by name, as the model saw them; and which of them are a median."""
        code = pair.online.codes[5]  # every fifth stock has no results: they are filled

        told = pair.ask(code, include_features=True).json()

        assert list(FEATURE_NAMES) == list(told["features"])
        assert expected[code][1] == list(told["features"].values())
        assert "net_profit_margin" in told["filled_features"]

    def test_shap_values_sum_to_the_margin(self, pair: Pair) -> None:
        """With the base, in log-odds; the calibration of the margin gives the probability."""
        told = pair.ask(pair.online.codes[3], include_shap=True).json()

        assert list(FEATURE_NAMES) == list(told["shap_values"])
        total = sum(told["shap_values"].values()) + told["shap_base_value"]
        assert told["raw_margin"] == pytest.approx(total, abs=1e-4)
        assert told["probability"] == pytest.approx(
            1 / (1 + np.exp(-(1.1 * told["raw_margin"] + 0.2))), abs=1e-6
        )

    @pytest.mark.parametrize("symbol", ["SYM500004", "sym500004", "SYM500004.NS"])
    def test_the_symbol_may_be_given_too(self, pair: Pair, symbol: str) -> None:
        """In any case, also with .NS."""
        response = pair.ask("500004", nse_symbol=symbol)

        assert (200, "SYM500004") == (response.status_code, response.json()["nse_symbol"])

    @pytest.mark.parametrize(
        "code", ["50000", "5000011", "ABCDEF", "", 500001, None, ["500001"], "\uff15\uff10\uff10\uff10\uff10\uff11"],
        ids=["short", "long", "letters", "empty", "number", "missing", "list", "wide digits"],
    )  # fmt: skip
    def test_predict_invalid_bse_code(self, pair: Pair, code: Any) -> None:
        """Six digits as a text, or 400 with a sentence that says so."""
        asked = {**question(pair.online), "bse_code": code}
        if code is None:
            del asked["bse_code"]

        told = refused(pair.post("/api/v1/predict", asked), 400, "INVALID_REQUEST")

        assert "bse_code" in told["message"]

    def test_predict_stock_not_found(self, pair: Pair) -> None:
        """A code that the exchange does not have is 404 and named."""
        told = refused(pair.ask("999999"), 404, "STOCK_NOT_FOUND")

        assert "999999" == told["bse_code"]

    @pytest.mark.parametrize(
        ("code", "reason"),
        [(FRESH, "SHORT_HISTORY"), (SILENT, "PRICE_MISSING"), (GONE, "NOT_ACTIVE")],
    )
    def test_predict_missing_features(self, pair: Pair, code: str, reason: str) -> None:
        """A stock that the morning run skips is 422, with its reason."""
        told = refused(pair.ask(code), 422, "FEATURES_UNAVAILABLE")

        assert (code, reason) == (told["bse_code"], told["reason"])
        assert reason in told["message"]

    def test_a_symbol_of_another_stock_is_refused(self, pair: Pair) -> None:
        """Nobody knows which of the two was meant; both are named."""
        told = refused(pair.ask("500004", nse_symbol="SYM500005"), 400, "SYMBOL_MISMATCH")

        assert "SYM500004" in told["message"]
        assert "500005" in told["message"]

    def test_a_day_without_a_session_names_the_next(self, pair: Pair) -> None:
        """400, and the date to ask for instead."""
        weekend = pair.online.weekend()

        told = refused(pair.ask(prediction_date=str(weekend)), 400, "NOT_A_SESSION")

        monday = next(day for day in pair.online.market.sessions if day > weekend)
        assert str(monday) in told["message"]

    def test_a_morning_whose_prices_are_not_loaded_is_refused(self, pair: Pair) -> None:
        """Never an older day's answer in silence: the missing session is named."""
        sessions = [day for day in pair.online.market.sessions if day >= pair.online.run_date]

        told = refused(pair.ask(prediction_date=str(sessions[1])), 422, "DATA_NOT_YET_AVAILABLE")

        assert str(sessions[0]) in told["message"]

    def test_a_day_before_all_data_is_refused(self, pair: Pair) -> None:
        """There is nothing to answer from."""
        first = min(pair.online.market.sessions)

        refused(pair.ask(prediction_date=str(first)), 422, "DATA_UNAVAILABLE")

    def test_a_morning_of_the_past_is_answered_as_it_was(self, pair: Pair) -> None:
        """With the session before it, not with the newest."""
        sessions = pair.online.market.sessions
        past = sessions[sessions.index(pair.online.run_date) - 40]

        told = pair.ask(prediction_date=str(past)).json()

        assert str(sessions[sessions.index(past) - 1]) == told["as_of"]


class TestBatch:
    """POST /api/v1/batch_predict."""

    def test_batch_predict_100_stocks(self, pair: Pair, expected: dict[str, Any]) -> None:
        """In the order asked, each as if asked alone, all of one model."""
        codes = pair.online.codes[100:200][::-1]

        response = pair.post("/api/v1/batch_predict", [question(pair.online, code) for code in codes])

        told = response.json()
        assert 200 == response.status_code
        assert codes == [each["bse_code"] for each in told]
        assert [expected[code][0] for code in codes] == [each["probability"] for each in told]
        assert {"1.1.0"} == {each["model_version"] for each in told}

    def test_a_bad_question_does_not_spoil_the_others(self, pair: Pair) -> None:
        """Its error object stands in its place, with the code that was asked for."""
        weekend = str(pair.online.weekend())
        asked = [
            question(pair.online, "500001"),
            question(pair.online, "999999"),
            {"bse_code": "12"},
            question(pair.online, FRESH),
            question(pair.online, "500002", prediction_date=weekend),
            7,
            question(pair.online, "500003", include_shap=True),
        ]

        told = pair.post("/api/v1/batch_predict", asked).json()

        assert [
            None, "STOCK_NOT_FOUND", "INVALID_REQUEST", "FEATURES_UNAVAILABLE", "NOT_A_SESSION", "INVALID_REQUEST", None,
        ] == [each.get("error") for each in told]  # fmt: skip
        assert ["500001", "999999", "12", FRESH, "500002", None, "500003"] == [
            each["bse_code"] for each in told
        ]
        assert all(set(each) - {"reason"} == ERROR for each in told if "error" in each)
        assert (True, False) == ("shap_values" in told[6], "shap_values" in told[0])

    def test_a_batch_of_bad_questions_is_a_list_of_errors(self, pair: Pair) -> None:
        """Each alone could be put right, so the request as a whole is usable."""
        response = pair.post("/api/v1/batch_predict", [question(pair.online, "999999")] * 3)

        assert 200 == response.status_code
        assert ["STOCK_NOT_FOUND"] * 3 == [each["error"] for each in response.json()]

    @pytest.mark.parametrize("count", [0, 101])
    def test_1_to_100_are_allowed(self, pair: Pair, count: int) -> None:
        """The limits stand in the sentence."""
        told = refused(
            pair.post("/api/v1/batch_predict", [question(pair.online)] * count), 400, "INVALID_REQUEST"
        )

        assert "1 to 100" in told["message"]


class TestAboutThePair:
    """Health, models, why, lists."""

    def test_health_endpoint(self, pair: Pair) -> None:
        """All that was promised; healthy, and data as of the newest session."""
        pair.ask()

        response = pair.api.get("/api/v1/health")

        told = response.json()
        assert 200 == response.status_code
        assert [
            "status", "timestamp", "model_loaded", "model_version", "model_type", "uptime_seconds",
            "requests_processed", "avg_latency_ms", "error_rate", "data_as_of", "problems",
        ] == list(told)  # fmt: skip
        assert ("healthy", True, "1.1.0", "XGBoost", str(pair.online.as_of), []) == (
            told["status"], told["model_loaded"], told["model_version"], told["model_type"],
            told["data_as_of"], told["problems"],
        )  # fmt: skip
        assert told["requests_processed"] >= 1
        assert told["uptime_seconds"] > 0
        assert told["avg_latency_ms"] > 0

    @pytest.mark.parametrize(
        ("path", "answer"),
        [("/api/v1/health/ready", {"ready": True}), ("/api/v1/health/live", {"live": True})],
    )
    def test_probes(self, pair: Pair, path: str, answer: dict[str, bool]) -> None:
        """Separate routes, with short answers."""
        assert answer == pair.api.get(path).json()

    def test_models_endpoint(self, pair: Pair) -> None:
        """Every version with its manifest, and which one answers."""
        told = pair.api.get("/api/v1/models").json()

        assert ("XGBoost", "1.1.0", None) == (
            told["model_type"], told["model_version"], told["fallback_because"],
        )  # fmt: skip
        assert [("1.0.0", False), ("1.1.0", True)] == [
            (each["version"], each["promoted"]) for each in told["models"]
        ]
        assert 0.45 == told["models"][0]["f1"]

    @pytest.mark.parametrize(
        "headers", [{}, {"authorization": "Bearer guess"}, {"authorization": f"Basic {ADMIN_TOKEN}"}],
        ids=["none", "wrong", "another scheme"],
    )  # fmt: skip
    def test_reloading_needs_the_token(self, pair: Pair, headers: dict[str, str]) -> None:
        """401 that says how to show it."""
        response = pair.post("/api/v1/models/reload", None, **headers)

        refused(response, 401, "UNAUTHORIZED")
        assert "Bearer" == response.headers["www-authenticate"]

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_reloading_reports_every_replica(self, pair: Pair, scheme: str) -> None:
        """Here one, which has nothing new; the scheme is one in any case, as HTTP has it."""
        response = pair.post("/api/v1/models/reload", None, authorization=f"{scheme} {ADMIN_TOKEN}")

        assert 200 == response.status_code
        [replica] = response.json()["replicas"]
        assert (pair.predictor.url, "unchanged", "1.1.0") == (
            replica["replica"], replica["result"], replica["model_version"],
        )  # fmt: skip

    def test_why_takes_a_score_apart(self, pair: Pair) -> None:
        """Score, contributions, and whose median stands in."""
        code = pair.online.codes[5]

        told = pair.api.get(f"/api/v1/stocks/{code}/why?date={pair.online.run_date}").json()

        assert pair.ask(code).json()["probability"] == told["probability"]
        assert list(FEATURE_NAMES) == list(told["shap_values"])
        assert set(told["filled_features"]) == set(told["filled_from"])
        assert set(told["filled_from"].values()) <= {"industry", "sector", "market"}

    def test_why_names_the_stock_it_cannot_speak_of(self, pair: Pair) -> None:
        """As the same refusal of a question does, whatever is wrong."""
        weekend = pair.api.get(f"/api/v1/stocks/500007/why?date={pair.online.weekend()}")
        unknown = pair.api.get(f"/api/v1/stocks/999999/why?date={pair.online.run_date}")

        assert "500007" == refused(weekend, 400, "NOT_A_SESSION")["bse_code"]
        assert "999999" == refused(unknown, 404, "STOCK_NOT_FOUND")["bse_code"]

    def test_why_gives_the_skip_reason(self, pair: Pair) -> None:
        """Also an answer, not an error."""
        response = pair.api.get(f"/api/v1/stocks/{FRESH}/why?date={pair.online.run_date}")

        assert 200 == response.status_code
        assert "SHORT_HISTORY" == response.json()["skipped"]["reason"]

    def test_a_morning_without_a_list_is_404(self, pair: Pair) -> None:
        """No run has written one, and none is made up."""
        refused(pair.api.get("/api/v1/predictions?date=2023-06-01"), 404, "NOTHING_RECORDED")

    def test_docs_load_nothing_from_elsewhere(self, pair: Pair) -> None:
        """Many users have no internet: page, scripts and description come from here."""
        page = pair.api.get("/docs").text + pair.api.get("/redoc").text
        assets = ["swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js", "favicon.png"]

        loaded = [pair.api.get(f"/docs/{name}") for name in assets]

        assert all(f'"/docs/{name}"' in page for name in assets)
        assert "http://" not in page
        assert "https://" not in page
        assert [200] * 4 == [each.status_code for each in loaded]
        assert "/api/v1/predict" in pair.api.get("/openapi.json").json()["paths"]

    def test_metrics_hold_the_routes_the_hop_and_the_models(self, pair: Pair) -> None:
        """Also what only the predictor knows, by replica."""
        pair.ask()

        text = pair.api.get("/metrics").text

        assert 'http_requests_total{method="POST",route="/api/v1/predict",status="200"}' in text
        assert 'hop_calls_total{result="ok"}' in text
        assert f'model_load_time_seconds_count{{replica="{pair.predictor.url}"}}' in text
        assert 'version="1.1.0"' in text


class TestCorrelation:
    """One id from the caller through both programs and back."""

    def test_it_comes_back_and_stands_in_both_logs(self, pair: Pair) -> None:
        """So a caller's report finds every line."""
        response = pair.post(
            "/api/v1/predict", question(pair.online), **{"X-Correlation-ID": "desk-7.order:12"}
        )

        assert "desk-7.order:12" == response.headers["x-correlation-id"]
        for program in (pair.api, pair.predictor):  # a line is written after its answer
            wait_until(
                lambda told=program.told: "desk-7.order:12" in told(), within=5, otherwise=program.told
            )

    def test_those_whose_rows_travel_together_stand_in_the_predictors_log_too(self, pair: Pair) -> None:
        """One call for many questions has an id of its own, and names theirs."""
        names = [f"together-{number}" for number in range(10)]

        with ThreadPoolExecutor(len(names)) as threads:
            asked = [
                threads.submit(
                    pair.post, "/api/v1/predict", question(pair.online), **{"X-Correlation-ID": name}
                )
                for name in names
            ]
            assert {200} == {each.result().status_code for each in asked}

        wait_until(
            lambda: all(f'"{name}"' in pair.predictor.log.read_text(encoding="utf-8") for name in names),
            within=5,
            otherwise=pair.predictor.told,
        )

    def test_a_trace_is_continued(self, pair: Pair) -> None:
        """Same trace, another span; its id is the correlation id where no other was given."""
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"

        response = pair.post(
            "/api/v1/predict", question(pair.online), traceparent=f"00-{trace}-00f067aa0ba902b7-01"
        )

        assert trace == response.headers["x-correlation-id"]
        assert response.headers["traceparent"].startswith(f"00-{trace}-")
        assert "00f067aa0ba902b7" not in response.headers["traceparent"]

    def test_one_that_could_break_a_log_is_replaced(self, pair: Pair) -> None:
        """The request goes on under a new one."""
        response = pair.post("/api/v1/predict", question(pair.online), **{"X-Correlation-ID": 'x" {}'})

        assert 200 == response.status_code
        assert 32 == len(response.headers["x-correlation-id"])


class TestRefusals:
    """What HTTP has a word for."""

    @pytest.mark.parametrize(
        ("body", "headers", "status", "code"),
        [
            (b"x" * 10_000_000, {}, 413, "BODY_TOO_LARGE"),
            (b"", {}, 400, "INVALID_REQUEST"),
            (b"{", {}, 400, "INVALID_REQUEST"),
            (b"[" * 60_000, {}, 400, "INVALID_REQUEST"),
            (b'{"bse_code":"500001","bse_code":"500002"}', {}, 400, "INVALID_REQUEST"),
            (b"null", {}, 400, "INVALID_REQUEST"),
            (b"\xff\xfe", {}, 400, "INVALID_REQUEST"),
            (b"bse_code=500001", {"content-type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
            (b"{}", {"content-encoding": "gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ],
        ids=["10 MB", "empty", "cut off", "deep", "key twice", "null", "no text", "form", "gzip"],
    )  # fmt: skip
    def test_bodies_that_cannot_be_read(
        self, pair: Pair, body: bytes, headers: dict[str, str], status: int, code: str
    ) -> None:
        """A clear 4xx each, in our own error object."""
        given = {"content-type": "application/json", **headers}

        response = requests.post(pair.api.url + "/api/v1/predict", data=body, headers=given, timeout=30)

        refused(response, status, code)

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/nothing/here", 404, "NOT_FOUND"),
            ("POST", "/api/v1/predict/", 404, "NOT_FOUND"),
            ("GET", "/docs/", 404, "NOT_FOUND"),
            ("GET", "/api/v1/predict", 405, "METHOD_NOT_ALLOWED"),
            ("GET", "/api/v1/predictions?top=0", 400, "INVALID_REQUEST"),
            ("GET", "/api/v1/predictions?date=2023-02-30", 400, "INVALID_REQUEST"),
            ("GET", "/api/v1/predictions?min_probability=nan", 400, "INVALID_REQUEST"),
            ("GET", "/api/v1/stocks/12/why?date=2023-01-02", 400, "INVALID_REQUEST"),
            ("GET", "/api/v1/stocks/500001/why", 400, "INVALID_REQUEST"),
            ("GET", "/docs/../../etc/passwd", 404, "NOT_FOUND"),
        ],
    )
    def test_what_frameworks_refuse_looks_like_our_own(
        self, pair: Pair, method: str, path: str, status: int, code: str
    ) -> None:
        """FastAPI's 422 is a 400, and every body is the error object."""
        refused(pair.api.session.request(method, pair.api.url + path, timeout=10), status, code)


def test_rate_limiting(pair: Pair, tmp_path: Path) -> None:
    """The sixth request of a second is 429 with Retry-After; probes and other addresses go on, a batch counts once."""
    settings = {"RATE_LIMIT_PER_SECOND": "5", "TRUSTED_PROXIES": "127.0.0.0/8"}
    with transformer(pair.online, tmp_path, pair.predictor.url, **settings) as api:
        api.wait_for("/api/v1/health")
        one = question(pair.online)

        def ask(client: str, path: str = "/api/v1/predict", asked: Any = one) -> requests.Response:
            forwarded = {"x-forwarded-for": f"9.9.9.9, {client}"}
            return api.session.post(api.url + path, json=asked, headers=forwarded, timeout=10)

        started = time.monotonic()
        answers = [ask("1.1.1.1") for _ in range(30)]
        took = time.monotonic() - started
        others = [ask("2.2.2.2", "/api/v1/batch_predict", [one] * 50).status_code for _ in range(3)]
        probes = [api.get("/api/v1/health").status_code for _ in range(20)]

        statuses = [each.status_code for each in answers]
        refusal = answers[statuses.index(429)]
        refused(refusal, 429, "RATE_LIMITED")
        assert "1" == refusal.headers["retry-after"]
        assert [200] * 5 == statuses[:5]
        assert statuses.count(200) <= 5 * (took + 1)
        assert [200] * 3 == others
        assert [200] * 20 == probes
