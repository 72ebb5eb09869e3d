"""The forest: the same rows give the same bytes, and too few locks are refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.factories.training import rows
from upper_circuit.errors import DataUnavailable
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.models import structure
from upper_circuit.models.scorer import Forest
from upper_circuit.training.dataset import Dataset
from upper_circuit.training.fit import Fitted, grow, require_locks
from upper_circuit.training.measures import roc_auc


def sample(count: int, seed: int) -> Dataset:
    """Rows whose label hangs on two features; one value in twenty is missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, len(FEATURE_NAMES))).astype(np.float32)
    label = (values[:, 11] + 0.5 * values[:, 4] + rng.normal(size=count) > 2).astype(np.uint8)
    values[rng.random(values.shape) < 0.05] = np.nan
    return rows(label, values=values)


def grown(threads: int = 1, most_trees: int = 25) -> Fitted:
    """A small forest."""
    return grow(
        sample(4_000, 1), sample(1_000, 2), threads=threads, most_trees=most_trees, progress=lambda *_: None
    )


def test_the_same_rows_give_the_same_bytes_with_any_number_of_threads():
    """A model that cannot be made again cannot be explained."""
    once = grown()

    assert once.booster == grown().booster
    assert once.booster == grown(threads=2).booster == grown(threads=3).booster


def test_what_is_grown_is_sound_and_as_long_as_its_best_tree():
    """Verification knows the format; trees after the best one are cut off."""
    found = grown(most_trees=400)

    structure_found = structure.check(found.booster, version="1.0.0", feature_names=FEATURE_NAMES)

    assert found.trees == structure_found.trees < 400
    assert structure_found.depth <= 6


def test_it_learned_what_the_label_hangs_on():
    """The feature that makes the label takes most of the gain, and ranks the locks first."""
    found, judged = grown(), sample(1_000, 3)

    margins = Forest.load(found.booster, feature_names=FEATURE_NAMES).margins(judged.values)

    assert "upper_circuit_count_60" == next(iter(found.gain))
    assert 1.0 == pytest.approx(sum(found.gain.values()))
    assert roc_auc(judged.label, margins) > 0.85


def test_progress_is_told_tree_by_tree():
    """Growing takes the longest after the rows: a person watches it."""
    told = []

    grow(sample(500, 1), sample(200, 2), most_trees=3, progress=lambda *of: told.append(of))

    assert [(1, 3), (2, 3), (3, 3)] == told


@pytest.mark.parametrize(("period", "locks", "needed"), [("fit", 99, 100), ("calibrate", 29, 30)])
def test_too_few_locks_are_refused_with_their_number(period, locks, needed):
    """Below that a forest learns the names of single stocks."""
    with pytest.raises(DataUnavailable) as refusal:
        require_locks(period, rows([1] * locks + [0] * 1_000))

    assert (
        f"the {period} period has {locks} rows with a lock among {1_000 + locks:,}, {needed} are needed; "
        "load a longer history or more stocks"
    ) == str(refusal.value)


@pytest.mark.parametrize(("period", "locks"), [("fit", 100), ("calibrate", 30)])
def test_enough_locks_are_enough(period, locks):
    """The limit itself is allowed."""
    assert require_locks(period, rows([1] * locks)) is None
