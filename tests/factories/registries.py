"""Registries as a loader meets them, good and damaged, written without passing the gate."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.factories.models import FINGERPRINT, booster, manifest, write_model
from upper_circuit.models.manifest import MODEL_FILE, Manifest
from upper_circuit.models.registry import CHANNELS, STABLE, Registry
from upper_circuit.models.version import ModelVersion


@cache
def facts(version: str, fingerprint: str = FINGERPRINT) -> tuple[bytes, Manifest]:
    """A booster and its manifest; every version's forest is another one."""
    number = ModelVersion.parse(version)
    model = booster(trees=3 + 5 * number.major + number.minor + number.patch)
    return model, manifest(model, version=number, feature_fingerprint=fingerprint)


class Shelf:
    """A registry to fill by hand."""

    def __init__(self, root: Path, fingerprint: str = FINGERPRINT) -> None:
        self.registry = Registry(root)
        self._fingerprint = fingerprint

    def put(self, *versions: str) -> Shelf:
        """Sound versions, as a publish leaves them."""
        for version in versions:
            write_model(self.folder(version), *facts(version, self._fingerprint))
        return self

    def promote(self, version: str) -> Shelf:
        """What `latest` means from now on."""
        pointer = self.folder(CHANNELS) / STABLE
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_text(f"{version}\n", encoding="utf-8")
        return self

    def damage(
        self, *versions: str, how: Callable[[bytes], bytes] = lambda model: model[:-1] + b"?"
    ) -> Shelf:
        """Change the last byte of their boosters, or do worse."""
        for version in versions:
            path = self.folder(version) / MODEL_FILE
            path.write_bytes(how(path.read_bytes()))
        return self

    def repair(self, version: str) -> Shelf:
        """Make a damaged version sound again."""
        (self.folder(version) / MODEL_FILE).write_bytes(facts(version, self._fingerprint)[0])
        return self

    def folder(self, name: str) -> Path:
        """A version's folder."""
        return self.registry.root / "XGBoost" / name
