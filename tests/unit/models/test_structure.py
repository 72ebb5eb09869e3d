"""The structural proof: good forests pass, malformed ones do not, and whatever passes does not kill XGBoost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.factories.broken_models import MALFORMED, bit_flips, damaged, deep, truncations, with_trees
from tests.factories.models import NAMES, booster, document
from tests.factories.ubjson import encode
from upper_circuit.errors import ModelRejected
from upper_circuit.models.structure import Limits, Structure, check


def passes(model: bytes) -> bool:
    """Whether the proof lets it through."""
    try:
        check(model, version="1.0.0", feature_names=NAMES)
    except ModelRejected:
        return False
    return True


def test_the_writer_of_these_tests_writes_as_xgboost_does() -> None:
    """Its bytes of an undamaged document are XGBoost's own: what it damages is damaged by name only."""
    assert booster() == encode(document(booster()))


def test_a_good_forest_is_counted() -> None:
    """Trees, nodes and depth as XGBoost's own JSON has them."""
    trees = document(booster())["learner"]["gradient_booster"]["model"]["trees"]

    found = check(booster(), version="1.0.0", feature_names=NAMES)

    assert Structure(trees=6, nodes=sum(len(tree["parents"]) for tree in trees), depth=3) == found


@pytest.mark.parametrize(
    "params",
    [
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"tree_method": "exact", "gamma": 3.0, "max_depth": 6},
        {"tree_method": "hist", "gamma": 1e9},
        {"min_child_weight": 0.0, "reg_lambda": 0.0, "max_depth": 12},
        {"grow_policy": "lossguide", "max_leaves": 30, "max_depth": 0},
        {"num_parallel_tree": 3, "subsample": 0.5},
        {"base_score": 0.02, "colsample_bytree": 0.3},
        {"monotone_constraints": "(1" + ",0" * 24 + ")"},
        {"scale_pos_weight": 20.0, "max_delta_step": 1.0},
    ],
    ids=lambda params: " ".join(f"{key}={value}" for key, value in params.items()),
)
def test_no_forest_that_xgboost_trains_is_refused(params: dict[str, str | float]) -> None:
    """Whatever the parameters: pruned nodes, single leaves, deep trees, forests of forests."""
    assert passes(booster(trees=5, **params))


def test_pruned_nodes_are_really_among_them() -> None:
    """The case above with gamma is one where XGBoost leaves pruned nodes behind."""
    pruned = document(booster(trees=5, tree_method="exact", gamma=3.0, max_depth=6))

    trees = pruned["learner"]["gradient_booster"]["model"]["trees"]
    assert sum(int(tree["tree_param"]["num_deleted"]) for tree in trees) > 0


def test_a_forest_without_feature_names_is_judged_by_its_count() -> None:
    """Names in the file must be those of the manifest; a file without names may still have 25 features."""
    assert passes(booster(names=False))


def test_a_forest_of_24_features_is_refused() -> None:
    """A model trained without one of the features."""
    with pytest.raises(ModelRejected, match="feature_names is"):
        check(booster(columns=24), version="1.0.0", feature_names=NAMES)
    with pytest.raises(ModelRejected, match="num_feature is 24, 25 is due"):
        check(booster(columns=24, names=False), version="1.0.0", feature_names=NAMES)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_forest_is_refused(name: str) -> None:
    """None of these documents passes, and each refusal is a ModelRejected that names version and check."""
    broken = damaged(MALFORMED[name])

    with pytest.raises(ModelRejected) as refused:
        check(broken, version="1.0.0", feature_names=NAMES)

    assert ("1.0.0", "structure") == (refused.value.version, refused.value.check)


def test_the_refusal_says_where() -> None:
    """Tree, array, node and value, so that the fault can be looked at."""
    broken = damaged(MALFORMED["left child out of range"])

    with pytest.raises(ModelRejected) as refused:
        check(broken, version="1.3.0", feature_names=NAMES)

    assert (
        "model 1.3.0 failed verification (structure): trees[1].left_children[0] is 100000: outside the tree "
        "(tree of 11 nodes)"
    ) == str(refused.value)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "the file begins with b''"),
        (b'{"learner":{}}', "not as a model.ubj"),
        (b"\x80\x04\x95" + b"x" * 50, "not as a model.ubj"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01a", "the file ends at byte 11"),
        (b"{L\x7f\xff\xff\xff\xff\xff\xff\xff", "length 9223372036854775807 at byte 2, 0 bytes remain"),
        (b"{L\xff\xff\xff\xff\xff\xff\xff\xff", "length -1 at byte 2"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01\xffi\x00}", "is no UTF-8"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01aN}", "value type b'N'"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01a[i\x01]}", "an array without a count"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01a[$f#L\x00\x00\x00\x00\x00\x00\x00\x00}", "array type b'f'"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01a[$dX", "b'X' at byte 14 where b'#' is due"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01a[$d#L\x00\x00\x00\x00\x00\x00\x00\x02abcd", "bytes early"),
        (b"{" + b"L\x00\x00\x00\x00\x00\x00\x00\x01ai\x00" * 2 + b"}", "key 'a' stands twice"),
        (b"{" + b"L\x00\x00\x00\x00\x00\x00\x00\x01a{" * 5_000, "more than 16 levels deep"),
        (b"{L" + (5_000).to_bytes(8, "big") + b"x" * 5_000 + b"i\x00}", "a text of 5000 bytes"),
        (b"{L\x00\x00\x00\x00\x00\x00\x00\x01ai\x00}more", "4 bytes follow the end"),
    ],
)
def test_bytes_that_are_no_model_are_refused(raw: bytes, reason: str) -> None:
    """The parser reads one dialect and is bounded: each refusal says what it met and at which byte."""
    with pytest.raises(ModelRejected) as refused:
        check(raw, version="1.0.0", feature_names=NAMES)

    assert reason in refused.value.reason


