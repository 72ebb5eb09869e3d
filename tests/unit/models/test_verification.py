"""The gate lets a good model through and tells by which check it stops each other one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.factories.broken_models import MALFORMED, bit_flips, damaged
from tests.factories.models import FINGERPRINT, booster, manifest, signed, write_model
from upper_circuit.errors import ModelRejected
from upper_circuit.models import golden
from upper_circuit.models.manifest import MANIFEST_FILE, MODEL_FILE
from upper_circuit.models.verification import verify
from upper_circuit.models.version import ModelVersion

VERSION = ModelVersion(1, 0, 0)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model's folder; tests copy it."""
    return write_model(tmp_path_factory.mktemp("gate") / "1.0.0")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """A good model to break."""
    return Path(shutil.copytree(good, tmp_path / "1.0.0"))


def test_a_good_model_passes_the_whole_gate(folder: Path) -> None:
    """Its manifest is what comes out."""
    assert manifest() == verify(folder, version=VERSION, fingerprint=FINGERPRINT)


@pytest.mark.usefixtures("golden_here")
def test_a_report_may_lie_beside_a_model(folder: Path) -> None:
    """Text and pictures are nothing that a server would load."""
    for name in ("report.md", "reliability.png", "training.txt"):
        (folder / name).write_bytes(b"x")

    assert manifest() == verify(folder)


@pytest.mark.parametrize(
    "name",
    ["model.pkl", "scaler.pickle", "model.joblib", "model.json", "model.bst", "second.ubj", "MODEL.UBJ", "report.md.pkl",
     ".hidden", ".report.md", "sitecustomize.py", "noending"],
)  # fmt: skip
def test_nothing_else_may_lie_beside_it(folder: Path, name: str) -> None:
    """Pickles run code when they are read, and stock servers take a .json for a second model."""
    (folder / name).write_bytes(b"\x80\x04N.")

    with pytest.raises(ModelRejected, match=r"\(files\).*does not belong here"):
        verify(folder)


def test_a_folder_inside_is_refused(folder: Path) -> None:
    """Nobody would look into it."""
    (folder / "more.txt").mkdir()

    with pytest.raises(ModelRejected, match=r"more\.txt is no plain file"):
        verify(folder)


def test_a_link_to_a_model_elsewhere_is_refused(folder: Path, good: Path) -> None:
    """What a link points at can change after the proof."""
    (folder / MODEL_FILE).unlink()
    (folder / MODEL_FILE).symlink_to(good / MODEL_FILE)

    with pytest.raises(ModelRejected, match=r"model\.ubj is no plain file"):
        verify(folder)


@pytest.mark.parametrize("name", [MODEL_FILE, MANIFEST_FILE])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    """Both files make a model."""
    (folder / name).unlink()

    with pytest.raises(ModelRejected, match=f"{name} is missing"):
        verify(folder)


def test_no_folder_is_no_model(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(ModelRejected, match="is no folder"):
        verify(tmp_path / "1.0.0")


def replace_model(model: bytes) -> Callable[[Path], None]:
    """A damage that puts other bytes in the model's place."""

    def damage(folder: Path) -> None:
        (folder / MODEL_FILE).write_bytes(model)

    return damage


def replace_manifest(old: str, new: str) -> Callable[[Path], None]:
    """A damage that changes a word of the manifest."""

    def damage(folder: Path) -> None:
        text = (folder / MANIFEST_FILE).read_text()
        assert old in text
        (folder / MANIFEST_FILE).write_text(text.replace(old, new, 1))

    return damage


def swap_manifest(folder: Path) -> None:
    """A damage that gives the model the manifest of another one."""
    (folder / MANIFEST_FILE).write_text(manifest(booster(trees=7)).to_yaml())


@pytest.mark.usefixtures("golden_here")
@pytest.mark.parametrize(
    ("damage", "check", "reason"),
    [
        (replace_model(booster()[:-1]), "size", "the manifest says 7,"),
        (replace_model(b""), "size", "has 0 bytes"),
        (replace_model(next(bit_flips(booster(), 1))), "sha256", "the manifest says"),
        (swap_manifest, "size", "the manifest says"),
        (replace_manifest("version: 1.0.0", "version: 1.1.0"), "manifest", "is that of version 1.1.0"),
        (replace_manifest(FINGERPRINT, "ab" * 16), "fingerprint", "train a new version"),
        (replace_manifest("trees: 6", "trees: 7"), "manifest", "6 trees were found, 7 are said"),
        (replace_manifest("slope: 0.9", "slope: 0.8"), "golden rows", "has probability"),
        (replace_manifest("created_at: 2025", "created_at: x025"), "manifest", "created_at: "),
    ],
)
def test_each_damage_is_stopped_by_its_check(
    folder: Path, damage: Callable[[Path], None], check: str, reason: str
) -> None:
    """The refusal names the check, so that a log line is enough to know what to do."""
    damage(folder)

    with pytest.raises(ModelRejected) as refused:
        verify(folder, version=VERSION, fingerprint=FINGERPRINT)

    assert check == refused.value.check
    assert reason in refused.value.reason


@pytest.mark.usefixtures("golden_here")
def test_a_golden_answer_that_differs_is_refused(folder: Path) -> None:
    """A manifest that promises another margin than the model gives."""
    facts = manifest()
    first = facts.golden[0].model_copy(update={"margin": facts.golden[0].margin + 0.5})
    (folder / MANIFEST_FILE).write_text(
        facts.model_copy(update={"golden": (first, *facts.golden[1:])}).to_yaml()
    )

    with pytest.raises(ModelRejected, match=r"\(golden rows\): row 0 has margin"):
        verify(folder)


def test_names_in_another_order_are_refused(folder: Path) -> None:
    """The forest knows its columns by place: with two names exchanged it would score the wrong values."""
    facts = manifest()
    names = (facts.feature_names[1], facts.feature_names[0], *facts.feature_names[2:])
    (folder / MANIFEST_FILE).write_text(facts.model_copy(update={"feature_names": names}).to_yaml())

    with pytest.raises(ModelRejected, match=r"\(structure\): feature_names is"):
        verify(folder)


def test_a_model_beyond_the_memory_limit_is_not_read(folder: Path) -> None:
    """Its size is known before its bytes."""
    with pytest.raises(ModelRejected, match=r"\(size\): .* 1,000 are allowed"):
        verify(folder, memory_limit=1_000)


@pytest.mark.parametrize(
    "name",
    ["left child out of range", "ring beside the tree", "cycle to the root", "split on a far feature", "leaf not a number",
     "tree number twice", "tree of another class", "deeper than recursion stands"],
)  # fmt: skip
def test_a_forger_who_signs_his_own_file_gets_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """With hash and size made to fit, the structural proof still stops what would kill, and XGBoost is never asked."""
    asked: list[object] = []
    monkeypatch.setattr(golden, "ask_apart", lambda *given, **_limits: asked.append(given))
    model = damaged(MALFORMED[name])

    with pytest.raises(ModelRejected) as refused:
        verify(write_model(tmp_path / "1.0.0", model, signed(manifest(), model)))

    assert "structure" == refused.value.check
    assert [] == asked
