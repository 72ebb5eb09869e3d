"""Everything beside the hot route."""

from __future__ import annotations

import asyncio

import pytest

from predictor.errors import Busy, Refusal, Refused
from tests.factories.predictors import Desk, at_a_desk, desk
from tests.factories.registries import Shelf, facts
from upper_circuit import errors
from upper_circuit.oip import contract

SESAME = "open sesame"
TOKEN = {"authorization": f"Bearer {SESAME}"}


def test_ready_means_that_a_model_answers(shelf: Shelf) -> None:
    """On both routes, and with the reason while it does not."""

    async def run() -> None:
        async with desk(shelf) as one:
            before = [await one.client.get(path) for path in ("/v2/health/ready", contract.READY_PATH)]
            await one.loaded()
            after = [await one.client.get(path) for path in ("/v2/health/ready", contract.READY_PATH)]

            assert [503, 503] == [each.status_code for each in before]
            assert {"error": "no model yet, the first request loads it"} == before[0].json()
            assert [{"ready": True}, {"name": "upper-circuit", "ready": True}] == [
                each.json() for each in after
            ]

    asyncio.run(run())


class TestReloading:
    """For whoever has the token."""

    def test_it_is_off_without_a_token_of_ours(self, shelf: Shelf) -> None:
        """Whatever the caller sends."""

        async def work(one: Desk) -> None:
            response = await one.client.post(contract.RELOAD_PATH, headers=TOKEN)

            assert 403 == response.status_code
            assert {"error": "reloading is off: ADMIN_TOKEN is not set"} == response.json()

        at_a_desk(shelf, work)

    @pytest.mark.parametrize(
        "given",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Bearer open",
            "Bearer open sesame!",
            "Basic open sesame",
            "bearer Open Sesame",
            "open sesame",
        ],
    )
    def test_another_token_is_refused(self, shelf: Shelf, given: str | None) -> None:
        """401, and the scheme that is wanted."""

        async def work(one: Desk) -> None:
            headers = {} if given is None else {"authorization": given}
            response = await one.client.post(contract.RELOAD_PATH, headers=headers)

            assert 401 == response.status_code
            assert "Bearer" == response.headers["www-authenticate"]
            assert "1.0.0" == str(one.predictor.keeper.take().served)

        shelf.promote("1.1.0").promote("1.0.0")
        at_a_desk(shelf, work, admin_token=SESAME)

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
    def test_the_scheme_is_one_in_any_case(self, shelf: Shelf, scheme: str) -> None:
        """As HTTP has it."""

        async def work(one: Desk) -> None:
            headers = {"authorization": f"{scheme} {SESAME}"}

            assert 200 == (await one.client.post(contract.RELOAD_PATH, headers=headers)).status_code

        at_a_desk(shelf, work, admin_token=SESAME)

    def test_it_answers_what_was_loaded(self, shelf: Shelf) -> None:
        """And what answered before."""

        async def work(one: Desk) -> None:
            shelf.promote("1.1.0")
            response = await one.client.post(contract.RELOAD_PATH, headers=TOKEN)

            assert {
                "model_name": "upper-circuit",
                "model_type": "XGBoost",
                "model_version": "1.1.0",
                "requested_version": "1.1.0",
                "fallback_because": None,
                "previous_version": "1.0.0",
                "result": "swapped",
            } == response.json()

        at_a_desk(shelf, work, admin_token=SESAME)

    def test_where_nothing_can_be_loaded_the_present_model_stays(self, shelf: Shelf) -> None:
        """503 with the reason and with what goes on answering."""

        async def work(one: Desk) -> None:
            shelf.promote("1.1.0").damage("1.1.0")
            response = await one.client.post(contract.RELOAD_PATH, headers=TOKEN)

            assert 503 == response.status_code
            assert "1.1.0 failed verification" in response.json()["error"]
            assert "1.0.0" == response.json()["model_version"]

        at_a_desk(shelf, work, admin_token=SESAME, model_strict=True)


def test_manifests_of_all_versions_are_told_without_loading_them(shelf: Shelf) -> None:
    """A damaged one by its damage; golden rows and bins are left out, they are for machines."""
    (shelf.folder("1.1.0") / "manifest.yaml").write_text("rubbish", encoding="utf-8")

    async def run() -> None:
        async with desk(shelf) as one:
            found = (await one.client.get(contract.REGISTRY_PATH)).json()

            assert found["model_version"] is None
            good, broken = found["versions"]
            about = facts("1.0.0")[1]
            assert (True, "1.0.0", about.sha256, 0.45) == (
                good["promoted"], good["version"], good["sha256"], good["f1"],
            )  # fmt: skip
            assert not {"golden", "bins"} & set(good)
            assert ("1.1.0", True) == (broken["version"], "manifest" in broken["error"])

    asyncio.run(run())


@pytest.mark.parametrize("path", ["index", "models/upper-circuit/load", "models/upper-circuit/unload"])
def test_kserves_own_load_and_unload_are_closed(shelf: Shelf, path: str) -> None:
    """They are open to anyone there, and unload takes the model away."""

    async def work(one: Desk) -> None:
        response = await one.client.post(f"/v2/repository/{path}")

        assert 403 == response.status_code
        assert "is closed" in response.json()["error"]

    at_a_desk(shelf, work)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"content-length": "70000"}, 413), ({"transfer-encoding": "chunked"}, 411)],
    ids=["too long", "of unknown length"],
)
def test_bodies_on_other_routes_are_bounded(shelf: Shelf, headers: dict[str, str], status: int) -> None:
    """None of them needs one."""

    async def work(one: Desk) -> None:
        response = await one.client.post(contract.RELOAD_PATH, headers=headers)

        assert status == response.status_code
        assert ["error"] == list(response.json())

    at_a_desk(shelf, work)


def test_metrics_are_served_in_prometheus_text(shelf: Shelf) -> None:
    """Those of the model among them."""

    async def work(one: Desk) -> None:
        response = await one.client.get("/metrics")

        assert response.headers["content-type"].startswith("text/plain")
        for name in (
            "model_load_time_seconds_bucket",
            "model_cache_hit_rate",
            "model_memory_bytes",
            "model_info",
        ):
            assert name in response.text

    at_a_desk(shelf, work)


def test_the_last_answers_ask_callers_to_connect_anew(shelf: Shelf) -> None:
    """While stopping, so that no caller keeps a connection that is about to be cut."""

    async def work(one: Desk) -> None:
        before = await one.client.get("/v2")
        one.predictor.keeper.stop()
        after = await one.client.get("/v2")

        assert (None, "close") == (before.headers.get("connection"), after.headers.get("connection"))

    at_a_desk(shelf, work)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.BadInput("x"), 400, None),
        (errors.FingerprintMismatch("a", "b"), 400, None),
        (Refused(413, "x"), 413, None),  # type: ignore[arg-type]
        (errors.ModelLoading(), 503, 5),
        (Busy(9), 503, 1),
        (errors.NoUsableModel("XGBoost", "x"), 503, 30),
        (errors.BadAnswer("x"), 500, None),
    ],
)
def test_each_error_has_one_status(
    error: errors.UpperCircuitError, status: int, retry_after: int | None
) -> None:
    """By whose fault it is."""
    refusal = Refusal.of(error)

    assert (status, retry_after) == (refusal.status, refusal.retry_after)


def test_what_is_our_fault_is_not_told() -> None:
    """The log has it."""
    assert "internal error" == Refusal.of(errors.BadAnswer("/secret/path")).told
