"""`upper-circuit rollout` as a person sees it: a release in a file, a cluster in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner, Result

from cli.api import Answer
from cli.cluster import Cluster
from cli.rollout.commands import app
from cli.rollout.helm import HelmFailed
from cli.rollout.plan import RolloutRefused
from cli.rollout.slots import NotReady
from tests.factories.clusters import ClusterInMemory, http_route, inference_service, pod
from tests.factories.helm import HelmStandIn
from tests.factories.rollouts import values
from upper_circuit.rollout import LONGEST
from upper_circuit.telemetry.metrics import HttpMetrics

TOKEN = {"existingSecret": "admin", "key": "token"}


class Desk:
    """A person with a release and a cluster."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.helm = HelmStandIn(folder).release(values(adminToken=TOKEN))
        self.cluster = ClusterInMemory.empty().with_slot("a").with_slot("b")
        self.cluster.objects["route"] = http_route(100)
        self.cluster.secrets["admin/token"] = "hush\n"
        self.cluster.answers["/api/v1/rollout"] = Answer(201, b"{}")
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr(Cluster, "at", lambda *_: self.cluster)

    def run(self, *words: str) -> Result:
        """What the command does; errors come out as they are."""
        ended = CliRunner().invoke(app, [*words, "--chart", str(self.helm.chart)])
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """One of the test's own: 1.0.0 in slot a."""
    return Desk(tmp_path, monkeypatch)


def test_a_start_changes_the_values_waits_and_is_written_down(desk: Desk) -> None:
    """Dark first, ready, then the weight; and the next command is named."""
    told = desk.run("start", "1.1.0", "--weight", "10", "--why", "newer data").output

    assert [
        ["slots.b.enabled=true", "slots.b.version=1.1.0"],
        ["traffic.a=90", "traffic.b=10", "traffic.mirror=0"],
    ] == desk.helm.upgrades
    [(_, path, step, headers)] = desk.cluster.sent
    assert ("/api/v1/rollout", "Bearer hush") == (path, headers["authorization"])
    assert ("start", "a 1.0.0 100", "a 1.0.0 90, b 1.1.0 10", "newer data") == tuple(
        step[name] for name in ("action", "from", "to", "why")
    )
    assert "waiting for slot b" in told
    assert told.endswith("next: upper-circuit rollout judge\n")


def test_what_comes_next_is_never_a_judge_without_requests(desk: Desk) -> None:
    """A dark version gets none; and where no Gateway splits them, it is promoted or not."""
    assert desk.run("start", "1.1.0").output.endswith("next: upper-circuit rollout start 1.1.0 --weight 10\n")
    assert desk.run("status").output.endswith("next: upper-circuit rollout start 1.1.0 --weight 10\n")
    assert desk.run("start", "1.1.0", "--mirror", "20").output.endswith("next: upper-circuit rollout judge\n")

    desk.helm.release(values(adminToken=TOKEN, has_route=False))
    assert desk.run("start", "1.1.0").output.endswith("next: upper-circuit rollout promote\n")


def test_the_token_is_never_shown(desk: Desk) -> None:
    """In no line and no command."""
    told = desk.run("start", "1.1.0").output

    assert "hush" not in told + str(desk.helm.asked)


def test_the_whole_story_is_one_command_a_step(desk: Desk) -> None:
    """Start, shift, promote, roll back, promote, finish: each a revision, each a row."""
    for words in (
        ("start", "1.1.0"),
        ("start", "1.1.0", "--weight", "50"),
        ("promote",),
        ("rollback",),
        ("promote",),
        ("finish",),
    ):
        desk.run(*words)

    assert ["start", "start", "promote", "rollback", "promote", "finish"] == [
        step["action"] for _, _, step, _ in desk.cluster.sent
    ]
    assert "b 1.1.0 100" == desk.cluster.sent[-1][2]["to"]


def test_an_abort_leaves_the_version_that_was_there(desk: Desk) -> None:
    """In two upgrades."""
    desk.run("start", "1.1.0", "--weight", "10")

    desk.run("abort")

    assert [
        ["traffic.a=100", "traffic.b=0", "traffic.mirror=0"],
        ["slots.b.enabled=false"],
    ] == desk.helm.upgrades[-2:]


