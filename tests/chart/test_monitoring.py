"""
Alerts and dashboard speak of metrics that exist, and every alert has a page for whoever it wakes.

A metric that was renamed makes an alert that never fires and a panel that stays empty: nobody notices either.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from tests.chart.rendering import CHART, ci, render, values
from upper_circuit.telemetry import metrics

RUNBOOKS = CHART.parents[1] / "docs" / "runbooks"
OF_PROMETHEUS = {"up"}
"""Metrics that Prometheus itself makes."""
FUNCTIONS = {
    "absent",
    "avg",
    "count",
    "histogram_quantile",
    "increase",
    "max",
    "min",
    "rate",
    "sum",
    "time",
    "vector",
}
WORDS = {"and", "or", "unless", "on", "by", "bool", "ignoring", "without"}
TARGET_LABELS = {"job", "component", "slot"}
"""What the PodMonitor puts beside a metric's own labels."""


def known() -> dict[str, set[str]]:
    """Names of the samples that our programs export, with their labels."""
    registry = CollectorRegistry()
    made = [
        each(registry)
        for each in vars(metrics).values()
        if isinstance(each, type) and each.__module__ == metrics.__name__
    ]
    assert made
    return {name: labels for each in registry._collector_to_names for name, labels in samples(each)}


def samples(collector: Any) -> list[tuple[str, set[str]]]:
    """Names of a collector's samples: a histogram has three."""
    [family] = list(collector.describe())
    labels = set(collector._labelnames)
    if family.type == "histogram":
        return [
            (f"{family.name}_bucket", labels | {"le"}),
            (f"{family.name}_count", labels),
            (f"{family.name}_sum", labels),
        ]
    return [(f"{family.name}_total" if family.type == "counter" else family.name, labels)]


def asked(expression: str) -> dict[str, set[str]]:
    """Names of the metrics in an expression of PromQL, with the labels that are selected."""
    found: dict[str, set[str]] = {}
    for name, selector in re.findall(r"\b([a-z_][a-z0-9_]*)\b\{([^}]*)\}", expression):
        found.setdefault(name, set()).update(
            re.findall(r"(\w+)\s*[=!]~?", re.sub(r'"[^"]*"', '""', selector))
        )
    return found


def grouped(expression: str) -> set[str]:
    """Labels that an expression groups or joins by."""
    return {
        label.strip()
        for group in re.findall(r"\b(?:by|on) ?\(([^)]*)\)", expression)
        for label in group.split(",")
        if label.strip()
    }


def alerts() -> dict[str, dict[str, Any]]:
    """Every alert by name."""
    [rules] = render(ci("production")).all("PrometheusRule")
    return {rule["alert"]: rule for group in rules["spec"]["groups"] for rule in group["rules"]}


def panels() -> dict[str, list[dict[str, Any]]]:
    """What each panel of the dashboard asks, by title."""
    dashboard = json.loads(
        render(ci("production")).one("ConfigMap", "upper-circuit-dashboard")["data"]["upper-circuit.json"]
    )
    return {panel["title"]: panel["targets"] for panel in dashboard["panels"]}


def expressions() -> list[str]:
    """Everything that Prometheus is asked, by alerts and panels."""
    return [rule["expr"] for rule in alerts().values()] + [
        target["expr"] for targets in panels().values() for target in targets
    ]


def test_every_metric_that_is_asked_for_exists():
    """With the labels that it is asked by."""
    there = known()
    lost = [
        (name, labels)
        for expression in expressions()
        for name, labels in asked(expression).items()
        if name not in OF_PROMETHEUS and (name not in there or labels - there[name] - TARGET_LABELS)
    ]

    assert [] == lost


def test_every_label_that_is_grouped_by_exists():
    """Grouping by a label that no series has lumps everything together."""
    there = known()
    for expression in expressions():
        labels = {label for name in asked(expression) for label in there.get(name, set())} | TARGET_LABELS

        assert set() == grouped(expression) - labels, expression


def test_expressions_hold_together():
    """Brackets close, and every word is a metric of ours, a function or a keyword."""
    strange = {
        word
        for expression in expressions()
        for word in re.findall(
            r"\b[a-z_]{2,}[a-z0-9_]*\b",
            re.sub(r'\{[^}]*\}|"[^"]*"|\[\w+\]|(?:by|on) ?\([^)]*\)', " ", expression),
        )
        if word not in FUNCTIONS | WORDS | OF_PROMETHEUS | known().keys()
    }

    assert set() == strange
    assert [] == [
        each for each in expressions() if any(each.count(a) != each.count(b) for a, b in ("()", "{}", "[]"))
    ]


def test_alerts_and_panels_look_at_this_release_alone():
    """Two releases in one cluster do not wake each other's people."""
    selector = 'job="desk/upper-circuit"'
    outside = [
        match[0]
        for each in expressions()
        for match in re.finditer(r"\{[^}]*\}", each)
        if selector not in match[0]
    ]

    assert [] == outside


def test_every_alert_has_a_page_and_every_page_an_alert():
    """Whoever is woken at 07:31 reads, and does not search."""
    pages = {path.stem for path in RUNBOOKS.glob("*.md")}

    assert set(alerts()) == pages


@pytest.mark.parametrize("part", ["## What it means", "## Look", "## Do"])
def test_every_page_answers_the_same_three_questions(part):
    """In the same order."""
    lacking = [path.name for path in RUNBOOKS.glob("*.md") if part not in path.read_text(encoding="utf-8")]

    assert [] == lacking


def test_an_alert_names_its_page():
    """At the address that the values give."""
    address = "https://wiki.desk.example/runbooks"
    release = render(values({"monitoring": {"rules": {"enabled": True, "runbookUrl": address}}}))
    rules = [rule for group in release.all("PrometheusRule")[0]["spec"]["groups"] for rule in group["rules"]]

    assert [f"{address}/{rule['alert']}.md" for rule in rules] == [
        rule["annotations"]["runbook_url"] for rule in rules
    ]


@pytest.mark.parametrize(("clock", "seconds"), [("07:30", 27000), ("09:00", 32400), ("00:05", 300)])
def test_a_missing_list_is_told_at_the_hour_of_the_values(clock, seconds):
    """A clock in Asia/Kolkata, as seconds of its day."""
    release = render(values({"monitoring": {"rules": {"enabled": True, "runReadyBy": clock}}}))
    [rule] = [
        rule
        for group in release.all("PrometheusRule")[0]["spec"]["groups"]
        for rule in group["rules"]
        if rule["alert"] == "MorningRunMissing"
    ]

    assert f"% 86400) >= {seconds}" in rule["expr"]


def test_commands_of_the_runbooks_name_objects_that_exist():
    """`kubectl logs` of a CronJob that was renamed helps nobody."""
    release = render(ci("production"))
    names = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in release.objects}
    told = {
        name
        for path in Path(RUNBOOKS).glob("*.md")
        for name in re.findall(
            r"\b(?:cronjob|service|inferenceservice|httproute|job)/upper-circuit[a-z-]*",
            path.read_text(encoding="utf-8"),
        )
    }

    assert set() == told - names
