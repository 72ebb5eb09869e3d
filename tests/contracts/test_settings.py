"""What can be set stands in five classes, in `.env.example` and in compose.yaml; they must speak of the same things."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic_settings import BaseSettings

from batch.settings import BatchSettings
from cli.places import Places
from cli.serve import ServeSettings
from predictor.settings import PredictorSettings
from transformer.settings import TransformerSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
COMPOSE = ROOT / "compose.yaml"
PROGRAMS: tuple[type[BaseSettings], ...] = (
    BatchSettings,
    Places,
    PredictorSettings,
    ServeSettings,
    TransformerSettings,
)
OF_SERVICE = {"api": TransformerSettings, "predictor": PredictorSettings, "batch": BatchSettings}
DECIDED_BY_COMPOSE = {
    "api": {
        "API_LISTEN_HOST": "a container's loopback reaches nobody",
        "API_PORT": "PUBLISHED_ADDRESS says where it is reached",
        "FEATURE_DBS_PATH": "the volume",
        "PREDICTOR_HOST": "the other service",
        "PREDICTOR_URLS": "PREDICTOR_HOST takes its place",
    },
    "predictor": {
        "LOG_DIR": "the only folder it can write to",
        "MODEL_LOAD_BEFORE_READY": "it is healthy when it can answer",
        "MODEL_REGISTRY_PATH": "the volume",
        "PREDICTOR_LISTEN_HOST": "a container's loopback reaches nobody",
        "PREDICTOR_PORT": "PREDICTOR_HOST of the other service names it",
    },
}
"""Settings that `.env` does not reach there, with the reason."""
COMPOSE_ALONE = {"POSTGRES_PASSWORD", "PUBLISHED_ADDRESS", "DATA_UID", "DATA_GID"}
FOR_THIS_MACHINE = {"batch_workers"}
"""Defaults that differ from machine to machine."""

by_program = pytest.mark.parametrize("settings", PROGRAMS, ids=lambda each: each.__name__)


def names(settings: type[BaseSettings]) -> set[str]:
    """Environment variables of a program."""
    return {name.upper() for name in settings.model_fields}


def example() -> dict[str, str]:
    """Names and values in `.env.example`, all of which stand behind a #."""
    lines = re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == len(dict(lines)), "a variable stands twice in .env.example"
    return dict(lines)


def services() -> dict[str, dict[str, object]]:
    """The services of compose.yaml."""
    found: dict[str, dict[str, object]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


def variables_of_compose() -> set[str]:
    """What compose.yaml takes from the environment or `.env`."""
    return set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text(encoding="utf-8")))


def test_the_example_names_every_setting_and_no_other():
    """A setting that no file tells of is found by nobody; a name that no program reads is set in vain."""
    expected = set().union(*(names(settings) for settings in PROGRAMS)) | COMPOSE_ALONE

    told = set(example())

    assert expected == told


@by_program
def test_what_the_example_says_is_the_default(settings, tmp_path, monkeypatch):
    """Whoever takes away a # has what was there before: the example tells what happens without it."""
    for name in set().union(*(names(each) for each in PROGRAMS)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    defaults = settings()
    shown = "".join(f"{name}={value}\n" for name, value in example().items())
    (tmp_path / ".env").write_text(shown, encoding="utf-8")

    read = settings()

    assert defaults.model_dump(exclude=FOR_THIS_MACHINE) == read.model_dump(exclude=FOR_THIS_MACHINE)


def test_every_line_of_the_example_is_a_comment():
    """Copied as it is, the example changes nothing: not even a variable is set to nothing."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()

    not_comments = [line for line in lines if line and not line.startswith("#")]

    assert not not_comments


@by_program
def test_every_setting_says_what_it_is(settings):
    """A field's docstring is what errors, documentation and chart tell of it."""
    silent = [name for name, field in settings.model_fields.items() if not field.description]

    assert not silent


@pytest.mark.parametrize("service", sorted(OF_SERVICE))
def test_a_service_is_given_settings_that_its_program_reads(service):
    """A variable that the program does not know is ignored in silence, so compose.yaml would lie."""
    given = services()[service]["environment"]

    assert isinstance(given, dict)
    assert set(given) <= names(OF_SERVICE[service])


@pytest.mark.parametrize("service", sorted(DECIDED_BY_COMPOSE))
def test_what_is_set_in_the_env_file_reaches_the_service(service):
    """By its name and with no default but the program's, or compose decides it for a reason: nothing is dropped in silence."""
    given = services()[service]["environment"]

    assert isinstance(given, dict)
    handed_on = {name for name, value in given.items() if value == f"${{{name}:-}}"}
    assert names(OF_SERVICE[service]) - handed_on == DECIDED_BY_COMPOSE[service].keys()


def test_what_compose_takes_from_outside_stands_in_the_example():
    """`.env` is the one place where a person sets anything."""
    assert variables_of_compose() <= set(example())


def test_variables_of_compose_alone_are_used_there():
    """A line of the example that nothing reads misleads."""
    assert variables_of_compose() >= COMPOSE_ALONE


def test_services_of_ours_cannot_write_outside_their_data():
    """Read-only root, no capabilities, no root: a container that is broken into is worth little."""
    ours = [each for name, each in services().items() if name in OF_SERVICE]

    kept = [
        (
            each["read_only"],
            each["cap_drop"],
            each["security_opt"],
            str(each["user"]).startswith("${DATA_UID:-1000}"),
        )
        for each in ours
    ]

    assert [(True, ["ALL"], ["no-new-privileges:true"], True)] * len(OF_SERVICE) == kept


def test_every_service_that_stays_says_how_its_health_is_asked():
    """In its image or here; without it a container that answers nobody counts as running."""
    silent = []
    for name, service in services().items():
        build = service.get("build")
        dockerfile = (
            (ROOT / build["dockerfile"]).read_text(encoding="utf-8") if isinstance(build, dict) else ""
        )
        stays = service["restart"] != "no"
        if stays and "healthcheck" not in service and "\nHEALTHCHECK " not in dockerfile:
            silent.append(name)

    assert not silent


def test_the_predictor_and_the_stores_are_not_reached_from_outside():
    """Only the API listens for others; the database for commands on this machine."""
    outside = {
        name: service["ports"] for name, service in services().items() if "outside" in service["networks"]
    }

    assert {"api": ["${PUBLISHED_ADDRESS:-127.0.0.1:8000}:8000"], "db": ["127.0.0.1:5432:5432"]} == outside