def test_a_dry_run_prints_and_does_nothing(desk: Desk) -> None:
    """The commands as they would be run."""
    told = desk.run("start", "1.1.0", "--weight", "10", "--dry-run").output

    assert ([], []) == (desk.helm.upgrades, desk.cluster.sent)
    assert "--set traffic.a=90 --set traffic.b=10" in told
    assert told.endswith("nothing was done\n")


def test_a_slot_that_follows_the_promoted_version_is_pinned_to_what_answers(desk: Desk) -> None:
    """The API says which that is."""
    desk.helm.release(values(a=""))
    desk.cluster.answers["/api/v1/health"] = {"model_version": "1.0.0"}

    desk.run("start", "1.1.0")

    assert ["slots.b.enabled=true", "slots.b.version=1.1.0", "slots.a.version=1.0.0"] == desk.helm.upgrades[0]


@pytest.mark.parametrize("has_release", [True, False], ids=["a release of Helm", "none"])
def test_under_argo_cd_the_values_are_printed_and_nothing_changes(desk: Desk, has_release: bool) -> None:
    """Argo CD renders the chart and keeps no release; then the cluster says what is."""
    if not has_release:
        desk.helm.release()
    model = {"env": [{"name": "PREFERRED_MODEL_VERSION", "value": "1.0.0"}]}
    desk.cluster.objects["upper-circuit-a"]["spec"] = {"predictor": {"model": model}}
    del desk.cluster.objects["upper-circuit-b"]
    desk.cluster.objects["route"] = http_route(100, annotations={"argocd.argoproj.io/tracking-id": "uc:x"})

    with pytest.raises(RolloutRefused) as refused:
        desk.run("start", "1.1.0", "--weight", "10")

    told = str(refused.value)
    assert told.startswith("Argo CD (uc:x) writes the values of this release, so nothing was changed here")
    assert (
        "slots:\n  b:\n    enabled: true\n    version: 1.1.0\n---\ntraffic:\n  a: 90\n  b: 10\n  mirror: 0\n"
        in told
    )
    assert [] == desk.helm.upgrades


def test_without_a_release_the_older_slot_is_that_of_the_lower_version(desk: Desk) -> None:
    """Git remembers, the cluster does not: 1.1.0 with all the traffic was promoted and is no canary's neighbour."""
    desk.helm.release()
    for slot, version in (("a", "1.0.0"), ("b", "1.1.0")):
        model = {"env": [{"name": "PREFERRED_MODEL_VERSION", "value": version}]}
        desk.cluster.objects[f"upper-circuit-{slot}"]["spec"] = {"predictor": {"model": model}}
    desk.cluster.objects["route"] = http_route(0, 100, labels={"helm.toolkit.fluxcd.io/name": "uc"})

    with pytest.raises(RolloutRefused, match=r"(?s)Flux \(uc\).*a: 100\n  b: 0\n"):
        desk.run("rollback")


def test_a_step_that_cannot_be_written_down_is_told_and_stays(desk: Desk) -> None:
    """At 09:10 the traffic matters more than the history."""
    desk.cluster.answers["/api/v1/rollout"] = Answer(503, b"the database is away")
    assert (
        "warning: not recorded: b-transformer-0 answered 503: the database is away"
        in desk.run("start", "1.1.0").output
    )

    desk.helm.release(values())
    assert "warning: not recorded: adminToken.existingSecret is not set" in desk.run("start", "1.1.0").output

    desk.helm.release(values(adminToken={"existingSecret": "gone"}))
    assert "warning: not recorded: Secret gone" in desk.run("start", "1.1.0").output


def test_a_demo_brings_the_token_its_steps_are_written_with(desk: Desk) -> None:
    """Whoever tries it sees the history too."""
    desk.cluster.secrets["upper-circuit-demo/admin-token"] = "made up\n"
    desk.helm.release(values(bootstrap={"demo": True}))

    assert "warning" not in desk.run("start", "1.1.0").output
    assert ["Bearer made up"] == [headers["authorization"] for *_, headers in desk.cluster.sent]


def test_a_pod_that_answers_before_kubernetes_has_looked_is_told_as_one(desk: Desk) -> None:
    """A probe comes every two seconds."""
    desk.cluster.with_slot("b", ready=False)
    ready = b'{"name": "upper-circuit", "ready": true}'
    desk.cluster.answers["b-predictor-0/v2/models/upper-circuit/ready"] = Answer(200, ready)

    with pytest.raises(NotReady, match="predictor 0/1 ready: ready, which Kubernetes has not seen yet"):
        desk.run("start", "1.1.0", "--timeout", "0")


