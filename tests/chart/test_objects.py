"""
Every object is one that its API takes, for each Kubernetes that the chart is for.

An unknown field is dropped in silence by one API and refused by the next; both are found here and not in a cluster.
"""

from __future__ import annotations

import warnings
from functools import cache

import pytest

from tests.chart.rendering import CI, FROM_S3, Release, ci, render, values
from tests.chart.schemas import SHAPES, shape_faults

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from kubernetes_validate import utils as kubernetes_validate

OLDEST = (1, 33)
VERSIONS = sorted(
    {
        tuple(int(part) for part in version.split(".")[:2])
        for version in kubernetes_validate.all_versions()
        if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST
    }
)
KSERVE = {"InferenceService": "V1beta1InferenceService", "ServingRuntime": "V1alpha1ServingRuntime"}

every_example = pytest.mark.parametrize("name", sorted(CI))


@pytest.fixture(autouse=True, scope="module")
def read_once():
    """The package reads 2 MB of definitions for every object; here once a version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate, "schema_contents", cache(kubernetes_validate.schema_contents))
        yield


def kubernetes_own(release: Release) -> list[dict]:
    """Objects of Kubernetes' own APIs."""
    return [each for each in release.objects if each["kind"] not in (*KSERVE, *SHAPES)]


@every_example
@pytest.mark.parametrize("version", VERSIONS, ids=lambda each: f"1.{each[1]}")
def test_kubernetes_takes_every_object(name, version):
    """Strictly: no unknown field, no duplicate, from the oldest version that the chart is for to the newest known."""
    wanted = ".".join(str(part) for part in version)

    for each in kubernetes_own(render(ci(name), kubernetes=f"{wanted}.0")):
        kubernetes_validate.validate(each, wanted, strict=True)


def test_names_that_yaml_takes_for_something_else_stay_names():
    """A Secret may be called 123, one of its keys null, a release true."""
    secret = {"existingSecret": "123", "key": "null"}
    claim = {"existingClaim": "123", "storageClassName": "1e3"}
    strange = values(
        FROM_S3,
        {
            "fullnameOverride": "on",
            "pods": {"priorityClassName": "0x1"},
            "database": secret,
            "adminToken": secret,
            "transformer": {"secretEnv": {"REDIS_URL": {"name": "1", "key": "true"}}},
            "registry": {"existingSecret": "123", **claim},
            "batch": {"output": {"enabled": True, "storageClassName": "123"}},
            "ingest": {"enabled": True, "drop": claim},
        },
    )
    release = render(strange, release="true")

    for each in kubernetes_own(release):
        kubernetes_validate.validate(each, "1.34", strict=True)
    assert [] == [
        fault
        for kind, model in KSERVE.items()
        for each in release.all(kind)
        for fault in shape_faults(each, model, kind)
    ]
    assert {"name": "123", "key": "null"} == release.pod("on-batch").env()["DATABASE_URL"]["secretKeyRef"]
    assert {"true"} == {each["metadata"]["labels"]["app.kubernetes.io/instance"] for each in release.objects}


@every_example
def test_kserve_takes_its_objects(name):
    """As its own package describes them."""
    release = render(ci(name))
    faults = [
        fault
        for kind, model in KSERVE.items()
        for each in release.all(kind)
        for fault in shape_faults(each, model, kind)
    ]

    assert [] == faults
    assert release.all("InferenceService")


def test_a_misspelt_field_of_kserve_is_found():
    """The check itself: without it the test above would pass on anything."""
    [each] = render(ci("minimal")).all("InferenceService")
    broken = {
        **each,
        "spec": {**each["spec"], "transformer": {**each["spec"]["transformer"], "contaners": []}},
    }

    faults = list(shape_faults(broken, "V1beta1InferenceService", "it"))

    assert ["it.spec.transformer.contaners is unknown"] == faults


@every_example
def test_gateway_and_prometheus_take_theirs(name):
    """As far as the chart uses them."""
    faults = [
        fault
        for each in render(ci(name)).objects
        if each["kind"] in SHAPES
        for fault in shape_faults(each["spec"], SHAPES[each["kind"]])
    ]

    assert [] == faults


@every_example
def test_no_definition_of_another_product_is_brought_along(name):
    """Two charts that own one definition stop each other's upgrades."""
    assert [] == render(ci(name)).all("CustomResourceDefinition")


def test_it_installs_without_gateway_api_and_prometheus_operator():
    """Objects of theirs appear by value alone."""
    kinds = {each["kind"] for each in render(ci("minimal")).objects}

    assert set() == kinds & set(SHAPES)


@every_example
def test_every_object_says_whose_it_is(name):
    """`kubectl get -l app.kubernetes.io/instance=...` finds all of them."""
    silent = [
        each["metadata"]["name"]
        for each in render(ci(name)).objects
        if {"app.kubernetes.io/name": "upper-circuit", "app.kubernetes.io/instance": "upper-circuit"}.items()
        - each["metadata"]["labels"].items()
    ]

    assert [] == silent


@every_example
def test_no_two_objects_have_one_name(name):
    """The second would take the first one's place."""
    told = [(each["kind"], each["metadata"]["name"]) for each in render(ci(name)).objects]

    assert sorted(set(told)) == sorted(told)