@pytest.mark.parametrize("broken", list(truncations(booster(), 20, seed=1)), ids=len)
def test_a_file_cut_short_is_refused(broken: bytes) -> None:
    """Wherever the cut is."""
    assert not passes(broken)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(size_bytes=1_000), "bytes, 1,000 are allowed"),
        (Limits(trees=5), "trees: 6, 1 to 5 are allowed"),
        (Limits(nodes=60), "more than 60 nodes, from tree 5 on"),
        (Limits(depth=2), "is deeper than 2"),
    ],
)
def test_limits_are_limits(limits: Limits, reason: str) -> None:
    """A good forest beyond a limit is refused with it; the sample has 6 trees of depth 3 and 70 nodes."""
    with pytest.raises(ModelRejected, match=reason):
        check(booster(), version="1.0.0", feature_names=NAMES, limits=limits)


def test_a_tree_of_the_greatest_depth_passes() -> None:
    """64 levels are allowed."""
    assert 64 == check(damaged(deep(64)), version="1.0.0", feature_names=NAMES).depth


def test_a_forest_of_many_values_costs_no_more_than_its_limit() -> None:
    """Reading stops where no allowed forest can have more values, not at the end of the file."""
    flood = damaged(
        with_trees([document(booster())["learner"]["gradient_booster"]["model"]["trees"][0]] * 200)
    )

    with pytest.raises(ModelRejected, match="more values than a model has"):
        check(flood, version="1.0.0", feature_names=NAMES, limits=Limits(trees=20))


def test_four_hundred_trees_are_proven_quickly() -> None:
    """400 trees of 127 nodes in a fraction of a second: 40 ms measured, the bound leaves room for coverage."""
    tree = _full_tree(depth=6)
    model = damaged(with_trees([tree] * 400))
    seconds = []

    for _ in range(5):
        began = time.process_time()
        found = check(model, version="1.0.0", feature_names=NAMES)
        seconds.append(time.process_time() - began)

    assert Structure(trees=400, nodes=400 * 127, depth=6) == found
    assert min(seconds) < 0.4


def _full_tree(depth: int) -> dict[str, object]:
    size = 2 ** (depth + 1) - 1
    inner = 2**depth - 1
    left = [2 * node + 1 if node < inner else -1 for node in range(size)]
    tree = document(booster())["learner"]["gradient_booster"]["model"]["trees"][0]
    for key in (
        "base_weights",
        "loss_changes",
        "split_conditions",
        "sum_hessian",
        "split_indices",
        "default_left",
    ):
        tree[key] = [1] * size
    tree["split_type"] = [0] * size
    tree["left_children"], tree["right_children"] = left, [child + 1 if child > 0 else -1 for child in left]
    tree["parents"] = [2**31 - 1] + [(node - 1) // 2 for node in range(1, size)]
    tree["tree_param"]["num_nodes"] = str(size)
    return dict(tree)


SCORE_ALL = """
import sys
from pathlib import Path
import numpy, xgboost
rows = numpy.random.default_rng(0).normal(size=(64, 25)).astype(numpy.float32)
rows[::3, ::2] = numpy.nan
for path in sorted(Path(sys.argv[1]).iterdir()):
    print(path.name, flush=True)
    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(path.read_bytes()))
    except xgboost.core.XGBoostError:
        continue  # XGBoost itself says no: that kills nobody
    booster.inplace_predict(rows, predict_type="margin", validate_features=False)
    booster.predict(xgboost.DMatrix(rows), pred_contribs=True, validate_features=False)
print("done")
"""


def test_whatever_passes_does_not_kill_xgboost(tmp_path: Path) -> None:
    """Of 100 models with one bit turned over, those that pass the proof are loaded, scored and explained alive."""
    flipped = bit_flips(booster(trees=30, max_depth=6), 100, seed=7)
    survivors = [model for model in flipped if passes(model)]
    for number, model in enumerate(survivors):
        (tmp_path / f"{number:04}").write_bytes(model)

    ended = subprocess.run(
        [sys.executable, "-c", SCORE_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert len(survivors) > 10
    assert "done" == ended.stdout.splitlines()[-1], ended.stderr
    assert 0 == ended.returncode