def test_a_canary_that_does_not_get_ready_says_why(desk: Desk) -> None:
    """In its own words; no traffic moves."""
    desk.cluster.with_slot("b", ready=False)
    because = b'{"error": "no usable XGBoost model: 1.1.0 is not in /mnt/models"}'
    desk.cluster.answers["b-predictor-0/v2/models/upper-circuit/ready"] = Answer(503, because)
    desk.cluster.answers["b-transformer-0/api/v1/health/ready"] = Answer(503, b'{"message": "shutting down"}')

    with pytest.raises(
        NotReady, match=r"predictor 0/1 ready: no usable XGBoost model: 1\.1\.0 is not in /mnt/models"
    ):
        desk.run("start", "1.1.0", "--weight", "10", "--timeout", "0")

    assert 1 == len(desk.helm.upgrades)


def test_a_step_that_ends_half_way_is_written_down_as_far_as_it_came(desk: Desk) -> None:
    """The slot runs, its weight was never given; whoever reads the history must see both."""
    desk.cluster.with_slot("b", ready=False)
    because = {"error": "no usable XGBoost model: " + "x" * 600}
    desk.cluster.answers["b-predictor-0/v2/models/upper-circuit/ready"] = Answer(
        503, json.dumps(because).encode()
    )

    with pytest.raises(NotReady):
        desk.run("start", "1.1.0", "--weight", "10", "--timeout", "0", "--why", "newer data")

    [(_, _, step, _)] = desk.cluster.sent
    assert ("start", "a 1.0.0 100", "a 1.0.0 100, b 1.1.0 0") == tuple(
        step[name] for name in ("action", "from", "to")
    )
    assert step["why"].startswith("newer data; stopped half way: slot b is not ready after 0 s")
    assert LONGEST == len(step["why"])


def test_a_step_that_changed_nothing_is_no_row(desk: Desk) -> None:
    """Helm refused the first change."""
    desk.helm.refuses("no")

    with pytest.raises(HelmFailed):
        desk.run("start", "1.1.0")

    assert [] == desk.cluster.sent


def test_status_tells_weights_versions_and_what_is_wrong(desk: Desk) -> None:
    """As the values say and as the route is."""
    desk.helm.release(values(b="1.1.0", weights=(90, 10)))
    desk.cluster.objects["upper-circuit-b"] = inference_service(ready=False)
    ended = [
        {
            "lastState": {"terminated": {"exitCode": 139, "reason": "Error"}},
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        }
    ]
    desk.cluster.standing["b-predictor"] = [
        pod("b-predictor-0", ready=False, phase="Pending", containers=ended)
    ]

    told = desk.run("status").output

    lines = [line for line in told.splitlines() if not line.startswith("+ ")]
    assert [
        "SLOT  VERSION  VALUES  ROUTE  READY",
        "a     1.0.0    90      100    transformer 1/1, predictor 1/1",
        "b     1.1.0    10      0      no (transformer 1/1, predictor 0/1)",
        "active: a (in-cluster clients and the morning run); mirror 0 %",
        "slot b: predictor 0/1 ready: CrashLoopBackOff; ended with 139 (Error)",
    ] == lines[:5]
    assert lines[5].startswith("the route sends 100 to a and 0 to b (mirror 0), the values say 90 and 10")
    assert "next: upper-circuit rollout judge" == lines[6]


def test_status_of_one_slot_names_the_first_step(desk: Desk) -> None:
    """Slot b is off."""
    del desk.cluster.objects["upper-circuit-b"]

    told = desk.run("status").output

    assert "b     off      0       0      not running" in told
    assert told.endswith("next: upper-circuit rollout start VERSION\n")


def requests(answered: int, failed: int = 0) -> Callable[[], bytes]:
    """A /metrics of a transformer that answers so many between two looks."""
    registry = CollectorRegistry()
    counted = HttpMetrics(registry)

    def scrape() -> bytes:
        text = generate_latest(registry)
        for number in range(answered):
            counted.answered("/api/v1/predict", "POST", 502 if number < failed else 200, 0.004)
        return text

    return scrape


