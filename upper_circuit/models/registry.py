"""
A folder of models in which no reader ever sees half a one.

    <root>/XGBoost/1.3.0/{model.ubj, manifest.yaml, ...}    finished, read only, never changed
    <root>/XGBoost/.staging/                                what is being written; nobody looks here
    <root>/XGBoost/channels/stable                          the promoted version: what `latest` means
    <root>/XGBoost/channels/promotions.log                  one line of JSON a promotion

A version appears by one rename, so a killed publish leaves nothing but a folder in `.staging`. `latest` is what someone
promoted, not the highest number: a training at night must not change what is served in the morning.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from upper_circuit.errors import BadInput, ModelNotFound, ModelRejected, PublishRefused
from upper_circuit.models.manifest import MANIFEST_FILE, MODEL_FILE, MODEL_TYPE, Manifest
from upper_circuit.models.verification import DOCUMENT, MEMORY_LIMIT, verify
from upper_circuit.models.version import FIRST, ModelVersion

STAGING = ".staging"
CHANNELS = "channels"
STABLE = "stable"
PROMOTIONS = "promotions.log"


@dataclass(frozen=True, slots=True)
class Registry:
    """The models under `root`, which need not exist yet."""

    root: Path

    def versions(self, model_type: str = MODEL_TYPE) -> tuple[ModelVersion, ...]:
        """Every published version, lowest first; what has no version's name is left out (see `ignored`)."""
        found = (_version(path) for path in self._entries(model_type))
        return tuple(sorted(version for version in found if version is not None))

    def ignored(self, model_type: str = MODEL_TYPE) -> tuple[Path, ...]:
        """What lies among the versions and is none, with the leftovers of publishes that were killed."""
        staging = self._type(model_type) / STAGING
        leftovers = staging.iterdir() if staging.is_dir() else ()
        strange = (path for path in self._entries(model_type) if _version(path) is None)
        return tuple(sorted([*leftovers, *strange]))

    def promoted(self, model_type: str = MODEL_TYPE) -> ModelVersion | None:
        """The version that `promote` named last; None before the first promotion."""
        pointer = self._type(model_type) / CHANNELS / STABLE
        try:
            text = pointer.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelRejected(STABLE, "pointer", f"{pointer} cannot be read: {error}") from error
        try:
            return ModelVersion.parse(text)
        except BadInput as error:
            raise ModelRejected(STABLE, "pointer", f"{pointer}: {error}") from error

    def latest(self, model_type: str = MODEL_TYPE) -> ModelVersion:
        """The promoted version; ModelNotFound when none is promoted or the promoted one is gone."""
        version = self.promoted(model_type)
        if version is None:
            raise ModelNotFound(f"{model_type} latest (no version is promoted)", self.root)
        self.folder(version, model_type)
        return version

    def folder(self, version: ModelVersion, model_type: str = MODEL_TYPE) -> Path:
        """Where a version lies; ModelNotFound when it does not."""
        folder = self._type(model_type) / str(version)
        if not folder.is_dir():
            raise ModelNotFound(f"{model_type} {version}", self.root)
        return folder

    def manifest(self, version: ModelVersion, model_type: str = MODEL_TYPE) -> Manifest:
        """What a version says of itself; nothing of it is proven by this."""
        return Manifest.read(self.folder(version, model_type))

    def verify(
        self,
        version: ModelVersion,
        model_type: str = MODEL_TYPE,
        *,
        fingerprint: str | None = None,
        memory_limit: int = MEMORY_LIMIT,
    ) -> Manifest:
        """The manifest of a published version, once it passed the gate."""
        folder = self.folder(version, model_type)
        return verify(folder, version=version, fingerprint=fingerprint, memory_limit=memory_limit)

    def next_version(self, model_type: str = MODEL_TYPE) -> ModelVersion:
        """What the next training is called: the highest version's next minor, 1.0.0 in an empty registry."""
        versions = self.versions(model_type)
        return versions[-1].next_minor() if versions else FIRST

    def publish(
        self, booster: bytes, manifest: Manifest, *, documents: Mapping[str, bytes] | None = None
    ) -> Path:
        """Put a model into the registry, proven and whole, and give its folder.

        `documents` (name to content; .md, .txt, .png) lie beside it: the report of its training. A version that is
        there already raises PublishRefused, one that fails the gate ModelRejected; both change nothing.
        """
        files = {MODEL_FILE: booster, MANIFEST_FILE: manifest.to_yaml().encode()}
        return self._place(files, documents or {}, manifest, fingerprint=manifest.feature_fingerprint)

    def adopt(self, version: ModelVersion, files: Mapping[str, bytes], *, fingerprint: str) -> bool:
        """Put a version that another registry has published into this one, byte for byte, proven like any other.

        False where it is there already and equal; another one under its number raises PublishRefused, one that fails
        the gate (or was trained on other features than `fingerprint`) ModelRejected.
        """
        try:
            text = files[MANIFEST_FILE].decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise ModelRejected(
                str(version), "manifest", f"{MANIFEST_FILE} cannot be read: {error!r}"
            ) from error
        manifest = Manifest.parse(text, version=str(version))
        if manifest.version != version:
            raise ModelRejected(
                str(version), "manifest", f"{MANIFEST_FILE} is that of version {manifest.version}"
            )
        there = self._type(manifest.model_type) / str(version)
        if there.is_dir() and dict(files) == {path.name: path.read_bytes() for path in there.iterdir()}:
            return False
        own = {name: content for name, content in files.items() if name in {MODEL_FILE, MANIFEST_FILE}}
        documents = {name: content for name, content in files.items() if name not in own}
        self._place(own, documents, manifest, fingerprint=fingerprint)
        return True

    def _place(
        self,
        files: Mapping[str, bytes],
        documents: Mapping[str, bytes],
        manifest: Manifest,
        *,
        fingerprint: str,
    ) -> Path:
        version = str(manifest.version)
        target = self._type(manifest.model_type) / version
        if target.exists():
            raise PublishRefused(version, f"{target} exists, and a published version never changes")
        for name in documents:
            if DOCUMENT.fullmatch(name) is None:
                raise PublishRefused(version, f"document {name!r}: .md, .txt and .png are allowed")

        staging = target.parent / STAGING / f"{version}-{secrets.token_hex(4)}"
        staging.mkdir(parents=True)
        try:
            for name, content in {**files, **documents}.items():
                _write(staging / name, content, mode=0o444)
            _sync(staging)
            verify(staging, version=manifest.version, fingerprint=fingerprint)
            _rename_to_new(staging, target, version)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        _sync(target.parent)
        return target

    def promote(
        self,
        version: ModelVersion,
        model_type: str = MODEL_TYPE,
        *,
        by: str,
        at: datetime,
        fingerprint: str | None = None,
    ) -> ModelVersion | None:
        """Make a version what `latest` means, once it passed the gate; gives the version promoted before.

        Also the way back: promoting the former version is a rollback. The log is written first, so that a promotion
        cut short shows as a line too many and never as one too few.
        """
        self.verify(version, model_type, fingerprint=fingerprint)
        before = self.promoted(model_type)
        channels = self._type(model_type) / CHANNELS
        channels.mkdir(exist_ok=True)
        line = {
            "at": at.astimezone(UTC).isoformat(),
            "by": by,
            "from": before and str(before),
            "to": str(version),
        }
        _append(channels / PROMOTIONS, json.dumps(line))
        draft = channels / f".{STABLE}-{secrets.token_hex(4)}"
        _write(draft, f"{version}\n".encode(), mode=0o644)
        draft.replace(channels / STABLE)
        _sync(channels)
        return before

    def _type(self, model_type: str) -> Path:
        if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", model_type) is None:
            raise BadInput(f"{model_type!r} is no model type: letters, digits, - and _ are allowed")
        return self.root / model_type

    def _entries(self, model_type: str) -> list[Path]:
        folder = self._type(model_type)
        if not folder.is_dir():
            return []
        return [path for path in folder.iterdir() if path.name not in {CHANNELS, STAGING}]


def _version(path: Path) -> ModelVersion | None:
    try:
        return ModelVersion.parse(path.name) if path.is_dir() else None
    except BadInput:
        return None


def _rename_to_new(staging: Path, target: Path, version: str) -> None:
    try:
        staging.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise PublishRefused(version, f"{target} was published meanwhile") from error
        raise


def _write(path: Path, content: bytes, *, mode: int) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(mode)


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
