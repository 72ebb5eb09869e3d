"""A model that passed the real gate once, and a gate that asks golden rows in the test's own process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.factories.models import booster, manifest
from upper_circuit.models import golden
from upper_circuit.models.registry import Registry


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a registry with version 1.0.0, published through the whole gate; tests copy it."""
    root = tmp_path_factory.mktemp("registry")
    Registry(root).publish(booster(), manifest(), documents={"report.md": b"# 1.0.0\n"})
    return root


@pytest.fixture
def registry(published: Path, tmp_path: Path) -> Registry:
    """A registry of the test's own that holds 1.0.0."""
    return Registry(Path(shutil.copytree(published, tmp_path / "models")))


@pytest.fixture
def golden_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden rows are scored in this process, which saves the 1.5 s of another; for models that are known to be sound."""

    def ask_here(folder: Path, _version: str, **_limits: Any) -> golden.Answers:
        return golden.ask(folder)

    monkeypatch.setattr(golden, "ask_apart", ask_here)