def rows(day: str) -> dict[str, Any]:
    """A morning on which both models agree, one stock in ten locked."""
    scores = [number / 2_000 for number in range(400)]
    codes = [f"{500_000 + number}" for number in range(400)]
    return {
        "prediction_date": day,
        "missed": 0,
        "bse_codes": codes,
        **dict.fromkeys(("stable", "stable_margin", "canary", "canary_margin"), scores),
        "labels": [int(number % 10 == 0) for number in range(400)],
    }


@pytest.fixture
def trial(desk: Desk) -> Desk:
    """1.1.0 with 10 %: as good as 1.0.0 in every respect."""
    desk.helm.release(values(b="1.1.0", weights=(90, 10)))
    days = [f"2026-01-{day:02}" for day in range(12, 0, -1)]
    window = {"calibrate_until": "2025-12-31"}
    spreads = [
        {"name": name, "trained": [0.5, 0.5, 0.0], "now": [0.5, 0.5, 0.0], "rows": 400 * 12}
        for name in ("probability", "rsi_14")
    ]
    answers = {
        "a-transformer-0/metrics": requests(4_000),
        "b-transformer-0/metrics": requests(1_000),
        "/api/v1/comparison?stable=1.0.0&canary=1.1.0&limit=40": {"mornings": days},
        **{f"/api/v1/comparison/{day}?stable=1.0.0&canary=1.1.0": rows(day) for day in days},
        "/api/v1/models": {
            "models": [{"version": version, "window": window} for version in ("1.0.0", "1.1.0")]
        },
        "a-transformer-0/api/v1/drift": {"model_version": "1.0.0", "spreads": spreads},
        "b-transformer-0/api/v1/drift": {"model_version": "1.1.0", "spreads": spreads},
    }
    desk.cluster.answers.update(answers)
    return desk


def judged(desk: Desk) -> Result:
    """What the judge says after no time at all."""
    return desk.run("judge", "--window", "0")


def test_a_canary_as_good_as_its_neighbour_is_promoted(trial: Desk) -> None:
    """Everything was seen, every check passes, and the exit code says so too."""
    ended = judged(trial)

    assert 0 == ended.exit_code
    assert "promote: all 13 checks pass\nnext: upper-circuit rollout promote\n" in ended.output
    assert "not seen" not in ended.output


def test_a_canary_that_fails_is_rolled_back(trial: Desk) -> None:
    """With the check that says why, and the command that takes it away."""
    trial.cluster.answers["b-transformer-0/metrics"] = requests(1_000, failed=30)

    ended = judged(trial)

    assert 2 == ended.exit_code
    assert "roll back: errors (30 of 1000 requests" in ended.output
    assert ended.output.endswith("next: upper-circuit rollout abort\n")


def test_outcomes_of_mornings_a_model_was_trained_on_do_not_count(trial: Desk) -> None:
    """It may know them by heart."""
    window = {"calibrate_until": "2026-01-05"}
    trial.cluster.answers["/api/v1/models"]["models"][1]["window"] = window

    ended = judged(trial)

    assert 3 == ended.exit_code
    assert "280 locks on 7 mornings with outcomes, 30 on 10 are needed" in ended.output


def test_what_cannot_be_seen_is_told_and_passes_nothing(trial: Desk) -> None:
    """A canary that answers nothing must not stop its own judgement."""
    for key in ("b-transformer-0/metrics", "b-transformer-0/api/v1/drift", "/api/v1/models"):
        del trial.cluster.answers[key]

    ended = judged(trial)

    assert 3 == ended.exit_code
    assert "not seen: metrics of b-transformer-0: nobody answers" in ended.output
    assert "not seen: spreads of slot b: nobody answers" in ended.output


def test_a_desks_own_limits_are_taken_from_the_values(trial: Desk) -> None:
    """A limit of a tenth of a percent takes more requests than there were."""
    trial.helm.release(values(b="1.1.0", weights=(90, 10), judge={"errorRate": 0.001}))

    assert 3 == judged(trial).exit_code


def test_there_must_be_something_to_judge(desk: Desk) -> None:
    """One slot is no comparison."""
    with pytest.raises(RolloutRefused, match="nothing to judge: only slot a runs"):
        desk.run("judge")
