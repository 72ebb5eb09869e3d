"""
The morning run as Kubernetes is told of it, held to what the program means.

The numbers in a podFailurePolicy and the names of variables are one contract with batch/; a change on one side only
would show at seven in the morning.
"""

from __future__ import annotations

import pytest

from batch.exits import Exit
from tests.chart.rendering import CANARY, MINIMAL, ci, render, values

BATCH = "upper-circuit-batch"


@pytest.fixture
def job():
    """The Job that the CronJob makes."""
    return render(MINIMAL).one("CronJob", BATCH)["spec"]["jobTemplate"]["spec"]


def test_it_starts_at_seven_in_india():
    """Whatever zone the cluster's clocks have."""
    spec = render(MINIMAL).one("CronJob", BATCH)["spec"]

    assert ("0 7 * * *", "Asia/Kolkata") == (spec["schedule"], spec["timeZone"])


@pytest.mark.parametrize("name", ["production", "everything"])
def test_every_schedule_is_in_india(name):
    """Half past five hours lie between it and the zone of most clusters."""
    zones = {each["spec"]["timeZone"] for each in render(ci(name)).all("CronJob")}

    assert {"Asia/Kolkata"} == zones


def test_a_shard_is_a_pod(job):
    """All at once unless said otherwise."""
    assert ("Indexed", 4, 4) == (job["completionMode"], job["completions"], job["parallelism"])


def test_fewer_at_once_do_the_same_shards():
    """The number of shards is the plan's; how many run together is the cluster's."""
    spec = render(values({"batch": {"shards": 100, "parallelism": 20}})).one("CronJob", BATCH)["spec"][
        "jobTemplate"
    ]["spec"]

    assert (100, 20) == (spec["completions"], spec["parallelism"])


def test_exit_codes_mean_what_the_program_means(job):
    """A hopeless shard is given up alone, a hopeless run whole, an eviction is nobody's failure."""
    rules = job["podFailurePolicy"]["rules"]
    by_code = {rule["action"]: rule["onExitCodes"]["values"] for rule in rules if "onExitCodes" in rule}
    ignored = [rule["onPodConditions"] for rule in rules if rule["action"] == "Ignore"]

    assert {"FailIndex": [Exit.HOPELESS], "FailJob": [Exit.NOTHING_CAN]} == by_code
    assert [[{"type": "DisruptionTarget", "status": "True"}]] == ignored


def test_what_may_succeed_is_tried_again(job):
    """Codes that no rule names count as failures of their index, and these are followed by another try."""
    named = {
        code
        for rule in job["podFailurePolicy"]["rules"]
        for code in rule.get("onExitCodes", {}).get("values", [])
    }

    assert {Exit.DONE, Exit.RETRY, Exit.INTERRUPTED} == set(Exit) - named
    assert 2 == job["backoffLimitPerIndex"]


def test_a_pod_is_replaced_only_when_it_is_gone(job):
    """Two pods of one shard at once are harmless, and not wished for."""
    assert "Failed" == job["podReplacementPolicy"]


def test_no_shard_is_cut_off_because_others_are_done(job):
    """A success policy would end the slow ones."""
    assert "successPolicy" not in job


def test_a_hung_shard_ends_before_the_run_does(job):
    """And the run before the market opens at 09:15, started at 07:00."""
    pod = job["template"]["spec"]["activeDeadlineSeconds"]

    assert pod < job["activeDeadlineSeconds"] < (2 * 60 + 15) * 60


def test_the_pod_scores_and_does_not_print_its_help():
    """Without a command an empty list of arguments means those of the image, and help ends well."""
    [container] = render(MINIMAL).pod(BATCH).spec["containers"]

    assert ["python", "-m", "batch"] == container["command"]


def test_the_pod_is_told_what_it_must_know():
    """Which Job it is of, how often its shard failed before, how many there are: by the downward API, with no rights."""
    env = render(MINIMAL).pod(BATCH).env()
    fields = {
        name: value["fieldRef"]["fieldPath"]
        for name, value in env.items()
        if isinstance(value, dict) and "fieldRef" in value
    }

    assert {
        "BATCH_JOB_NAME": "metadata.labels['batch.kubernetes.io/job-name']",
        "BATCH_JOB_UID": "metadata.labels['batch.kubernetes.io/controller-uid']",
        "BATCH_FAILURES": "metadata.annotations['batch.kubernetes.io/job-index-failure-count']",
    } == fields
    assert ("4", "2", "3000") == (
        env["BATCH_SHARDS"],
        env["BATCH_FAILURES_ALLOWED"],
        env["BATCH_RUN_DEADLINE_SECONDS"],
    )


