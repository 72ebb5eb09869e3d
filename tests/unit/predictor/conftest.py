"""A predictor in the test's own process: real loader and models, no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.registries import Shelf
from upper_circuit.models import golden


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A registry with 1.0.0, promoted, and 1.1.0."""
    return Shelf(tmp_path / "models").put("1.0.0", "1.1.0").promote("1.0.0")


@pytest.fixture(autouse=True)
def golden_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden rows are scored in this process, which saves the 1.5 s of another."""
    monkeypatch.setattr(golden, "ask_apart", lambda folder, _version, **_limits: golden.ask(folder))
