"""
Proves from a booster's bytes, without XGBoost, that walking its trees is safe.

XGBoost loads trees whose children point outside or back, or that split on a feature that does not exist, without
complaint, and then kills the process at the first prediction (seen: SIGSEGV with 3.2.0). In a server that is every
replica at its first request. Here the document is held against the one form XGBoost 3.2 writes; that its trees are
trees is proven by `trees`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from upper_circuit.errors import ModelRejected
from upper_circuit.models.trees import Columns, prove_trees
from upper_circuit.models.ubjson import MalformedError, parse

FORMAT = [3, 2]
"""The XGBoost whose files are read: with a new one, look again at what it writes."""

_FLOATS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_NODES = ("left_children", "right_children", "parents", "split_indices")
_FLAGS = ("default_left", "split_type")
_DTYPES = (
    dict.fromkeys(_FLOATS, np.dtype(">f4"))
    | dict.fromkeys(_NODES, np.dtype(">i4"))
    | dict.fromkeys(_FLAGS, np.dtype("u1"))
)
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_TREE = {*_DTYPES, *_CATEGORIES, "id", "tree_param"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a model may cost at most; a real one has 400 trees, 50,000 nodes, depth 6 and 2 MB."""

    size_bytes: int = 1 << 30
    trees: int = 10_000
    nodes: int = 1_000_000
    depth: int = 64
    """Levels below a root. XGBoost's SHAP walks recursively and needs memory by its square."""


@dataclass(frozen=True, slots=True)
class Structure:
    """What was found in a sound model."""

    trees: int
    nodes: int
    depth: int


DEFAULT_LIMITS = Limits()


def check(
    raw: bytes, *, version: str, feature_names: Sequence[str], limits: Limits = DEFAULT_LIMITS
) -> Structure:
    """Raise ModelRejected, with `version`, unless `raw` is a sound binary:logistic forest over these features.

    Thresholds and leaves must be finite: XGBoost 3.2 writes no infinite threshold for finite data (tried with
    columns that are only ever missing or constant). Pruned nodes, which `tree_method: exact` leaves behind, are
    allowed where they are marked as such.
    """
    try:
        return _sound(raw, list(feature_names), limits)
    except MalformedError as error:
        raise ModelRejected(version, "structure", str(error)) from error


def _sound(raw: bytes, feature_names: list[str], limits: Limits) -> Structure:
    if len(raw) > limits.size_bytes:
        raise MalformedError(f"{len(raw):,} bytes, {limits.size_bytes:,} are allowed")
    learner = _learner(parse(raw, values=1_000 + 40 * limits.trees), feature_names)
    trees = _trees(learner["gradient_booster"], limits)
    columns = _arrays(trees, len(feature_names), limits)
    sizes = [_whole(tree["tree_param"], "num_nodes") for tree in trees]
    pruned = [_whole(tree["tree_param"], "num_deleted") for tree in trees]
    deepest = prove_trees(columns, sizes, pruned, features=len(feature_names), depth=limits.depth)
    return Structure(len(trees), sum(sizes), deepest)


def _learner(document: Mapping[str, Any], feature_names: list[str]) -> Mapping[str, Any]:
    _require_keys(document, {"learner", "version"}, "the file")
    version = document["version"]
    if not isinstance(version, list) or not _same(version[:2], FORMAT):
        raise MalformedError(f"saved by XGBoost {version!r:.60}, {FORMAT} can be read")

    learner = document["learner"]
    keys = {
        "attributes",
        "feature_names",
        "feature_types",
        "gradient_booster",
        "learner_model_param",
        "objective",
    }
    _require_keys(learner, keys, "learner")
    _require_keys(learner["objective"], {"name", "reg_loss_param"}, "objective")
    _require("objective", learner["objective"]["name"], "binary:logistic")
    if not _same(learner["feature_names"], []):
        _require("feature_names", learner["feature_names"], feature_names)
    if not _same(learner["feature_types"], []):
        _require("feature_types", learner["feature_types"], ["float"] * len(feature_names))
    if not isinstance(learner["attributes"], dict):
        raise MalformedError("attributes is no mapping")

    param = learner["learner_model_param"]
    keys = {"base_score", "boost_from_average", "num_class", "num_feature", "num_target"}
    _require_keys(param, keys, "learner_model_param")
    _require("num_feature", _whole(param, "num_feature"), len(feature_names))
    _require("num_class", _whole(param, "num_class"), 0)
    _require("num_target", _whole(param, "num_target"), 1)
    if not 0 < _base_score(param["base_score"]) < 1:
        raise MalformedError(f"base_score is {param['base_score']}, between 0 and 1 is allowed")
    return dict(learner)


