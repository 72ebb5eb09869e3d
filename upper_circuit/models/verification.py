"""
The gate every model passes before it may answer.

A model is a file from elsewhere: it can be cut short, changed, made for other features, or made to kill whoever scores
with it. The checks go from cheap to dear, and XGBoost meets the bytes only after they are proven, and then in a
process of its own first.
"""

from __future__ import annotations

import hashlib
import re
import stat
from pathlib import Path

from upper_circuit.errors import ModelRejected
from upper_circuit.models import golden, structure
from upper_circuit.models.manifest import MANIFEST_FILE, MODEL_FILE, Manifest
from upper_circuit.models.version import ModelVersion

MEMORY_LIMIT = 1 << 30
"""Bytes one model may take, its file and its process (beyond the libraries' own)."""

DOCUMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(md|txt|png)")
"""What may lie beside a model: the report of its training. Nothing that any server would load."""


def verify(
    folder: Path,
    *,
    version: ModelVersion | None = None,
    fingerprint: str | None = None,
    memory_limit: int = MEMORY_LIMIT,
    timeout: float = 60.0,
) -> Manifest:
    """The manifest of the model in `folder`, once it is proven; else ModelRejected names the check and the reason.

    In this order: files, manifest, version (where one is expected), fingerprint of the features (where one is given:
    that of the formulas that will make the rows), size, sha256, structure, golden rows (in a process of its own with
    limits on memory and time, `timeout` in seconds).
    """
    _require_files(folder)
    manifest = Manifest.read(folder)
    name = str(manifest.version)
    if version is not None and version != manifest.version:
        raise ModelRejected(str(version), "manifest", f"{MANIFEST_FILE} is that of version {name}")
    if fingerprint is not None and fingerprint != manifest.feature_fingerprint:
        reason = (
            f"it was trained on features {manifest.feature_fingerprint}, this program makes {fingerprint}: "
            "train a new version"
        )
        raise ModelRejected(name, "fingerprint", reason)

    booster = _booster(folder, manifest, memory_limit)
    limits = structure.Limits(size_bytes=memory_limit)
    found = structure.check(booster, version=name, feature_names=manifest.feature_names, limits=limits)
    if found.trees != manifest.trees:
        raise ModelRejected(
            name, "manifest", f"{found.trees} trees were found, {manifest.trees} are said to be there"
        )
    golden.require(folder, manifest, memory_limit=memory_limit, timeout=timeout)
    return manifest


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelRejected(folder.name, "files", f"{folder} is no folder")
    found = {entry.name: entry.lstat().st_mode for entry in folder.iterdir()}
    for name in (MANIFEST_FILE, MODEL_FILE):
        if name not in found:
            raise ModelRejected(folder.name, "files", f"{name} is missing")
    for name, mode in sorted(found.items()):
        if not stat.S_ISREG(mode):
            raise ModelRejected(folder.name, "files", f"{name} is no plain file")
        if name not in {MANIFEST_FILE, MODEL_FILE} and DOCUMENT.fullmatch(name) is None:
            reason = (
                f"{name} does not belong here: {MODEL_FILE}, {MANIFEST_FILE} and .md, .txt, .png are allowed"
            )
            raise ModelRejected(folder.name, "files", reason)


def _booster(folder: Path, manifest: Manifest, memory_limit: int) -> bytes:
    name, path = str(manifest.version), folder / MODEL_FILE
    size = path.stat().st_size
    if size != manifest.size_bytes:
        raise ModelRejected(
            name, "size", f"{path} has {size:,} bytes, the manifest says {manifest.size_bytes:,}"
        )
    if size > memory_limit:
        raise ModelRejected(name, "size", f"{path} has {size:,} bytes, {memory_limit:,} are allowed")
    booster = path.read_bytes()
    found = hashlib.sha256(booster).hexdigest()
    if found != manifest.sha256:
        raise ModelRejected(name, "sha256", f"{path} has sha256 {found}, the manifest says {manifest.sha256}")
    return booster
