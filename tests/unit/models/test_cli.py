"""`upper-circuit models` as a person sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.models import app
from tests.factories.models import NAMES, booster, manifest
from upper_circuit import features
from upper_circuit.errors import BadInput, ModelNotFound, ModelRejected
from upper_circuit.models.registry import Registry
from upper_circuit.models.version import ModelVersion

V2 = ModelVersion(1, 1, 0)


@pytest.fixture(autouse=True)
def same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's formulas are those the small models were made for."""
    monkeypatch.setattr(features, "FINGERPRINT", manifest().feature_fingerprint)


def run(*words: str, registry: Registry) -> str:
    """What the command prints; an error comes out as it is."""
    ended = CliRunner().invoke(app, list(words), env={"MODEL_REGISTRY_PATH": str(registry.root)})
    if ended.exception:
        raise ended.exception
    return ended.output


@pytest.mark.usefixtures("golden_here")
def test_the_list_shows_every_version_and_the_next_command(registry: Registry) -> None:
    """One aligned line a version; with nothing promoted yet, promoting is next."""
    registry.publish(booster(trees=7), manifest(booster(trees=7), version=V2))

    lines = run("list", registry=registry).splitlines()

    assert [
        "VERSION  PROMOTED  CREATED           FITTED ON                 TEST F1  PR-AUC  SIZE",
        "1.0.0              2025-07-01 12:30  2022-01-03 to 2024-12-31  0.4500   0.4100  0.0 MB",
        "1.1.0              2025-07-01 12:30  2022-01-03 to 2024-12-31  0.4500   0.4100  0.0 MB",
        "no version is promoted",
        "next: upper-circuit models promote 1.1.0",
    ] == lines


def test_an_empty_registry_says_what_to_do(tmp_path: Path) -> None:
    """Training is what fills it."""
    registry = Registry(tmp_path / "none")

    assert f"no models in {registry.root}\nnext: upper-circuit train --help\n" == run(
        "list", registry=registry
    )


def test_the_list_names_what_it_ignores_and_what_is_damaged(registry: Registry) -> None:
    """One broken model does not hide the others."""
    (registry.root / "XGBoost" / "1.2").mkdir()
    (registry.root / "XGBoost" / "1.3.0").mkdir()

    shown = run("list", registry=registry)

    assert f"ignored: {registry.root / 'XGBoost' / '1.2'}" in shown
    assert re.search(r"^1\.3\.0 +damaged: .*manifest\.yaml cannot be read", shown, re.MULTILINE)
    assert re.search(r"^1\.0\.0 ", shown, re.MULTILINE)


def test_a_version_is_shown_with_its_facts(registry: Registry) -> None:
    """Window, calibration, features and the metrics beside the base rate; what is not known is n/a."""
    shown = run("show", "1.0.0", registry=registry)

    assert "model        XGBoost 1.0.0\n" in shown
    assert "2022-01-03 to 2024-12-31, calibrated until 2025-06-30, tested until 2025-12-17" in shown
    assert "slope 0.9000, intercept -0.2500" in shown
    assert f"25, fingerprint {manifest().feature_fingerprint}" in shown
    assert re.search(r"^test +all +1,000 +0\.0460 +n/a +0\.4100 +0\.4500", shown, re.MULTILINE)
    assert shown.endswith("next: upper-circuit models verify 1.0.0\n")


@pytest.mark.usefixtures("golden_here")
def test_a_model_is_verified_promoted_and_then_latest(registry: Registry) -> None:
    """The way of a new model: verify promote, and `latest` is it."""
    verified = run("verify", "1.0.0", registry=registry)
    promoted = run("promote", "1.0.0", "--by", "asha", registry=registry)
    again = run("promote", "latest", registry=registry)
    listed = run("list", registry=registry)

    assert verified.startswith("1.0.0 is sound: 6 trees, ")
    assert verified.endswith(
        "16 golden rows answered as when it was made\nnext: upper-circuit models promote 1.0.0\n"
    )
    assert promoted.startswith("1.0.0 is promoted, the first one\nnext: python -m batch --date")
    assert again.startswith("1.0.0 is sound and stays promoted")
    assert re.search(r"^1\.0\.0 +stable ", listed, re.MULTILINE)
    assert listed.endswith("next: upper-circuit models verify 1.0.0\n")


@pytest.mark.usefixtures("golden_here")
def test_a_promotion_says_the_way_back(registry: Registry) -> None:
    """Who promotes a second version is told how to return to the first."""
    registry.publish(booster(trees=7), manifest(booster(trees=7), version=V2))
    run("promote", "1.0.0", registry=registry)

    assert "next: upper-circuit models show 1.1.0" in run("list", registry=registry)
    shown = run("promote", "1.1.0", registry=registry)

    assert shown.startswith("1.1.0 is promoted, in place of 1.0.0\n")
    assert "(back: upper-circuit models promote 1.0.0)" in shown


def test_a_model_for_other_features_is_not_verified(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program compares with the formulas it has itself."""
    monkeypatch.setattr(features, "FINGERPRINT", "other")

    with pytest.raises(ModelRejected, match="fingerprint"):
        run("verify", "1.0.0", registry=registry)


def test_wrong_words_are_errors_for_people(registry: Registry) -> None:
    """What is no version and what is not there come out of the domain's own tree."""
    with pytest.raises(BadInput, match="'newest' is no model version"):
        run("show", "newest", registry=registry)
    with pytest.raises(ModelNotFound, match=r"9\.9\.9 is not in"):
        run("show", "9.9.9", registry=registry)
    with pytest.raises(ModelNotFound, match="no version is promoted"):
        run("verify", "latest", registry=registry)


def test_the_sample_has_as_many_features_as_the_product() -> None:
    """The small models of these tests have the product's width."""
    assert len(features.FEATURE_NAMES) == len(NAMES)
