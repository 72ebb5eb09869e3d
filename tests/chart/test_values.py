"""
Values: every name is known, every value has a type, and a slip is told at the install.

A chart that takes `timezone` for `timeZone` in silence starts the morning run at the wrong hour. Slips are tried on the
schema itself, all of them, and a few through Helm, which must ask the same schema.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any

import jsonschema
import pytest
import yaml

from tests.chart.rendering import CHART, CI, Refused, render, run_helm, values

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
CHECK = jsonschema.Draft7Validator(SCHEMA)
ANYTHING = {"pods.affinity.nodeAffinity", "pods.affinity.podAffinity", "pods.affinity.podAntiAffinity"}
"""What Kubernetes itself checks and we hand on."""

Path = tuple[str, ...]


def keys(tree: dict[str, Any], above: Path = ()) -> Iterator[Path]:
    """Paths of every key in a tree of values."""
    for key, value in tree.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from keys(value, (*above, key))


def parent(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """The mapping that holds the last key of a path."""
    for key in path[:-1]:
        tree = tree[key]
    return tree


def lines_of_defaults() -> list[str]:
    """values.yaml, line by line."""
    return (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()


every_key = pytest.mark.parametrize("path", list(keys(DEFAULTS)), ids=".".join)
fixed_keys = pytest.mark.parametrize(
    "path",
    [
        path
        for path in keys(DEFAULTS)
        if path[-2:-1] not in (("requests",), ("limits",)) and path[-1] != "grafana_dashboard"
    ],
    ids=".".join,
)


def test_the_defaults_are_allowed():
    """They lack only what has no default: where the database is."""
    assert [] == [error.message for error in CHECK.iter_errors(DEFAULTS)]


@fixed_keys
def test_a_value_that_is_taken_away_is_missed(path):
    """`--set key=null` takes a default away, and a template would put nothing in its place."""
    tree = deepcopy(DEFAULTS)
    del parent(tree, path)[path[-1]]

    assert not CHECK.is_valid(tree)


@fixed_keys
def test_a_misspelt_name_is_refused(path):
    """Beside the right one: nobody reads it, and its author believes it is read."""
    tree = deepcopy(DEFAULTS)
    parent(tree, path)[path[-1] + "x"] = parent(tree, path)[path[-1]]

    assert not CHECK.is_valid(tree)


@every_key
def test_a_value_of_another_type_is_refused(path):
    """Text for a number, a number for text, anything for a mapping."""
    tree = deepcopy(DEFAULTS)
    value = parent(tree, path)[path[-1]]
    parent(tree, path)[path[-1]] = ["text"] if isinstance(value, (str, dict)) else "text"

    assert not CHECK.is_valid(tree)


def test_every_mapping_of_the_schema_is_closed():
    """Or says of what type its free names' values are; what Kubernetes checks itself is named here."""
    open_ones = {
        ".".join(path)
        for path, schema in mappings(SCHEMA)
        if schema.get("additionalProperties", True) is True
    }

    assert ANYTHING == open_ones


def mappings(schema: dict[str, Any], above: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every schema of a mapping, with its path."""
    while "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("type") == "object":
        yield above, schema
    for name, each in schema.get("properties", {}).items():
        yield from mappings(each, (*above, name))
    if "items" in schema:
        yield from mappings(schema["items"], (*above, "[]"))


def test_every_value_stands_under_a_comment():
    """values.yaml is the reference; a name alone tells nobody what happens when it changes."""
    lines = lines_of_defaults()
    bare = [
        line
        for before, line in pairwise(lines)
        if re.match(r" *[a-zA-Z]+: *\S", line) and not before.lstrip().startswith("#") and "{" not in line
    ]

    assert [] == [line for line in bare if not re.match(r" +(requests|limits):", line)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": {"timezone": "UTC"}}, "timezone"),
        ({"batch": {"shards": "four"}}, "shards"),
        ({"transformer": {"env": {"RATE_LIMIT": "5"}}}, "RATE_LIMIT"),
        ({"slots": {"c": {"enabled": True}}}, "'c'"),
        ({"traffic": None}, "traffic"),
    ],
    ids=["misspelt", "text for a number", "no such setting", "no such slot", "taken away"],
)
def test_helm_asks_the_schema(wrong, said):
    """And names what it refuses."""
    with pytest.raises(Refused, match=said):
        render(values(wrong))


@pytest.mark.parametrize("name", sorted(CI))
def test_the_example_values_pass_a_strict_lint(name):
    """Each is a way to run the product that somebody will copy."""
    told = run_helm("lint", "--strict", str(CHART), "--values", str(CI[name]))

    assert "1 chart(s) linted, 0 chart(s) failed" in told


@pytest.mark.parametrize("name", sorted(CI))
def test_rendered_twice_the_objects_are_the_same(name):
    """A difference would restart pods at every upgrade. The demo's secrets are kept by a look at the cluster instead."""
    command = ("template", "upper-circuit", str(CHART), "--values", str(CI[name]))
    once, again = (
        [each for each in yaml.safe_load_all(run_helm(*command)) if each["kind"] != "Secret"]
        for _ in range(2)
    )

    assert once == again


def elsewhere() -> dict[str, dict[str, Any]]:
    """Values that stand in other files of ours, by where."""
    root = CHART.parents[1]
    argo = yaml.safe_load((root / "k8s" / "gitops" / "argo-cd.yaml").read_text(encoding="utf-8"))
    flux = list(yaml.safe_load_all((root / "k8s" / "gitops" / "flux.yaml").read_text(encoding="utf-8")))
    return {
        "Argo CD": argo["spec"]["source"]["helm"]["valuesObject"],
        "Flux": next(each for each in flux if each["kind"] == "HelmRelease")["spec"]["values"],
        "the cluster's tests": yaml.safe_load(
            (root / "tests" / "e2e" / "values.yaml").read_text(encoding="utf-8")
        ),
    }


def test_make_kind_installs_with_a_route_to_the_gateway_that_it_makes():
    """By its own command, but for what needs a cluster."""
    root = CHART.parents[1]
    script = (root / "k8s" / "kind-up.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    [line] = re.findall(r"^helm upgrade --install (upper-circuit .*) --wait", script, re.MULTILINE)
    flags = [str(root / word) if word.startswith("charts/") else word for word in shlex.split(line)]
    objects = list(yaml.safe_load_all(run_helm("template", *flags)))
    [route] = [each for each in objects if each["kind"] == "HTTPRoute"]
    gateway = yaml.safe_load((root / "k8s" / "gateway.yaml").read_text(encoding="utf-8"))

    assert [{"name": gateway["metadata"]["name"]}] == route["spec"]["parentRefs"]


@pytest.mark.parametrize("where", sorted(elsewhere()))
def test_values_that_stand_elsewhere_are_taken(where):
    """Whoever copies an example installs it as it is."""
    assert render(elsewhere()[where]).all("InferenceService")
