"""
The model of a morning: chosen first, proven while features are computed.

Which version answers must be known at once, since the ledger keeps runs apart by it; that it is sound may be found
out meanwhile. Proving starts a process of its own and takes about as long as the features do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upper_circuit.features import FINGERPRINT
from upper_circuit.models.manifest import MODEL_TYPE
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer
from upper_circuit.models.version import ModelVersion


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A version of the registry, not proven yet."""

    registry: Registry
    version: ModelVersion
    f1: float | None
    """The model's own F1 at 0.5 on its test period; None without one."""
    type: str = MODEL_TYPE

    @classmethod
    def of(cls, registry: Path, version: str | None) -> ChosenModel:
        """The version named (`latest` or None: the promoted one); ModelNotFound when it is not there."""
        models = Registry(registry)
        wanted = models.latest() if version in (None, "latest") else ModelVersion.parse(str(version))
        return cls(models, wanted, models.manifest(wanted).f1)

    def load(self) -> Scorer:
        """The proven model, for rows made by this program's formulas; ModelRejected when it is not sound."""
        manifest = self.registry.verify(self.version, fingerprint=FINGERPRINT)
        return Scorer.load(self.registry.folder(self.version), manifest=manifest)
