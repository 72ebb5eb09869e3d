"""
The 25 features of a stock as of a morning: one definition for training, batch and online.

    view = market.as_of(run_date)               what was public
    rows = raw(view)                            25 columns with gaps, block by block
    cross = CrossSection.of(rows, master)       what needs the whole market, once per run date
    matrix = fill(rows, cross, master, codes)   float32 [n, 25], and what was filled or skipped

`morning_matrix` does all of it for a run date, and refuses what `Tolerance` does not allow.
"""

from upper_circuit.features.catalog import CATALOG, FEATURE_NAMES, FINGERPRINT, Feature, Group
from upper_circuit.features.cross_section import CrossSection
from upper_circuit.features.matrix import FeatureMatrix, Skip, SkipReason, Source, fill
from upper_circuit.features.morning import READINGS, Lists, MorningMatrix, morning_matrix
from upper_circuit.features.raw import RawFeatures, raw
from upper_circuit.features.tolerance import (
    MIN_PRICE_SHARE,
    Tolerance,
    allowed_by,
    marks,
    require_session_before,
)

__all__ = [
    "CATALOG",
    "FEATURE_NAMES",
    "FINGERPRINT",
    "MIN_PRICE_SHARE",
    "READINGS",
    "CrossSection",
    "Feature",
    "FeatureMatrix",
    "Group",
    "Lists",
    "MorningMatrix",
    "RawFeatures",
    "Skip",
    "SkipReason",
    "Source",
    "Tolerance",
    "allowed_by",
    "fill",
    "marks",
    "morning_matrix",
    "raw",
    "require_session_before",
]
