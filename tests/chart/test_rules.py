"""
What the schema cannot say is said in a sentence, before anything is installed.

Each of these would otherwise show days later: a morning run that is never made because its pods' names are too long,
a canary that gets no requests, rows of two models that cannot be told apart.
"""

from __future__ import annotations

import pytest

from tests.chart.rendering import CANARY, CHART, FROM_S3, MINIMAL, Refused, render, values

ONE_SLOT_OF_ONE_POD = {
    "predictor": {"autoscaling": {"minReplicas": 1, "maxReplicas": 1}},
    "batch": {"shards": 1},
}
OUTPUT_ON_ONE_NODE = {"batch": {"output": {"enabled": True, "accessMode": "ReadWriteOnce"}}}
RULES = {
    "no database": ({"database": {"existingSecret": ""}}, "set database.existingSecret"),
    "a demo into one's own database": (
        {"bootstrap": {"demo": True}},
        "would fill yours with a synthetic market",
    ),
    "a demo past its registry": (
        {
            "bootstrap": {"demo": True},
            "database": {"existingSecret": ""},
            "registry": {"storageUri": "s3://models"},
        },
        "registry.storageUri goes past",
    ),
    "a name of digits": ({"fullnameOverride": "7desk"}, "must begin with a letter"),
    "a name too long for its shards": (
        {"fullnameOverride": "a" * 44, "batch": {"shards": 100}},
        "has 44 characters and 100 shards leave room for 43",
    ),
    "no slot": ({"slots": {"a": {"enabled": False}}}, "no slot runs"),
    "slots without versions": ({"slots": {"b": {"enabled": True}}}, "each must name its model"),
    "one version twice": (
        {**CANARY, "slots": {"a": {"version": "1.0.0"}, "b": {"enabled": True, "version": "1.0.0"}}},
        "are both 1.0.0: their rows could not be told apart",
    ),
    "more pods than at most": (
        {"slots": {"a": {"minReplicas": 7}}},
        "transformer.autoscaling.maxReplicas is 6",
    ),
    "weights of 90": ({**CANARY, "traffic": {"a": 80, "b": 10}}, "together they must be 100"),
    "weight for a slot that is off": ({"traffic": {"a": 90, "b": 10}}, "slots.b.enabled is false"),
    "a mirror of one slot": ({"traffic": {"mirror": 5}}, "traffic.mirror needs both slots"),
    "a route to no Gateway": ({"route": {"enabled": True}}, "set route.parentRefs"),
    "a split without a Gateway": (
        {**CANARY, "route": {"enabled": False}, "traffic": {"a": 90, "b": 10}},
        "only a Gateway can split or mirror",
    ),
    "a registry of one node": (
        {"registry": {"accessMode": "ReadWriteOnce"}},
        "registry.accessMode is ReadWriteOnce",
    ),
    "models that nobody may fetch": (
        {**FROM_S3, "networkPolicy": {}},
        "their policy keeps them from: set networkPolicy.egress.predictor",
    ),
    "two registries and no version": (
        {**FROM_S3, "slots": {}},
        "set slots.a.version, or batch.enabled=false",
    ),
    "lists on one node": (OUTPUT_ON_ONE_NODE, "any of 4 shards may write the lists"),
    "no time to end": (
        {"predictor": {"preStopSeconds": 45}},
        "must be more than predictor.preStopSeconds, which is 45",
    ),
    "a try as long as two runs": (
        {"batch": {"podDeadlineSeconds": 6000}},
        "one hung shard would end the run",
    ),
    "more at once than there are": ({"batch": {"parallelism": 5}}, "there are 4 shards"),
}


@pytest.mark.parametrize(("given", "sentence"), RULES.values(), ids=RULES)
def test_it_is_refused_in_a_sentence(given, sentence):
    """One that names the value to change."""
    with pytest.raises(Refused) as refused:
        render(values(given))

    assert sentence in str(refused.value)


def test_a_name_too_long_for_its_namespace_is_refused():
    """KServe makes one label of both, would find it too long for ever, and the transformer would never be made."""
    with pytest.raises(
        Refused, match=r"has 36 characters and the namespace trading-desk1 leaves room for 35"
    ):
        render(values({"fullnameOverride": "a" * 36}), namespace="trading-desk1")


def test_a_name_may_be_as_long_as_its_namespace_allows():
    """Proven on KServe 0.20: the label of the transformer's address may have 63 characters."""
    [service] = render(values({"fullnameOverride": "a" * 35}), namespace="trading-desk1").all(
        "InferenceService"
    )

    assert 63 == len(f"{service['metadata']['name']}-transformer-trading-desk1")


def test_what_must_not_happen_has_a_test_for_each_sentence():
    """A `fail` nobody has tried may fail with the template's own error instead."""
    text = (CHART / "templates" / "_validate.tpl").read_text(encoding="utf-8")
    of_the_namespace = 1

    assert len(RULES) + of_the_namespace == text.count("- fail ")


def test_a_name_may_be_as_long_as_the_pods_of_a_run_by_hand_allow():
    """43 characters, -batch, -YYYY-MM-DD and -99 make 63."""
    release = render(values({"fullnameOverride": "a" * 43, "batch": {"shards": 100}}))

    [name] = [each for each in release.names("CronJob") if each.endswith("-batch")]
    assert 63 == len(f"{name}-2025-12-17-99")


def test_one_pod_of_each_kind_may_share_a_disk_of_one_node():
    """What a laptop's cluster offers is enough to see it work."""
    release = render(values(ONE_SLOT_OF_ONE_POD, {"registry": {"accessMode": "ReadWriteOnce"}}))

    claim = release.one("PersistentVolumeClaim", "upper-circuit-registry")
    assert ["ReadWriteOnce"] == claim["spec"]["accessModes"]


@pytest.mark.parametrize(
    "given",
    [
        {"batch": {"enabled": False}, "predictor": ONE_SLOT_OF_ONE_POD["predictor"]},
        {**FROM_S3, "batch": {"shards": 1}},
        {"batch": {"enabled": False, "output": OUTPUT_ON_ONE_NODE["batch"]["output"]}},
    ],
    ids=["no morning run", "models fetched from elsewhere", "lists of no morning run"],
)
def test_only_what_mounts_a_claim_counts_for_its_mode(given):
    """Shards that never run, or predictors whose models come from elsewhere, share no disk."""
    mode = {} if "output" in given["batch"] else {"accessMode": "ReadWriteOnce"}

    assert render(values(given, {"registry": mode})).names("PersistentVolumeClaim")


@pytest.mark.parametrize("uri", ["pvc://models/desk", "oci://registry.example/models:1"])
def test_what_kserve_mounts_needs_no_way_out(uri):
    """Nodes bring claims and images; nothing in the pod reaches for them."""
    given = values(FROM_S3, {"registry": {"storageUri": uri}, "networkPolicy": {"egress": {"predictor": []}}})

    assert "upper-circuit-predictor" not in render(given).names("NetworkPolicy")


def test_without_a_morning_run_slots_may_follow_the_promotion_elsewhere():
    """There is nobody whom the claim would tell otherwise."""
    given = values(FROM_S3, {"slots": {"a": {"version": ""}}, "batch": {"enabled": False}})

    assert "latest" == render(given).pod("upper-circuit-a-predictor").env()["PREFERRED_MODEL_VERSION"]


def test_a_release_that_is_called_otherwise_carries_the_product_in_its_names():
    """Two products of one desk in one namespace then stay apart."""
    assert "desk-upper-circuit" in render(MINIMAL, release="desk").names("Service")
