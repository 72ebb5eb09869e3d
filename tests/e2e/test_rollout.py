"""
A new model's way into production under a desk's load, and back, without one request lost.

The story is told once, with the commands of docs/rollout.md; each test asks one thing about it.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import load as loads
from tests.e2e.kube import Namespace, kubectl
from tests.e2e.load import Answered, Load, Row
from tests.e2e.person import Person
from tests.e2e.release import NAME, Release
from tests.e2e.stocks import Stocks

pytestmark = pytest.mark.timeout(1800)  # the story is told before the first test of it

SEED = 20_251_231
OLD, NEW = "1.0.0", "1.1.0"
COUNTED = 2_000
"""Requests over which a split is counted."""
IMPROBABLE = 1e-6
SETTLE = 1.0
"""Seconds that a proxy may take to follow a route its controller has accepted."""
SETS = (
    "predictor.autoscaling.minReplicas=2",
    "predictor.autoscaling.maxReplicas=2",
    "batch.shards=1",
    # Both slots share two CPUs with the load, and the demo's newest mornings have no outcomes.
    "judge.latencySlackSeconds=1",
    "judge.outcomeMornings=0",
)


@pytest.fixture(scope="module")
def release(namespace: Namespace) -> Release:
    """The demo with two predictors a slot, reached through the Gateway."""
    found = Release(namespace)
    found.install(*SETS)
    return found


@pytest.fixture(scope="module")
def registry(person: Person, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's models, with 1.1.0 beside them; pushed."""
    return person.registry_with(tmp_path_factory.mktemp("registry"), OLD, NEW)


@pytest.fixture(scope="module")
def right(stocks: Stocks, registry: Path) -> dict[tuple[str, str], float]:
    """What each version must answer, by stock and version."""
    return stocks.probabilities(registry, OLD) | stocks.probabilities(registry, NEW)


def settled(release: Release) -> float:
    """The moment from which the proxies do what the route says."""
    release.namespace.wait(lambda: _is_accepted(release), within=30, what="the route's acceptance")
    return time.monotonic() + SETTLE


def _is_accepted(release: Release) -> bool:
    route = release.namespace.get("httproute", release.name)
    told = [each for parent in route["status"]["parents"] for each in parent["conditions"]]
    return all(each["observedGeneration"] == route["metadata"]["generation"] for each in told)


def until_all(release: Release, load: Load, version: str) -> None:
    """Wait until a hundred requests in a row were answered by one version."""

    def all_of_it() -> bool:
        newest = sorted(load.answers[-100:], key=lambda answer: answer.began)
        return len(newest) == 100 and {version: 100} == dict(loads.by_version(newest))

    release.namespace.wait(all_of_it, within=60, what=f"all answers of {version}")


def predictions_asked(release: Release, slot: str) -> float:
    """Predictions that the transformers of a slot were asked for since their start."""
    total = 0.0
    for pod in release.namespace.pods(instance=release.name, component="transformer"):
        if pod["metadata"]["labels"]["app"] == f"isvc.{release.name}-{slot}-transformer":
            text = scraped(release, pod["metadata"]["name"])
            found = re.findall(
                r'^http_requests_total\{[^}]*"/api/v1/[a-z_]*predict"[^}]*\} (\S+)', text, re.MULTILINE
            )
            total += sum(map(float, found))
    return total


def scraped(release: Release, pod: str) -> str:
    """A pod's metrics, through the API server."""
    return kubectl(
        "get", "--raw", f"/api/v1/namespaces/{release.namespace.name}/pods/{pod}:8080/proxy/metrics"
    )


