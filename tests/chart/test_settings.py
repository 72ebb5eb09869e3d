"""
Variables in the pods are settings of the programs, and every setting can be reached by a value.

A variable that no program reads is set in vain, in silence; a setting that no value reaches makes people fork the chart.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from batch.settings import BatchSettings
from predictor.settings import PredictorSettings
from tests.chart.rendering import CHART, ci, render
from transformer.settings import TransformerSettings
from upper_circuit.judging.thresholds import Thresholds, camel

PROGRAMS: dict[str, type[BaseSettings]] = {
    "transformer": TransformerSettings,
    "predictor": PredictorSettings,
    "batch": BatchSettings,
}
BY_THE_CHART = {
    "transformer": {
        "ADMIN_TOKEN",
        "API_LISTEN_HOST",
        "API_PORT",
        "DATABASE_URL",
        "PREDICTOR_HOST",
    },
    "predictor": {
        "ADMIN_TOKEN",
        "MODEL_LOAD_BEFORE_READY",
        "MODEL_REGISTRY_PATH",
        "MODEL_STRICT",
        "PREDICTOR_LISTEN_HOST",
        "PREDICTOR_PORT",
        "PREFERRED_MODEL_VERSION",
    },
    "batch": {
        "BATCH_FAILURES",
        "BATCH_FAILURES_ALLOWED",
        "BATCH_JOB_NAME",
        "BATCH_JOB_UID",
        "BATCH_RUN_DEADLINE_SECONDS",
        "BATCH_SHARDS",
        "DATABASE_URL",
        "MODEL_REGISTRY_PATH",
        "OTHER_MODEL_VERSION",
        "OUTPUT_DIR",
        "PREFERRED_MODEL_VERSION",
    },
}
"""What the chart sets itself, from values of its own."""
NOT_IN_KUBERNETES = {
    "transformer": {
        "FEATURE_DBS_PATH": "SQLite is for one machine",
        "PREDICTOR_URLS": "PREDICTOR_HOST takes its place",
        "WORKERS": "one process a pod; pods are scaled",
    },
    "predictor": {"LOG_DIR": "lines go to stderr, which Kubernetes keeps"},
    "batch": {
        "FEATURE_DBS_PATH": "SQLite is for one machine",
        "JOB_COMPLETION_INDEX": "Kubernetes sets it in the pods of an Indexed Job",
    },
}
"""Settings that no value reaches, with the reason."""
PODS = {"transformer": "desk-a-transformer", "predictor": "desk-a-predictor", "batch": "desk-batch"}

every_program = pytest.mark.parametrize("program", sorted(PROGRAMS))


def schema() -> dict[str, Any]:
    """values.schema.json."""
    found: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    return found


def settings(program: str) -> set[str]:
    """Names of a program's variables."""
    return {name.upper() for name in PROGRAMS[program].model_fields}


def by_value(program: str) -> set[str]:
    """Names that `env` and `secretEnv` of a program take."""
    values = schema()["properties"][program]["properties"]
    return {name for key in ("env", "secretEnv") if key in values for name in values[key]["properties"]}


@every_program
def test_variables_of_a_pod_are_settings_of_its_program(program):
    """With everything on."""
    given = set(render(ci("everything")).pod(PODS[program]).env())

    assert set() == given - settings(program)


@every_program
def test_the_chart_sets_what_is_its_own(program):
    """With everything on, and no value may set it otherwise."""
    given = set(render(ci("everything")).pod(PODS[program]).env())

    assert BY_THE_CHART[program] == given - by_value(program)


@every_program
def test_every_other_setting_is_reached_by_a_value(program):
    """Or is none of Kubernetes' business, for a reason."""
    assert settings(program) == by_value(program) | BY_THE_CHART[program] | NOT_IN_KUBERNETES[program].keys()


@every_program
def test_secret_settings_come_from_secrets_alone(program):
    """As a value they would stand in the release, for everybody who may read it."""
    values = schema()["properties"][program]["properties"]
    secret = {
        name.upper()
        for name, field in PROGRAMS[program].model_fields.items()
        if "Secret" in str(field.annotation) or not field.repr
    }

    assert set() == secret & set(values["env"]["properties"])


def test_the_limits_of_the_judge_are_values():
    """With its own names; what is not given keeps its default, which stands in one place."""
    assert {camel(each.name) for each in fields(Thresholds)} == set(
        schema()["properties"]["judge"]["properties"]
    )


def test_the_sweepers_variables_are_settings_of_the_batch():
    """It is the same program's other half."""
    assert set() == set(render(ci("everything")).pod("desk-sweeper").env()) - settings("batch")
