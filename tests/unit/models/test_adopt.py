"""A version of one registry in another: the same to the last byte, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.factories.models import FINGERPRINT, booster, manifest
from upper_circuit.errors import ModelRejected, PublishRefused
from upper_circuit.models.manifest import MANIFEST_FILE, MODEL_FILE
from upper_circuit.models.registry import Registry
from upper_circuit.models.version import ModelVersion

V1 = ModelVersion(1, 0, 0)


def files_of(registry: Registry) -> dict[str, bytes]:
    """Those of 1.0.0."""
    return {path.name: path.read_bytes() for path in registry.folder(V1).iterdir()}


@pytest.mark.usefixtures("golden_here")
def test_a_version_is_adopted_byte_for_byte_and_once(registry: Registry, tmp_path: Path) -> None:
    """With its report; again it changes nothing and says so."""
    other = Registry(tmp_path / "other")

    first = other.adopt(V1, files_of(registry), fingerprint=FINGERPRINT)
    again = other.adopt(V1, files_of(registry), fingerprint=FINGERPRINT)

    assert (True, False) == (first, again)
    assert files_of(registry) == files_of(other)
    assert () == other.ignored()


@pytest.mark.usefixtures("golden_here")
def test_another_model_under_a_number_that_is_taken_is_refused(registry: Registry) -> None:
    """Also where only the report differs: a published version never changes."""
    before = files_of(registry)

    for changed in (
        {**before, "report.md": b"# another\n"},
        {MODEL_FILE: b"?", MANIFEST_FILE: before[MANIFEST_FILE]},
    ):
        with pytest.raises(PublishRefused, match=r"1\.0\.0 .* never changes"):
            registry.adopt(V1, changed, fingerprint=FINGERPRINT)

    assert before == files_of(registry)


@pytest.mark.usefixtures("golden_here")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({MODEL_FILE: booster()[:-1] + b"?"}, "sha256"),
        ({MODEL_FILE: booster(trees=7)}, "size"),
        ({MANIFEST_FILE: b"\xff"}, "manifest"),
        ({MANIFEST_FILE: b"version: 1.0.0\n"}, "manifest"),
        ({MANIFEST_FILE: manifest(version=ModelVersion(1, 1, 0)).to_yaml().encode()}, "manifest"),
    ],
    ids=["changed", "of another size", "no text", "no manifest", "of another version"],
)  # fmt: skip
def test_what_fails_the_gate_leaves_nothing(
    registry: Registry, tmp_path: Path, change: dict[str, bytes], check: str
) -> None:
    """As it is for a training's own model."""
    other = Registry(tmp_path / "other")

    with pytest.raises(ModelRejected) as rejected:
        other.adopt(V1, {**files_of(registry), **change}, fingerprint=FINGERPRINT)

    assert check == rejected.value.check
    assert () == (*other.versions(), *other.ignored())


def test_a_version_without_its_files_is_refused(registry: Registry, tmp_path: Path) -> None:
    """Neither half will do."""
    files = files_of(registry)

    for missing in (MANIFEST_FILE, MODEL_FILE):
        half = {name: content for name, content in files.items() if name != missing}
        with pytest.raises(ModelRejected, match=missing):
            Registry(tmp_path / "other").adopt(V1, half, fingerprint=FINGERPRINT)


def test_a_model_for_other_features_stays_outside(registry: Registry, tmp_path: Path) -> None:
    """The program that would score with it makes other rows."""
    with pytest.raises(ModelRejected, match="fingerprint"):
        Registry(tmp_path / "other").adopt(V1, files_of(registry), fingerprint="other")


def test_a_file_that_no_registry_holds_is_refused(registry: Registry, tmp_path: Path) -> None:
    """A stock server loads whatever lies beside a model."""
    files = {**files_of(registry), "model.json": b"{}"}

    with pytest.raises(PublishRefused, match=r"document 'model\.json'"):
        Registry(tmp_path / "other").adopt(V1, files, fingerprint=FINGERPRINT)
