"""
Alerts and dashboard speak of metrics that exist, and every alert has a page for whoever it wakes.

A metric that was renamed makes an alert that never fires and a panel that stays empty: nobody notices either. Nor does
anybody notice an alert on a rise from nowhere, or one that counts probes; so what alerts ask is held against what our
programs really show.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.chart.rendering import CHART, ci, render, values
from tests.factories.models import FINGERPRINT
from tests.factories.registries import Shelf
from transformer import paths
from upper_circuit.judging import scrapes
from upper_circuit.models import golden
from upper_circuit.models.loader import ModelLoader, Policy
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
WORDS = {"and", "or", "unless", "on", "by", "bool", "ignoring", "without", "offset"}
TARGET_LABELS = {"job", "component", "slot"}
"""What the PodMonitor puts beside a metric's own labels."""
MATCHES = {
    "=": lambda pattern, value: pattern == value,
    "!=": lambda pattern, value: pattern != value,
    "=~": lambda pattern, value: re.fullmatch(pattern, value) is not None,
    "!~": lambda pattern, value: re.fullmatch(pattern, value) is None,
}
ROUTES = {
    **{path.route: path.is_limited for path in paths._KNOWN.values()},
    **{route: True for _, route in paths._BELOW},
    paths.OTHER: True,
}
"""Every route of the transformer, and whether it is for others than probes and scrapes."""


def everything(registry: CollectorRegistry) -> dict[type, Any]:
    """Every set of metrics, as our programs make them."""
    made = {
        each: each(registry)
        for each in vars(metrics).values()
        if isinstance(each, type) and each.__module__ == metrics.__name__
    }
    assert made
    return made


def known() -> dict[str, set[str]]:
    """Names of the samples that our programs export, with their labels."""
    registry = CollectorRegistry()
    everything(registry)
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
    for name, selector in selectors(expression):
        found.setdefault(name, set()).update(
            re.findall(r"(\w+)\s*[=!]~?", re.sub(r'"[^"]*"', '""', selector))
        )
    return found


def selectors(expression: str) -> list[tuple[str, str]]:
    """Metrics of an expression, each with what is selected of it."""
    return re.findall(r"\b([a-z_][a-z0-9_]*)\b\{([^}]*)\}", expression)


def selects(selector: str, labels: dict[str, str]) -> bool:
    """Whether a sample is among what is selected, whoever Prometheus had it from."""
    return all(
        MATCHES[operator](pattern, labels.get(label, ""))
        for label, operator, pattern in re.findall(r'(\w+)\s*([=!]~?)\s*"([^"]*)"', selector)
        if label not in TARGET_LABELS
    )


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


def test_requests_are_counted_without_probes_wherever_they_are_asked_for():
    """A pod that is not ready says 503 to its kubelet every two seconds, and to no user."""
    there = known()
    by_route = [
        selector
        for expression in expressions()
        for name, selector in selectors(expression)
        if "route" in there.get(name, ())
    ]

    assert by_route
    for selector in by_route:
        asked_for = {route for route in ROUTES if selects(selector, {"route": route, "status": "503"})}
        assert {route for route, is_asked in ROUTES.items() if is_asked} == asked_for, selector


def test_the_judge_takes_no_probe_for_evidence_either():
    """What alerts leave out it leaves out; of the rest it looks at the routes that score."""
    registry = CollectorRegistry()
    answers = metrics.HttpMetrics(registry)
    for route in ROUTES:
        answers.answered(route, "GET", 503, 0.1)

    judged = {route for route, _ in scrapes.read(generate_latest(registry).decode())}

    assert set(scrapes.SCORING_ROUTES) == judged
    assert all(ROUTES[route] for route in judged)


def test_a_counter_whose_rise_is_an_alert_is_there_before_it_rises():
    """Prometheus knows no rise of a series that begins with the event. Requests begin with their route's first answer."""
    registry = CollectorRegistry()
    everything(registry)[metrics.HttpMetrics].answered(scrapes.SCORING_ROUTES[0], "POST", 200, 0.1)
    shown = [sample for family in registry.collect() for sample in family.samples]
    rises = [
        (name, selector)
        for rule in alerts().values()
        for name, selector in re.findall(r"\b(?:rate|increase)\((\w+)\{([^}]*)\}", rule["expr"])
    ]

    assert rises
    assert [] == [
        (name, selector)
        for name, selector in rises
        if not any(sample.name == name and selects(selector, sample.labels) for sample in shown)
    ]


def test_a_fallback_that_began_before_the_first_scrape_is_told_until_it_ends(tmp_path, monkeypatch):
    """A loader falls back once, in the first seconds of its pod: both alerts ask what is and not what rose."""
    monkeypatch.setattr(golden, "ask_apart", lambda folder, _version, **_limits: golden.ask(folder))
    shelf = Shelf(tmp_path / "models").put("1.0.0", "1.1.0").promote("1.1.0").damage("1.1.0")
    registry = CollectorRegistry()
    loader = ModelLoader(
        shelf.registry,
        fingerprint=lambda: FINGERPRINT,
        metrics=metrics.ModelMetrics(registry),
        clock=lambda: 0.0,
        policy=Policy(tries=1),
    )
    asked_for = re.compile(r"max by \(slot\) \((\w+)\{[^}]*\}\) == 1")
    [fell_back] = asked_for.findall(alerts()["ModelFellBack"]["expr"])
    [load_fails] = asked_for.findall(alerts()["ModelLoadFails"]["expr"])

    loader.load_model()
    first_scrape = [registry.get_sample_value(each) for each in (fell_back, load_fails)]
    shelf.repair("1.1.0")
    loader.reload_models()

    assert [1, 1] == first_scrape
    assert [0, 0] == [registry.get_sample_value(each) for each in (fell_back, load_fails)]


def test_the_dead_man_holds_dates_against_today():
    """A yes of yesterday would pass for today's where the ledger could not be read since."""
    today = re.escape("time() - (time() + 19800) % 86400")
    expression = alerts()["MorningRunMissing"]["expr"]

    assert re.search(rf"max\(batch_due_date_timestamp_seconds\{{[^}}]*\}}\) >= {today}", expression)
    assert re.search(rf"max\(batch_done_date_timestamp_seconds\{{[^}}]*\}}\) < {today}", expression)


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


@pytest.mark.parametrize(("percent", "share"), [(2, "0.02"), (0.5, "0.005"), (0, "0"), (100, "1")])
def test_a_rise_of_skipped_stocks_is_that_of_the_values(percent, share):
    """Against a week ago: how many are skipped at all is the market's, as the README's report shows."""
    release = render(values({"monitoring": {"rules": {"enabled": True, "skippedRisePercent": percent}}}))
    [rule] = [
        rule
        for group in release.all("PrometheusRule")[0]["spec"]["groups"]
        for rule in group["rules"]
        if rule["alert"] == "StocksSkipped"
    ]

    now, before = rule["expr"].removesuffix(f" > {share}").split(" - ")
    assert now == before.replace(" offset 1w", "")
    assert rule["annotations"]["summary"].startswith(f"{percent} % more")


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
