"""
Questions are answered while the cluster is changed under them.

Fifty a second through the Gateway, as long as something is done: none of them may fail, and each must get its number.
"""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from tests.e2e import nodes
from tests.e2e.kube import Namespace
from tests.e2e.load import slowest, wrong
from tests.e2e.release import TWO_OF_EACH, Release
from tests.e2e.stocks import Stocks
from upper_circuit.features import FINGERPRINT
from upper_circuit.oip import contract

pytestmark = pytest.mark.timeout(900)

NAME = "serving-upper-circuit"
"""A name that no other release of the cluster has: node-2 is emptied of its pods alone."""
NOTICED_BY_THE_GATEWAY = 10.0
"""Seconds after which requests no longer go to a transformer that cannot be reached."""
SETS = (
    *TWO_OF_EACH,
    "transformer.autoscaling.scaleDownStabilizationSeconds=5",
    "transformer.resources.requests.cpu=200m",
)


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """Two transformers and two predictors, a node each."""
    found = Release(namespace, NAME)
    found.install(*SETS)
    found.until_rolled_out()
    return found


@pytest.fixture(scope="module")
def right(stocks: Stocks) -> dict[str, float]:
    """Their probabilities, as the release gives them while nothing is done to it."""
    return stocks.answered()


def test_a_new_transformer_image_fails_no_request(
    release: Release, stocks: Stocks, right: dict[str, float]
) -> None:
    """The same image under its full name: every transformer is replaced, no predictor is."""
    before = {part: uids(release, part) for part in ("transformer", "predictor")}

    with stocks.steadily(right):
        release.upgrade("slots.a.image.transformer=docker.io/upper-circuit/transformer:dev")

    assert set(before["transformer"]).isdisjoint(uids(release, "transformer"))
    assert before["predictor"] == uids(release, "predictor")


def uids(release: Release, part: str) -> dict[str, str]:
    """Pods of a part by uid, with their names."""
    found = release.namespace.pods(instance=release.name, component=part)
    return {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in found}


@pytest.mark.full
def test_answers_go_on_when_a_node_is_cut_off(
    release: Release, stocks: Stocks, right: dict[str, float]
) -> None:
    """The Gateway notices by itself that some answer no more, and tries elsewhere; Kubernetes needs most of a minute."""
    nodes.clear_of_what_all_share()
    assert {True, False} == {
        nodes.is_there(pod) for pod in release.namespace.pods(instance=release.name, component="transformer")
    }

    with stocks.load(random.randrange(10_000)) as load, nodes.cut_off():
        cut = time.monotonic()
        release.namespace.wait(lambda: not nodes.is_ready(), within=120, what="Kubernetes' notice")
        noticed = time.monotonic()
        load.counted(500, noticed, release.namespace)
    release.until_rolled_out()  # the node is back, and what runs there is heard of again
    meanwhile = load.since(cut, noticed)
    lost = [answer for answer in meanwhile if answer.status != 200]
    last = max((answer.began for answer in lost), default=cut)
    figures = {"noticed": noticed - cut, "lost": len(lost), "of": len(meanwhile), "until": last - cut}
    print(figures | {"slowest": slowest(meanwhile, 1.0)})  # noqa: T201

    assert [] == wrong(load.answers, lambda row: right[row.bse_code] == row.probability)
    assert [] == [answer for answer in load.since(noticed) if answer.status != 200]
    assert last - cut < NOTICED_BY_THE_GATEWAY


@pytest.mark.full
def test_draining_a_node_fails_no_request(release: Release, stocks: Stocks, right: dict[str, float]) -> None:
    """Every pod of the release leaves node-2, the database among them; budgets let one of each part go at a time."""
    with stocks.steadily(right), nodes.drained(release.name):
        release.until_rolled_out()
        left = {
            pod["metadata"]["name"]
            for part in ("transformer", "predictor")
            for pod in release.namespace.pods(instance=release.name, component=part)
            if nodes.is_there(pod)
        }

    assert set() == left


@pytest.mark.full
def test_the_autoscaler_adds_transformers_and_takes_them_away_and_fails_no_request(
    release: Release, stocks: Stocks, right: dict[str, float]
) -> None:
    """From 2 to 4 where little CPU is thought much, and back to 2 where much is thought little."""
    with stocks.steadily(right):
        release.upgrade(
            "transformer.autoscaling.maxReplicas=4", "transformer.autoscaling.targetCPUPercent=5", wait=False
        )
        release.namespace.wait(lambda: 4 == ready(release), within=240, what="4 transformers")
        release.upgrade("transformer.autoscaling.targetCPUPercent=100", wait=False)
        release.namespace.wait(
            lambda: 2 == len(uids(release, "transformer")), within=300, what="2 transformers"
        )
        release.until_rolled_out()


def ready(release: Release) -> int:
    """Transformers that take requests."""
    [found] = [
        each
        for each in release.namespace.get("deployments")["items"]
        if each["metadata"]["name"] == f"{release.name}-a-transformer"
    ]
    count: int = found["status"].get("readyReplicas", 0)
    return count


@pytest.mark.full
@pytest.mark.parametrize("part", ["transformer", "predictor"])
def test_the_first_answer_of_a_pod_that_is_ready_is_right(
    release: Release, stocks: Stocks, right: dict[str, float], part: str
) -> None:
    """Both pods replaced, each asked at its own address the moment that Kubernetes calls it ready."""
    code, probability = next(iter(right.items()))
    question = {"bse_code": code, "prediction_date": str(stocks.morning)}
    known = set(uids(release, part))

    for name in list(uids(release, part).values()):
        release.namespace.kubectl("delete", "pod", name, "--wait=false")
        pod = release.namespace.wait(
            lambda: new_and_ready(release, part, known), within=120, what=f"another {part}"
        )
        known.add(pod["metadata"]["uid"])
        address = f"http://{pod['status']['podIP']}:8080"
        answer = (
            release.ask("/api/v1/predict", question, through=address)["probability"]
            if part == "transformer"
            else inferred(release, stocks.matrix[0].tolist(), through=address)
        )

        assert probability == answer
    release.until_rolled_out()


def new_and_ready(release: Release, part: str, known: set[str]) -> dict[str, Any] | None:
    """A pod that was not there before and takes requests."""
    for pod in release.namespace.pods(instance=release.name, component=part):
        conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
        if pod["metadata"]["uid"] not in known and conditions.get("Ready") == "True":
            return pod
    return None


def inferred(release: Release, features: list[float], *, through: str) -> float:
    """What a predictor makes of a row."""
    row = contract.FEATURES.metadata() | {"shape": [1, contract.FEATURE_COUNT], "data": features}
    document = {"inputs": [row], "parameters": {contract.FINGERPRINT: FINGERPRINT}}
    outputs = release.ask(contract.INFER_PATH, document, through=through)["outputs"]
    [probability] = [each["data"][0] for each in outputs if each["name"] == contract.PROBABILITY.name]
    return float(probability)
