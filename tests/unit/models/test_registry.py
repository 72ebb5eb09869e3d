"""A registry shows whole models only, whatever happens while one is written."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.factories.broken_models import MALFORMED, damaged
from tests.factories.models import FINGERPRINT, booster, manifest, signed
from upper_circuit.errors import BadInput, ModelNotFound, ModelRejected, PublishRefused
from upper_circuit.models import registry as registry_module
from upper_circuit.models.manifest import MANIFEST_FILE, MODEL_FILE
from upper_circuit.models.registry import Registry
from upper_circuit.models.verification import verify
from upper_circuit.models.version import ModelVersion

V1 = ModelVersion(1, 0, 0)
V2 = ModelVersion(1, 1, 0)
AT = datetime(2025, 7, 1, 18, 0, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def tree_of(root: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def two(registry: Registry, golden_here: None) -> Registry:  # noqa: ARG001
    """A registry that holds 1.0.0 and 1.1.0."""
    registry.publish(booster(trees=7), manifest(booster(trees=7), version=V2))
    return registry


def test_a_registry_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """The first training needs no folder to be made for it."""
    empty = Registry(tmp_path / "none")

    assert () == empty.versions()
    assert () == empty.ignored()
    assert empty.promoted() is None
    assert V1 == empty.next_version()


def test_a_published_model_is_there_whole_and_read_only(registry: Registry) -> None:
    """Model, manifest and the training's report, as they were given."""
    folder = registry.folder(V1)

    assert registry.root / "XGBoost" / "1.0.0" == folder
    assert {MODEL_FILE, MANIFEST_FILE, "report.md"} == {path.name for path in folder.iterdir()}
    assert booster() == (folder / MODEL_FILE).read_bytes()
    assert manifest() == registry.manifest(V1)
    assert {0o444} == {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert () == registry.ignored()


def test_versions_come_in_the_order_of_their_numbers(registry: Registry) -> None:
    """1.10.0 is after 1.9.0, and the next training follows the highest."""
    for name in ("1.10.0", "1.9.0", "1.2.3"):
        (registry.root / "XGBoost" / name).mkdir()

    assert ["1.0.0", "1.2.3", "1.9.0", "1.10.0"] == [str(version) for version in registry.versions()]
    assert ModelVersion(1, 11, 0) == registry.next_version()


def test_what_is_no_version_is_left_out_and_named(registry: Registry) -> None:
    """Damaged names and the leftovers of killed publishes are nobody's model, but somebody should know of them."""
    types = registry.root / "XGBoost"
    for name in ("1.2", "v1.3.0", "backup", ".staging/1.4.0-abc"):
        (types / name).mkdir(parents=True)
    (types / "1.5.0").write_text("a file")

    assert (V1,) == registry.versions()
    found = {str(path.relative_to(types)) for path in registry.ignored()}
    assert {"1.2", "v1.3.0", "backup", "1.5.0", ".staging/1.4.0-abc"} == found


@pytest.mark.parametrize("model_type", ["", "..", "a/b", "/etc", ".staging"])
def test_a_model_type_is_no_path(registry: Registry, model_type: str) -> None:
    """Whoever names a type cannot leave the registry."""
    with pytest.raises(BadInput, match="is no model type"):
        registry.versions(model_type)


def test_a_version_that_is_not_there_is_not_found(registry: Registry) -> None:
    """The error names version and registry."""
    with pytest.raises(ModelNotFound, match=r"model XGBoost 1\.1\.0 is not in .*models"):
        registry.folder(V2)


def test_publishing_twice_fails_and_changes_nothing(registry: Registry) -> None:
    """A published version never changes, not even to the same."""
    before = tree_of(registry.root)

    with pytest.raises(PublishRefused, match=r"version 1\.0\.0 was not published: .* exists"):
        registry.publish(booster(trees=7), manifest(booster(trees=7)))

    assert before == tree_of(registry.root)


@pytest.mark.usefixtures("golden_here")
def test_the_slower_of_two_publishers_is_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a version appears while another process proves its own, the first one stays."""
    model = booster(trees=7)

    def overtaken(*_folder: Path, **_given: object) -> object:
        monkeypatch.setattr(registry_module, "verify", verify)
        registry.publish(model, manifest(model, version=V2, params={"who": "first"}))
        return manifest()

    monkeypatch.setattr(registry_module, "verify", overtaken)
    with pytest.raises(PublishRefused, match="was published meanwhile"):
        registry.publish(model, manifest(model, version=V2, params={"who": "second"}))

    assert {"who": "first"} == registry.manifest(V2).params
    assert () == registry.ignored()


@pytest.mark.parametrize("name", ["left child out of range", "leaf not a number", "24 features"])
def test_a_model_that_fails_the_gate_is_not_published(registry: Registry, name: str) -> None:
    """Nothing of it stays behind."""
    before = tree_of(registry.root)
    model = damaged(MALFORMED[name])

    with pytest.raises(ModelRejected, match="structure"):
        registry.publish(model, signed(manifest(version=V2), model))

    assert before == tree_of(registry.root)
    assert () == registry.ignored()


def test_a_manifest_of_another_model_is_not_published(registry: Registry) -> None:
    """Hash and size must be those of the bytes given."""
    with pytest.raises(ModelRejected, match="size"):
        registry.publish(booster(trees=7), manifest(version=V2))

    assert (V1,) == registry.versions()


@pytest.mark.parametrize(
    "name", ["model.pkl", "../escape.md", "sub/report.md", ".hidden.md", "manifest.yaml"]
)
def test_only_reports_may_be_published_beside_a_model(registry: Registry, name: str) -> None:
    """A document is text or a picture with a plain name."""
    with pytest.raises(PublishRefused, match=r"\.md, \.txt and \.png are allowed"):
        registry.publish(booster(), manifest(version=V2), documents={name: b"x"})

    assert (V1,) == registry.versions()


def test_latest_is_what_was_promoted(two: Registry) -> None:
    """Not the highest number: a training at night changes nothing in the morning."""
    two.promote(V1, by="asha", at=AT)

    assert V1 == two.latest()
    assert V1 == two.promoted()


def test_without_a_promotion_there_is_no_latest(two: Registry) -> None:
    """Nobody guesses which one is meant."""
    with pytest.raises(ModelNotFound, match="no version is promoted"):
        two.latest()


def test_a_promoted_version_that_is_gone_is_not_found(two: Registry) -> None:
    """The pointer alone is no model."""
    two.promote(V2, by="asha", at=AT)
    two.folder(V2).rename(two.root / "elsewhere")

    with pytest.raises(ModelNotFound, match=r"1\.1\.0"):
        two.latest()


def test_promotions_leave_a_log(two: Registry) -> None:
    """Who, when, from what to what: also the way back is a promotion."""
    gave = [two.promote(version, by="asha", at=AT) for version in (V1, V2, V1)]

    lines = (two.root / "XGBoost" / "channels" / "promotions.log").read_text().splitlines()
    when = AT.astimezone(UTC).isoformat()
    assert [None, V1, V2] == gave
    assert [
        {"at": when, "by": "asha", "from": None, "to": "1.0.0"},
        {"at": when, "by": "asha", "from": "1.0.0", "to": "1.1.0"},
        {"at": when, "by": "asha", "from": "1.1.0", "to": "1.0.0"},
    ] == [json.loads(line) for line in lines]


def test_a_damaged_version_cannot_be_promoted(two: Registry) -> None:
    """It passes the gate again first; pointer and log stay as they were."""
    two.promote(V1, by="asha", at=AT)
    before = tree_of(two.root / "XGBoost" / "channels")
    model = two.folder(V2) / MODEL_FILE
    model.chmod(0o644)
    model.write_bytes(booster())

    with pytest.raises(ModelRejected, match="size"):
        two.promote(V2, by="asha", at=AT)

    assert before == tree_of(two.root / "XGBoost" / "channels")


def test_a_version_for_other_features_cannot_be_promoted(two: Registry) -> None:
    """The program that promotes names the formulas it has."""
    assert two.promote(V1, by="asha", at=AT, fingerprint=FINGERPRINT) is None
    with pytest.raises(ModelRejected, match="fingerprint"):
        two.promote(V2, by="asha", at=AT, fingerprint="other")


@pytest.mark.parametrize("text", [b"", b"newest\n", b"1.0\n", b"\xff\xfe"])
def test_a_damaged_pointer_is_said_and_not_guessed(registry: Registry, text: bytes) -> None:
    """No version is served because a file was unreadable."""
    pointer = registry.root / "XGBoost" / "channels" / "stable"
    pointer.parent.mkdir()
    pointer.write_bytes(text)

    with pytest.raises(ModelRejected, match=r"model stable failed verification \(pointer\)"):
        registry.latest()


KILLED_EVERYWHERE = """
import json, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from upper_circuit.models import registry as module
from upper_circuit.models.manifest import Manifest
from upper_circuit.models.registry import Registry

source, work, act = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
module.verify = lambda *folder, **given: None  # the gate has its own tests; here every step of the files is cut
model, manifest = (source / "model.ubj").read_bytes(), Manifest.read(source)
at = datetime(2025, 7, 1, tzinfo=UTC)

def run(registry):
    if act == "publish":
        registry.publish(model, manifest, documents={"report.md": b"report"})
    else:
        registry.promote(manifest.version, by="asha", at=at)

def die_at(step, root):
    seen = 0
    def hook(event, arguments):
        nonlocal seen
        named = str(arguments[0]) if arguments else ""
        if event.split(".")[0] in ("open", "os", "shutil") and named.startswith(str(root)):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

for step in range(1, 200):
    root = work / str(step)
    if act == "promote":
        registry = Registry(root)
        registry.publish(model, manifest)
        old = manifest.model_copy(update={"version": module.ModelVersion(0, 9, 0)})
        registry.publish(model, old)
        registry.promote(old.version, by="asha", at=at)
    child = os.fork()
    if child == 0:
        die_at(step, root)
        run(Registry(root))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    registry = Registry(root)
    found = {
        "killed": os.WIFSIGNALED(status),
        "versions": [str(version) for version in registry.versions()],
        "files": [sorted(path.name for path in registry.folder(version).iterdir()) for version in registry.versions()],
        "whole": all((registry.folder(version) / "model.ubj").read_bytes() == model for version in registry.versions()),
        "promoted": str(registry.promoted()),
    }
    if act == "promote" or not registry.versions():
        run(registry)  # the next try succeeds
    found["after"] = [str(version) for version in registry.versions()], str(registry.promoted())
    print(json.dumps(found))
    if not found["killed"]:
        break
"""


def killed_everywhere(published: Path, work: Path, act: str) -> list[dict[str, object]]:
    """What is found after `act` was killed at its first, second, ... step on files, and after the end at last."""
    command = [sys.executable, "-c", KILLED_EVERYWHERE, str(published / "XGBoost" / "1.0.0"), str(work), act]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_publish_killed_at_any_step_leaves_no_half_version(published: Path, tmp_path: Path) -> None:
    """SIGKILL before every single step on files: the version is there whole or not at all, and can be published."""
    *killed, ended = killed_everywhere(published, tmp_path, "publish")

    assert len(killed) >= 8
    assert not ended["killed"]
    assert {True} == {bool(found["whole"]) for found in killed}
    assert {"[]", str([[MANIFEST_FILE, MODEL_FILE, "report.md"]])} == {
        str(found["files"]) for found in killed
    }
    assert {str([["1.0.0"], "None"])} == {str(found["after"]) for found in [*killed, ended]}


def test_a_promotion_killed_at_any_step_leaves_a_good_pointer(published: Path, tmp_path: Path) -> None:
    """The pointer names the old version or the new one, never nothing, and the next try succeeds."""
    *killed, ended = killed_everywhere(published, tmp_path, "promote")

    assert len(killed) >= 3
    assert "1.0.0" == ended["promoted"]
    assert {"0.9.0", "1.0.0"} == {str(found["promoted"]) for found in killed}
    assert {str([["0.9.0", "1.0.0"], "1.0.0"])} == {str(found["after"]) for found in [*killed, ended]}
