"""
Install, upgrade, uninstall: what comes first, what stays, and what the demo brings.

Helm runs a hook before the objects of the release are there; whatever a hook needs and does not bring makes the first
install hang, and only that one.
"""

from __future__ import annotations

import ast
import json

import pytest

from tests.chart.rendering import CHART, CI, FROM_S3, MINIMAL, Object, Release, ci, render, values

HOOK, WEIGHT, DELETED = "helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy"


def annotations(each: Object) -> dict[str, str]:
    """Of an object; none is none."""
    found: dict[str, str] = each["metadata"].get("annotations", {})
    return found


def hooks(release: Release, event: str) -> list[Object]:
    """Objects that Helm makes at an event, in the order of their weights."""
    found = [each for each in release.objects if event in annotations(each).get(HOOK, "").split(",")]
    return sorted(found, key=lambda each: int(annotations(each).get(WEIGHT, "0")))


def script(name: str) -> str:
    """A program that the chart hands to Python."""
    return (CHART / "files" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("event", ["pre-install", "pre-upgrade"])
def test_the_tables_are_brought_up_to_date_first(event):
    """With an account and a policy of their own, made before the Job."""
    found = hooks(render(MINIMAL), event)

    assert ("Job", {"ServiceAccount", "NetworkPolicy"}) == (
        found[-1]["kind"],
        {each["kind"] for each in found[:-1]},
    )
    assert ["database", "upgrade"] == found[-1]["spec"]["template"]["spec"]["containers"][0]["args"]


def test_a_hook_needs_nothing_that_comes_after_it():
    """Its account is a hook too, its Secret is the user's, and it mounts no claim of ours."""
    release = render(MINIMAL)
    pod = release.pod("upper-circuit-migrate").spec
    early = {each["metadata"]["name"] for each in hooks(release, "pre-install")}

    assert pod["serviceAccountName"] in early
    assert [] == [each for each in pod["volumes"] if "persistentVolumeClaim" in each]


def test_hooks_leave_nothing_behind():
    """Helm forgets hooks at an uninstall, so they go when they have succeeded; one that failed tells why first."""
    release = render(MINIMAL)
    found = [*hooks(release, "pre-install"), *hooks(release, "test")]

    assert {"before-hook-creation,hook-succeeded"} == {annotations(each)[DELETED] for each in found}
    assert all("hook-failed" in annotations(each)["helm.sh/hook-output-log-policy"] for each in found)


def test_an_uninstall_keeps_claims_and_nothing_else():
    """Programs can be installed again; what an exchange published years ago cannot be fetched again."""
    release = render(ci("everything"))
    kept = [each for each in release.objects if annotations(each).get("helm.sh/resource-policy") == "keep"]

    assert release.all("PersistentVolumeClaim") == kept
    assert ["desk-output", "desk-registry"] == release.names("PersistentVolumeClaim")


def test_the_demos_data_go_with_it():
    """A second install makes a new password, which an old PostgreSQL would not know."""
    release = render(ci("development"))
    kept = {
        each["metadata"]["name"]: "helm.sh/resource-policy" in annotations(each)
        for each in release.all("PersistentVolumeClaim")
    }

    assert {"upper-circuit-database": False, "upper-circuit-registry": True} == kept


def test_the_demo_has_no_hook_that_waits_for_the_api():
    """`helm install --wait` waits for the API first, and the API waits for the demo's market."""
    release = render(ci("development"))

    assert [] == [
        each for event in ("pre-install", "post-install", "post-upgrade") for each in hooks(release, event)
    ]
    assert 1 == len(release.all("Job"))


def test_the_demo_makes_tables_then_market_and_model():
    """In one Job, whose first step waits until PostgreSQL answers."""
    [job] = render(ci("development")).all("Job")
    pod = job["spec"]["template"]["spec"]

    assert ["database-answers", "tables"] == [each["name"] for each in pod["initContainers"]]
    assert ["bootstrap", "--registry", "/registry"] == pod["containers"][0]["args"]


def test_another_image_makes_another_job():
    """A Job's pod cannot be changed: under the same name the upgrade would fail."""
    names = [
        render({**ci("development"), "image": {"tag": tag}}).names("Job")[0]
        for tag in ("1.0.0", "1.0.0", "1.0.1")
    ]

    assert names[0] == names[1] != names[2]


def test_the_demo_makes_up_secrets_and_shows_none():
    """They stand in one Secret and nowhere else."""
    release = render(ci("development"))
    [secret] = release.all("Secret")
    others = json.dumps([each for each in release.objects if each["kind"] != "Secret"])

    assert {"admin-token", "database-password", "database-url"} == set(secret["data"])
    assert [] == [value for value in secret["data"].values() if value in others]


@pytest.mark.parametrize("name", sorted(CI))
def test_no_secret_of_the_user_is_made_by_the_chart(name):
    """They are named, and never hold values of values.yaml."""
    made = render(ci(name)).names("Secret")

    assert (["upper-circuit-demo"] if ci(name).get("bootstrap", {}).get("demo") else []) == made


def test_the_release_tests_itself_by_asking():
    """`helm test` with the tools' image, whose program comes from the chart."""
    [pod] = hooks(render(MINIMAL), "test")
    [container] = pod["spec"]["containers"]

    *program, seconds = container["command"]
    assert ["python", "-c", script("ask_release.py"), "http://upper-circuit"] == program
    assert float(seconds) < pod["spec"]["activeDeadlineSeconds"] < 300, "Helm's own limit"


@pytest.mark.parametrize("name", sorted(path.name for path in (CHART / "files").glob("*.py")))
def test_a_program_of_the_chart_is_one(name):
    """It is handed over as text, so that nothing else would notice a slip."""
    assert ast.parse(script(name)).body


def test_the_charts_version_and_the_programs_are_the_projects():
    """One number for what is released together."""
    import tomllib

    import yaml

    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((CHART.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == chart["appVersion"] == chart["version"]


def test_another_storage_uri_is_handed_to_kserve():
    """The claim stays for the morning run and the tools."""
    release = render(values(FROM_S3))
    [service] = release.all("InferenceService")

    assert "s3://models/registry" == service["spec"]["predictor"]["model"]["storageUri"]
    assert "upper-circuit-registry" in release.names("PersistentVolumeClaim")


def test_what_kserve_needs_to_fetch_stands_on_the_predictors_account():
    """Its webhook looks for credentials there and nowhere else."""
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/models"}
    given = values(FROM_S3, {"registry": {"existingSecret": "desk-s3", "accountAnnotations": role}})
    accounts = {each["metadata"]["name"]: each for each in render(given).all("ServiceAccount")}
    account = accounts.pop("upper-circuit-predictor")

    assert ([{"name": "desk-s3"}], role) == (account["secrets"], annotations(account))
    assert [] == [
        name
        for name, each in accounts.items()
        if "secrets" in each or role.items() <= annotations(each).items()
    ]


def test_the_registrys_root_is_what_kserve_mounts():
    """All versions at once: a change of version is a variable and not another disk."""
    [service] = render(MINIMAL).all("InferenceService")

    assert "pvc://upper-circuit-registry" == service["spec"]["predictor"]["model"]["storageUri"]