@dataclass
class Story:
    """What was seen on the way."""

    answers: list[Answered] = field(default_factory=list)
    parts: dict[str, list[Answered]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    by_header: dict[str, str] = field(default_factory=dict)
    copies: float = 0.0
    rolled_back_after: float = 0.0
    inside: list[float] = field(default_factory=list)
    """Seconds until an in-cluster client was answered by the right version after promotion, rollback, promotion."""
    failures: dict[str, int] = field(default_factory=dict)
    steps: list[dict[str, str]] = field(default_factory=list)
    """What was written down, the first one first."""


@pytest.fixture(scope="module")
def story(release: Release, person: Person, stocks: Stocks, registry: Path) -> Story:
    """Start dark, mirror, 10 %, somebody's patch, 50 %, judge, promote, rollback, promote, finish."""
    assert registry  # 1.1.0 is there
    seen = Story()
    space = release.namespace
    with stocks.load(SEED) as load:
        seen.told["start"] = person.rollout("start", NEW, "--why", "trained on another month")
        dark = settled(release)
        seen.by_header = {
            slot: stocks.asked(through=release.outside, headers={"X-Model-Variant": slot})
            for slot in ("a", "b")
        }
        seen.parts["dark"] = load.counted(200, dark, space)

        person.rollout("start", NEW, "--mirror", "50")
        mirrored = settled(release)
        before = predictions_asked(release, "b")
        seen.parts["mirror"] = load.counted(200, mirrored, space)
        seen.copies = predictions_asked(release, "b") - before

        person.rollout("start", NEW, "--weight", "10")
        seen.parts["10 %"] = load.counted(COUNTED, settled(release), space)

        patch_weights(release, a=100, b=0)
        seen.told["patched"] = person.rollout("status")
        person.rollout("start", NEW, "--weight", "50")
        seen.told["mended"] = person.rollout("status")
        half = settled(release)
        for day in (*stocks.earlier, stocks.morning):
            release.ended(release.run_by_hand(str(day)))
        seen.told["judge"] = person.rollout("judge", "--window", "30")
        seen.parts["50 %"] = load.counted(COUNTED, half, space)

        person.rollout("promote")
        until_all(release, load, NEW)
        seen.inside.append(followed(release, stocks, NEW))

        begun = time.monotonic()
        seen.told["rollback"] = person.rollout("rollback", "--why", "to see how long it takes")
        until_all(release, load, OLD)
        seen.rolled_back_after = _last(load.since(begun), NEW) - begun
        seen.inside.append(followed(release, stocks, OLD))

        person.rollout("promote")
        until_all(release, load, NEW)
        seen.told["finish"] = person.rollout("finish")
        seen.parts["finished"] = load.counted(500, time.monotonic(), space)
        seen.inside.append(followed(release, stocks, NEW))
        seen.told["status"] = person.rollout("status")
        seen.steps = release.ask("/api/v1/rollout/steps")["steps"][:8][::-1]
    seen.answers, seen.failures = load.answers, dict(load.failures())
    figures = {part: [len(found), *loads.by_version(found).items()] for part, found in seen.parts.items()}
    slow = {q: round(loads.slowest(seen.answers, q), 3) for q in (0.5, 0.95, 0.99)}
    seconds = {"rollback": seen.rolled_back_after, "inside": seen.inside, **slow}
    print(json.dumps({"answers": len(seen.answers), **figures, **seconds}))  # noqa: T201
    return seen


def _last(answers: list[Answered], version: str) -> float:
    return max((answer.began for answer in answers if version in answer.versions), default=0.0)


def followed(release: Release, stocks: Stocks, version: str) -> float:
    """Seconds after which a client that keeps its connection to the one stable name is answered by a version."""
    begun = time.monotonic()
    release.namespace.wait(
        lambda: stocks.asked(through=release.inside) == version,
        within=30,
        what=f"an in-cluster client's answer of {version}",
    )
    return time.monotonic() - begun


def patch_weights(release: Release, *, a: int, b: int) -> None:
    """What somebody does in an emergency without Helm."""
    everybody, *_ = release.namespace.get("httproute", release.name)["spec"]["rules"]
    weights = {f"{release.name}-{slot}-transformer": weight for slot, weight in (("a", a), ("b", b))}
    changes = [
        {
            "op": "replace",
            "path": f"/spec/rules/0/backendRefs/{at}/weight",
            "value": weights[backend["name"]],
        }
        for at, backend in enumerate(everybody["backendRefs"])
    ]
    release.namespace.kubectl("patch", "httproute", release.name, "--type", "json", "-p", json.dumps(changes))


@pytest.mark.full
def test_a_reload_takes_the_promoted_model_on_every_replica_and_loses_no_request(
    release: Release, person: Person, stocks: Stocks, right: dict[tuple[str, str], float]
) -> None:
    """Without a version of its own a slot follows what is promoted, once it is told to; the old model is let go."""
    headers = {"Authorization": f"Bearer {release.secret('admin-token')}"}

    def reload() -> list[tuple[str, str]]:
        # The transformer gives each predictor a minute, and all of them share these two cores with the load.
        told = release.ask("/api/v1/models/reload", {}, headers=headers, within=70)
        return [(each["result"], each["model_version"]) for each in told["replicas"]]

    with stocks.load(SEED + 1) as load:
        until_all(release, load, OLD)
        person.types("models", "promote", NEW)
        assert [("swapped", NEW)] * 2 == reload()
        until_all(release, load, NEW)
        release.namespace.wait(lambda: not _in_memory(release, OLD), within=90, what="the old model gone")
        person.types("models", "promote", OLD)
        assert [("swapped", OLD)] * 2 == reload()
        until_all(release, load, OLD)

    assert {} == dict(load.failures())
    assert [] == loads.mixed(load.answers)
    assert [] == loads.wrong(load.answers, lambda row: right[row.bse_code, row.version] == row.probability)


def _in_memory(release: Release, version: str) -> list[str]:
    """Predictors that hold a model."""
    names = [
        pod["metadata"]["name"]
        for pod in release.namespace.pods(instance=release.name, component="predictor")
    ]
    held = re.compile(rf'^model_memory_bytes\{{[^}}]*version="{re.escape(version)}"', re.MULTILINE)
    return [name for name in names if held.search(scraped(release, name))]


def test_a_model_reaches_production_comes_back_and_returns_without_a_lost_request(story: Story) -> None:
    """Whatever happens to weights and pods, every request is answered with 200."""
    assert {} == story.failures
    assert len(story.answers) > 2 * COUNTED


def test_a_rollback_takes_less_than_ten_seconds(story: Story) -> None:
    """From the return key to the last request that the new model answers."""
    assert 0 < story.rolled_back_after < 10


def test_every_answer_is_wholly_of_one_version_and_is_what_that_model_says(
    story: Story, right: dict[tuple[str, str], float]
) -> None:
    """Bit for bit, also the five stocks of one question."""

    def is_right(row: Row) -> bool:
        return right[row.bse_code, row.version] == row.probability

    assert [] == loads.mixed(story.answers)
    assert [] == loads.wrong(story.answers, is_right)
    assert any(len(answer.rows) == 5 for answer in story.answers)


def test_a_dark_version_is_seen_by_its_header_alone(story: Story) -> None:
    """Everybody else is answered by the old one."""
    assert {"a": OLD, "b": NEW} == story.by_header
    assert {OLD: len(story.parts["dark"])} == dict(loads.by_version(story.parts["dark"]))


def test_a_mirrored_version_gets_copies_and_answers_nobody(story: Story) -> None:
    """Half of the requests, give or take."""
    asked = len(story.parts["mirror"])

    assert {OLD: asked} == dict(loads.by_version(story.parts["mirror"]))
    assert asked / 4 < story.copies


@pytest.mark.parametrize(("part", "share"), [("10 %", 0.10), ("50 %", 0.50)])
def test_the_split_fits_the_weight(story: Story, part: str, share: float) -> None:
    """Chi-square over at least 2,000 requests."""
    answers = story.parts[part]

    assert len(answers) >= COUNTED
    assert loads.chance(answers, NEW, share) >= IMPROBABLE


def test_somebodys_patch_of_a_weight_is_told_and_put_back_by_the_next_step(story: Story) -> None:
    """Helm 4 would refuse the field that kubectl took."""
    assert "the route sends 100 to a and 0 to b (mirror 0), the values say 90 and 10" in story.told["patched"]
    assert "somebody changed it by hand" not in story.told["mended"]


def test_the_judge_promotes_a_version_that_is_as_good(story: Story) -> None:
    """From requests of both slots and three mornings that both models scored."""
    assert "\npromote: " in story.told["judge"]
    assert "next: upper-circuit rollout promote" in story.told["judge"]


def test_in_cluster_clients_follow_the_active_slot(story: Story) -> None:
    """They ask one name, know of no slots, and keep their connections; those last five seconds."""
    assert 3 == len(story.inside)
    assert max(story.inside) < 10


def test_after_the_end_one_slot_runs(story: Story) -> None:
    """The old one is off and everything is as the values say."""
    assert {NEW: len(story.parts["finished"])} == dict(loads.by_version(story.parts["finished"]))
    assert re.search(r"^a +off +0 +0 +not running", story.told["status"], re.MULTILINE)
    assert re.search(
        rf"^b +{NEW} +100 +100 +transformer 1/1, predictor 2/2", story.told["status"], re.MULTILINE
    )


def test_every_step_is_written_down(story: Story) -> None:
    """Who, what, when, from, to, why."""
    taken = [step["action"] for step in story.steps]
    first, *_ = story.steps

    assert ["start"] * 4 + ["promote", "rollback", "promote", "finish"] == taken
    assert "trained on another month" == first["why"]
    assert f"a {OLD} 100, b {NEW} 0" == first["to"]


@pytest.mark.full
def test_a_canary_is_aborted_and_helm_rolls_back_over_a_patch_without_a_lost_request(
    story: Story, release: Release, person: Person, stocks: Stocks
) -> None:
    """The next canary, which is the old model, goes away at 10 %; the other slot's users notice nothing."""
    assert story
    with stocks.load(SEED + 2) as load:
        person.rollout("start", OLD, "--weight", "10")
        load.counted(200, settled(release), release.namespace)
        patch_weights(release, a=50, b=50)
        release.helm("rollback", NAME, "--no-hooks", "--force-conflicts", "--server-side=true")
        until_all(release, load, NEW)
        person.rollout("start", OLD, "--weight", "10")
        load.counted(200, settled(release), release.namespace)
        aborted = person.rollout("abort", "--why", "enough seen")
        until_all(release, load, NEW)
        release.until_one_slot()
        load.counted(250, time.monotonic(), release.namespace)

    assert "goes away" in aborted
    assert {} == dict(load.failures())
    assert [] == loads.mixed(load.answers)