@pytest.mark.parametrize(
    ("traffic", "active", "other"),
    [({"a": 90, "b": 10}, "1.0.0", "1.1.0"), ({"a": 0, "b": 100}, "1.1.0", "1.0.0")],
)
def test_it_scores_with_the_active_slots_model_and_in_the_same_pass_with_the_others(traffic, active, other):
    """The list is that of the model that answers; the other's rows are for the judge."""
    env = render(values(CANARY, {"traffic": traffic})).pod(BATCH).env()

    assert (active, other) == (env["PREFERRED_MODEL_VERSION"], env["OTHER_MODEL_VERSION"])


def test_with_one_slot_there_is_no_other_model():
    """The promoted version scores."""
    env = render(MINIMAL).pod(BATCH).env()

    assert "latest" == env["PREFERRED_MODEL_VERSION"]
    assert "OTHER_MODEL_VERSION" not in env


def test_models_are_read_and_never_written():
    """Only the tools write to the registry."""
    pod = render(MINIMAL).pod(BATCH)
    [mount] = [each for each in pod.spec["containers"][0]["volumeMounts"] if each["name"] == "registry"]

    assert (pod.env()["MODEL_REGISTRY_PATH"], True) == (mount["mountPath"], mount["readOnly"])


@pytest.mark.parametrize(("output", "folder"), [({}, ""), ({"output": {"enabled": True}}, "/output")])
def test_files_are_written_where_there_is_a_claim_for_them(output, folder):
    """The lists are in the database in any case."""
    pod = render(values({"batch": output})).pod(BATCH)
    claims = {
        each["persistentVolumeClaim"]["claimName"]
        for each in pod.spec["volumes"]
        if "persistentVolumeClaim" in each
    }

    assert folder == pod.env()["OUTPUT_DIR"]
    assert bool(folder) == ("upper-circuit-output" in claims)


def test_the_sweeper_knows_when_a_run_is_over():
    """From the same value as the Job itself."""
    release = render(values({"batch": {"runDeadlineSeconds": 1234}}))

    assert "1234" == release.pod("upper-circuit-sweeper").env()["BATCH_RUN_DEADLINE_SECONDS"]
    assert ["python", "-m", "batch.sweep"] == release.pod("upper-circuit-sweeper").spec["containers"][0][
        "command"
    ]


def test_the_sweeper_goes_on_while_the_schedule_rests():
    """A run by hand whose shard dies would stay open for ever."""
    release = render(values({"batch": {"suspend": True}}))

    assert release.one("CronJob", BATCH)["spec"]["suspend"]
    assert "suspend" not in release.one("CronJob", "upper-circuit-sweeper")["spec"]


def test_a_queue_sees_the_job():
    """Kueue reads a label of the Job, not of its pods."""
    template = render(ci("everything")).one("CronJob", "desk-batch")["spec"]["jobTemplate"]

    assert "morning" == template["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]


def test_files_are_taken_in_before_the_run():
    """From a claim that the program cannot write to."""
    release = render(values({"ingest": {"enabled": True}}))
    pod = release.pod("upper-circuit-ingest")
    [container] = pod.spec["containers"]

    assert "15 6 * * *" == release.one("CronJob", "upper-circuit-ingest")["spec"]["schedule"]
    assert ["ingest", "--from", "/drop"] == container["args"]
    assert {"name": "drop", "mountPath": "/drop", "readOnly": True} in container["volumeMounts"]


def test_the_template_for_jobs_of_people_never_runs_by_itself():
    """`models push` makes Jobs of it; it may write to the registry and reads a stream."""
    release = render(MINIMAL)
    [container] = release.pod("upper-circuit-tools").spec["containers"]

    assert release.one("CronJob", "upper-circuit-tools")["spec"]["suspend"]
    assert container["stdin"]
    assert {"name": "registry", "mountPath": "/registry"} in container["volumeMounts"]