def _trees(booster: Mapping[str, Any], limits: Limits) -> list[Mapping[str, Any]]:
    _require_keys(booster, {"model", "name"}, "gradient_booster")
    _require("gradient_booster.name", booster["name"], "gbtree")
    model = booster["model"]
    keys = {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"}
    _require_keys(model, keys, "gradient_booster.model")
    _require_keys(model["cats"], {"enc", "feature_segments", "sorted_idx"}, "cats")
    for key, value in model["cats"].items():
        _require_empty(value, f"cats.{key}")

    trees = model["trees"]
    if not isinstance(trees, list) or not 1 <= len(trees) <= limits.trees:
        count = len(trees) if isinstance(trees, list) else trees
        raise MalformedError(f"trees: {count}, 1 to {limits.trees:,} are allowed")
    param = model["gbtree_model_param"]
    _require_keys(param, {"num_parallel_tree", "num_trees"}, "gbtree_model_param")
    _require("num_trees", _whole(param, "num_trees"), len(trees))
    a_round = _whole(param, "num_parallel_tree")
    if a_round < 1 or len(trees) % a_round:
        raise MalformedError(f"num_parallel_tree is {a_round} for {len(trees)} trees")
    _require("iteration_indptr", model["iteration_indptr"], list(range(0, len(trees) + 1, a_round)))
    _require("tree_info", model["tree_info"], [0] * len(trees))
    return trees


def _arrays(trees: Sequence[Mapping[str, Any]], features: int, limits: Limits) -> Columns:
    """The arrays of all trees, each column one tree after another, in the machine's byte order."""
    nodes = 0
    for number, tree in enumerate(trees):
        nodes += _size(tree, number, features)
        if nodes > limits.nodes:
            raise MalformedError(f"more than {limits.nodes:,} nodes, from tree {number} on")
    return {
        key: np.concatenate([tree[key] for tree in trees]).astype(dtype.newbyteorder("="))
        for key, dtype in _DTYPES.items()
    }


def _size(tree: Mapping[str, Any], number: int, features: int) -> int:
    where = f"trees[{number}]"
    _require_keys(tree, _TREE, where)
    _require(f"{where}.id", tree["id"], number)
    param = tree["tree_param"]
    _require_keys(param, {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"}, where)
    size = _whole(param, "num_nodes")
    if size < 1:
        raise MalformedError(f"{where} has no nodes")
    _require(f"{where}.num_feature", _whole(param, "num_feature"), features)
    _require(f"{where}.size_leaf_vector", _whole(param, "size_leaf_vector"), 1)
    for key, dtype in _DTYPES.items():
        array = tree[key]
        if not isinstance(array, np.ndarray) or array.dtype != dtype or len(array) != size:
            raise MalformedError(f"{where}.{key} is no array of {size} {dtype.name}")
    for key in _CATEGORIES:
        _require_empty(tree[key], f"{where}.{key}")
    return size


def _same(found: object, wanted: object) -> bool:
    """Equal and of one type, all the way down: numpy compares by element, and an array is no list here."""
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(_same(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return type(found) is type(wanted) and found == wanted


def _require(name: str, found: object, wanted: object) -> None:
    if not _same(found, wanted):
        raise MalformedError(f"{name} is {found!r:.200}, {wanted!r:.200} is due")


def _require_keys(mapping: object, wanted: set[str], where: str) -> None:
    if not isinstance(mapping, dict):
        raise MalformedError(f"{where} is no mapping")
    if mapping.keys() != wanted:
        odd = sorted(mapping.keys() ^ wanted)
        raise MalformedError(f"{where}: {', '.join(map(repr, odd))[:200]} missing or not known")


def _require_empty(value: object, where: str) -> None:
    if not isinstance(value, (list, np.ndarray)) or len(value):
        raise MalformedError(f"{where} is not empty: categories are not allowed")


def _whole(param: Mapping[str, Any], key: str) -> int:
    text = param[key]
    if not isinstance(text, str) or re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise MalformedError(f"{key} is {text!r:.60}, no whole number")
    return int(text)


def _base_score(text: object) -> float:
    if (
        not isinstance(text, str)
        or re.fullmatch(r"\[[0-9]{1,12}(\.[0-9]{1,12})?(E-?[0-9]{1,2})?\]", text) is None
    ):
        raise MalformedError(f"base_score is {text!r:.60}, no number in brackets")
    return float(text[1:-1])
