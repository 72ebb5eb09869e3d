"""
The model of a morning: chosen first, proven while features are computed.

Which version answers must be known at once, since the ledger keeps runs apart by it; that it is sound may be found
out meanwhile. Proving starts a process of its own and takes about as long as the features do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from upper_circuit.errors import BadInput
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


class ModelTwice(BadInput):
    """The same version was asked for as the run's own and as the one beside it."""


@dataclass(frozen=True, slots=True)
class ChosenModels:
    """Whom a run asks."""

    own: ChosenModel
    other: ModelVersion | None
    """What is scored beside, where it can be."""

    @classmethod
    def of(cls, registry: Path, version: str | None, other: str | None) -> ChosenModels:
        """The versions named; ModelNotFound when the run's own is not there, ModelTwice when both are the same."""
        own, beside = ChosenModel.of(registry, version), ModelVersion.parse(other) if other else None
        if beside == own.version:
            raise ModelTwice(
                f"OTHER_MODEL_VERSION={other} is the version that answers already: another one is needed beside it"
            )
        return cls(own, beside)

    @property
    def versions(self) -> tuple[ModelVersion, ...]:
        """The run's own version first."""
        return (self.own.version, *filter(None, [self.other]))

    def load(self, version: str) -> Scorer:
        """The proven model of a version, which may also be one that a plan names and settings no longer do."""
        return ChosenModel.of(self.own.registry.root, version).load()
