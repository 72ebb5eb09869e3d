"""
Canaries that are broken in the ways a model can be.

Of each: users of the other slot notice nothing, what is wrong is said, and nobody answers behind the canary's name.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e import load as loads
from tests.e2e.load import Load
from tests.e2e.person import Person
from tests.e2e.release import Release
from tests.e2e.stocks import Stocks

pytestmark = pytest.mark.timeout(900)  # models are pushed and the release is installed before the first one

SEED = 20_260_101
OLD, DAMAGED, OTHER_FEATURES, MISBEHAVING = "1.0.0", "1.1.0", "1.2.0", "1.3.0"

CHANGE = """
import pathlib, re, sys
path = pathlib.Path("/registry/XGBoost") / sys.argv[1]
path.chmod(0o644)
before = path.read_bytes()
after = re.sub(sys.argv[2].encode(), sys.argv[3].encode(), before, count=1)
assert after != before
path.write_bytes(after)
"""
"""A program that changes a published file, as a disk or a person past the gate might: a pattern, and what comes there."""

BROKEN = """
import os, time

import numpy as np

from upper_circuit.models import scorer

_sound = scorer.Scorer.score


def score(self, matrix):
    how = os.environ.get("BROKEN")  # not given to the process that proves models
    if how == "crashes at the first request":
        os._exit(139)
    if how == "is slow":
        time.sleep(0.15)
    found = _sound(self, matrix)
    if how == "answers NaN":
        return scorer.Scores(np.full_like(found.probability, np.nan), found.margin)
    return found


scorer.Scorer.score = score
"""
"""The real predictor, broken in one place."""

LOADED = "import sys; sys.path.insert(0, '/broken'); import broken\n"
"""What Python does at its start, from a file beside the packages: KServe allows no PYTHONPATH in a runtime."""
PACKAGES = "/opt/packages/lib/python3.13/site-packages"


@pytest.fixture(scope="module")
def registry(person: Person, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three more versions, pushed when they were sound; two are no longer."""
    versions = (DAMAGED, OTHER_FEATURES, MISBEHAVING)
    folder = person.registry_with(tmp_path_factory.mktemp("registry"), OLD, *versions)
    change = ("python", "-c", CHANGE)
    person.in_cluster("damage", f"{DAMAGED}/model.ubj", "base_score", "bade_score", program=change)
    manifest = f"{OTHER_FEATURES}/manifest.yaml"
    person.in_cluster(
        "exchange", manifest, "(feature_fingerprint: .*)[0-9a-f]{4}", r"\g<1>0f0f", program=change
    )
    return folder


def require_nobody_noticed(load: Load) -> None:
    """Every request was answered, by the old model."""
    assert {} == dict(load.failures())
    assert {OLD: len(load.answers)} == dict(loads.by_version(load.answers))


@pytest.mark.parametrize(
    ("version", "why"),
    [
        pytest.param("9.9.9", r"9\.9\.9 is not in", marks=pytest.mark.full, id="unknown"),
        pytest.param(DAMAGED, rf"{DAMAGED}.*sha256", id="damaged"),
        pytest.param(
            OTHER_FEATURES, rf"{OTHER_FEATURES}.*fingerprint", marks=pytest.mark.full, id="other features"
        ),
    ],
)
def test_a_canary_that_cannot_load_gets_no_traffic_and_says_why(
    *,
    release: Release,
    person: Person,
    stocks: Stocks,
    registry: Path,
    version: str,
    why: str,
) -> None:
    """It never gets ready, `start` gives up before any weight moves, and nothing answers in its place."""
    assert registry
    with stocks.load(SEED) as load:
        started = person.rollout("start", version, "--weight", "10", "--timeout", "40", code=1)
        status = person.rollout("status")
        answer = stocks.asked(through=release.outside, headers={"X-Model-Variant": "b"})
        aborted = person.rollout("abort", "--why", "it cannot load")
        release.until_one_slot()

    assert re.search(rf"slot b is not ready after 40 s: .*{why}", started), started
    assert re.search(rf"^slot b: predictor 0/1 ready: .*{why}", status, re.MULTILINE), status
    assert re.search(rf"^b +{re.escape(version)} +0 +0 +no ", status, re.MULTILINE), status
    assert OLD != answer
    assert "goes away" in aborted
    require_nobody_noticed(load)


@pytest.fixture(scope="module")
def mirrored(person: Person, registry: Path, release: Release) -> None:
    """A canary that gets a copy of every request, and a file that breaks its predictor."""
    assert registry
    person.rollout("start", MISBEHAVING, "--mirror", "100")
    config = {"metadata": {"name": "broken"}, "data": {"broken.py": BROKEN, "broken.pth": LOADED}}
    release.namespace.apply({"apiVersion": "v1", "kind": "ConfigMap", **config})


@pytest.mark.full
@pytest.mark.usefixtures("mirrored")
@pytest.mark.parametrize(
    ("how", "check"),
    [("answers NaN", "errors"), ("is slow", "p95 latency"), ("crashes at the first request", "errors")],
)
def test_a_canary_that_misbehaves_is_judged_on_copies_and_nobody_notices(
    release: Release, person: Person, stocks: Stocks, how: str, check: str
) -> None:
    """The judge says roll back, and which check failed."""
    break_canary(release, how)
    with stocks.load(SEED + 1) as load:
        told = person.rollout("judge", "--window", "25", code=2)

    assert re.search(rf"^{check} .*\bfail", told, re.MULTILINE), told
    assert "next: upper-circuit rollout abort" in told
    require_nobody_noticed(load)


def break_canary(release: Release, how: str) -> None:
    """Start its predictor anew with a fault, past the chart, as no user could."""
    name = f"{release.name}-b"
    runtime = release.namespace.get("servingruntime", name)
    container = runtime["spec"]["containers"][0]
    kept = [each for each in container["env"] if each["name"] != "BROKEN"]
    container["env"] = [*kept, {"name": "BROKEN", "value": how}]
    mounts = [each for each in container["volumeMounts"] if each["name"] != "broken"]
    container["volumeMounts"] = [
        *mounts,
        {"name": "broken", "mountPath": "/broken"},
        {"name": "broken", "mountPath": f"{PACKAGES}/broken.pth", "subPath": "broken.pth"},
    ]
    volumes = [each for each in runtime["spec"]["volumes"] if each["name"] != "broken"]
    runtime["spec"]["volumes"] = [*volumes, {"name": "broken", "configMap": {"name": "broken"}}]
    release.namespace.apply(
        {key: runtime[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": {"name": name}}
    )

    def is_broken() -> bool:
        pods = release.namespace.pods(instance=release.name, component="predictor")
        ours = [pod for pod in pods if pod["metadata"]["labels"]["app"] == f"isvc.{name}-predictor"]
        told = [each.get("value") for pod in ours for each in pod["spec"]["containers"][0]["env"]]
        return len(ours) == 1 and how in told and bool(ours[0]["status"]["containerStatuses"][0]["ready"])

    release.namespace.wait(is_broken, within=120, what=f"a canary that {how}")
