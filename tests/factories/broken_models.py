"""The ways to break a model, one at a time: a document is damaged only where its name says so."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from tests.factories.models import booster, document
from tests.factories.ubjson import ARRAYS, encode

Document = dict[str, Any]
Damage = Callable[[Document], object]


def trees_of(found: Document) -> list[Document]:
    """The trees in a booster's document."""
    trees: list[Document] = found["learner"]["gradient_booster"]["model"]["trees"]
    return trees


def damaged(damage: Damage, model: bytes | None = None) -> bytes:
    """A booster whose document was changed by `damage` and written anew."""
    found = copy.deepcopy(_document_of_default() if model is None else document(model))
    damage(found)
    return encode(found)


@cache
def _document_of_default() -> Document:
    return document(booster())


def _set(key: str, node: int, value: float, tree: int = 1) -> Damage:
    def damage(found: Document) -> None:
        trees_of(found)[tree][key][node] = value

    return damage


def _at(*path: str | int, to: Any) -> Damage:
    def damage(found: Any) -> None:
        *way, last = path
        for step in way:
            found = found[step]
        found[last] = to

    return damage


def _in_learner(*path: str | int, to: Any) -> Damage:
    return _at("learner", *path, to=to)


def _in_model(*path: str | int, to: Any) -> Damage:
    return _at("learner", "gradient_booster", "model", *path, to=to)


def _drop(*path: str | int) -> Damage:
    def damage(found: Any) -> None:
        *way, last = path
        for step in way:
            found = found[step]
        del found[last]

    return damage


def _ring(found: Document) -> None:
    """Nodes a..d: a's children are c and d, c's children are a and b. Each has one mother, none hangs on the root."""
    tree = trees_of(found)[0]
    a = len(tree["parents"])
    _add_nodes(tree, 4)
    b, c, d = a + 1, a + 2, a + 3
    tree["left_children"][a], tree["right_children"][a] = c, d
    tree["left_children"][c], tree["right_children"][c] = a, b
    tree["parents"][a] = tree["parents"][b] = c
    tree["parents"][c] = tree["parents"][d] = a


def _add_nodes(tree: Document, count: int) -> None:
    for key in ARRAYS:
        if key in tree and not key.startswith("categories"):
            fill = {"left_children": -1, "right_children": -1}.get(key, 0)
            tree[key] += [fill] * count
    tree["tree_param"]["num_nodes"] = str(len(tree["parents"]))


def _chain(depth: int) -> Document:
    """A tree that goes one level deeper at every right child."""
    size = 2 * depth + 1
    inner = list(range(0, size - 1, 2))
    left, right, parents = [-1] * size, [-1] * size, [2**31 - 1] + [0] * (size - 1)
    for node in inner:
        left[node], right[node] = node + 1, node + 2
        parents[node + 1] = parents[node + 2] = node
    flat: Document = {key: [0] * size for key, kind in ARRAYS.items() if kind in "dlU"}
    for key in ("categories", "categories_nodes", "feature_segments", "sorted_idx"):
        del flat[key]
    flat |= {"categories": [], "categories_nodes": [], "categories_segments": [], "categories_sizes": []}
    flat |= {"left_children": left, "right_children": right, "parents": parents, "id": 0}
    flat["sum_hessian"] = [1.0] * size
    flat["tree_param"] = {
        "num_deleted": "0", "num_feature": "25", "num_nodes": str(size), "size_leaf_vector": "1",
    }  # fmt: skip
    return dict(sorted(flat.items()))


def with_trees(trees: list[Document]) -> Damage:
    """A forest of just these trees."""

    def damage(found: Document) -> None:
        model = found["learner"]["gradient_booster"]["model"]
        model["trees"] = [{**tree, "id": number} for number, tree in enumerate(trees)]
        model["gbtree_model_param"]["num_trees"] = str(len(trees))
        model["tree_info"] = [0] * len(trees)
        model["iteration_indptr"] = list(range(len(trees) + 1))

    return damage


def deep(depth: int) -> Damage:
    """A forest of one tree that deep."""
    return with_trees([_chain(depth)])


MALFORMED: Mapping[str, Damage] = {
    "left child out of range": _set("left_children", 0, 100_000),
    "left child far out of range": _set("left_children", 0, 2**31 - 1),
    "left child negative": _set("left_children", 0, -2),
    "left child is the root": _set("left_children", 1, 0),
    "left child is the node itself": _set("left_children", 1, 1),
    "right child out of range": _set("right_children", 0, 100_000),
    "right child not beside the left": _set("right_children", 0, 3),
    "last node as left child, so that right is outside": lambda found: _last_as_left(trees_of(found)[1]),
    "leaf with a right child": lambda found: _leaf_with_right(trees_of(found)[1]),
    "cycle to the root": lambda found: _cycle(trees_of(found)[1]),
    "ring beside the tree": _ring,
    "node that nobody reaches": lambda found: _add_nodes(trees_of(found)[1], 2),
    "two mothers for one child": lambda found: _two_mothers(trees_of(found)[1]),
    "parent out of range": _set("parents", 1, 100_000),
    "parent negative": _set("parents", 1, -1),
    "parent is another node": _set("parents", 1, 2),
    "root with a parent": _set("parents", 0, 1),
    "split on feature 25": _set("split_indices", 0, 25),
    "split on a far feature": _set("split_indices", 0, 2_000_000_000),
    "split on a negative feature": _set("split_indices", 0, -1),
    "inner node marked as pruned": _set("split_indices", 0, 2**31 - 1),
    "leaf in use marked as pruned": lambda found: _prune_a_leaf(trees_of(found)[1]),
    "pruned nodes said but not there": lambda found: _say(trees_of(found)[1], "num_deleted", "1"),
    "threshold not a number": _set("split_conditions", 0, float("nan")),
    "threshold infinite": _set("split_conditions", 0, float("inf")),
    "threshold minus infinite": _set("split_conditions", 0, float("-inf")),
    "leaf not a number": lambda found: _last_leaf(trees_of(found)[1], float("nan")),
    "leaf infinite": lambda found: _last_leaf(trees_of(found)[1], float("inf")),
    "cover not a number": _set("sum_hessian", 0, float("nan")),
    "cover negative": _set("sum_hessian", 0, -1.0),
    "cover of nothing at an inner node": _set("sum_hessian", 0, 0.0),
    "cover of more than the mother's": _set("sum_hessian", 1, 1e6),
    "weight not a number": _set("base_weights", 0, float("nan")),
    "gain infinite": _set("loss_changes", 0, float("inf")),
    "default direction 2": _set("default_left", 0, 2),
    "categorical split": _set("split_type", 0, 1),
    "categories in a tree": lambda found: trees_of(found)[1].update(categories=[1]),
    "categories of the forest": _in_model("cats", "enc", to=[1]),
    "array too short": lambda found: trees_of(found)[1]["split_indices"].pop(),
    "array too long": lambda found: trees_of(found)[1]["left_children"].append(-1),
    "array missing": _drop("learner", "gradient_booster", "model", "trees", 1, "parents"),
    "array not known": lambda found: trees_of(found)[1].update(extra=[]),
    "tree parameters not a mapping": lambda found: trees_of(found)[1].update(tree_param="x"),
    "tree without nodes": lambda found: _empty_tree(trees_of(found)[1]),
    "node count too high": lambda found: _say(trees_of(found)[1], "num_nodes", "900"),
    "node count no number": lambda found: _say(trees_of(found)[1], "num_nodes", "0x7"),
    "tree over 26 features": lambda found: _say(trees_of(found)[1], "num_feature", "26"),
    "tree with leaf vectors": lambda found: _say(trees_of(found)[1], "size_leaf_vector", "2"),
    "tree number twice": lambda found: trees_of(found)[1].update(id=0),
    "tree number out of range": lambda found: trees_of(found)[1].update(id=100),
    "tree of another class": _in_model("tree_info", 1, to=5),
    "tree list too short": lambda found: trees_of(found).pop(),
    "no trees": with_trees([]),
    "tree count no number": _in_model("gbtree_model_param", "num_trees", to="many"),
    "no trees a round": _in_model("gbtree_model_param", "num_parallel_tree", to="0"),
    "rounds out of range": _in_model("iteration_indptr", 6, to=60),
    "rounds not a list": _in_model("iteration_indptr", to=7),
    "trees not a list": _in_model("trees", to=7),
    "24 features": _in_learner("learner_model_param", "num_feature", to="24"),
    "three classes": _in_learner("learner_model_param", "num_class", to="3"),
    "two targets": _in_learner("learner_model_param", "num_target", to="2"),
    "base score not a number": _in_learner("learner_model_param", "base_score", to="[NAN]"),
    "base score 0": _in_learner("learner_model_param", "base_score", to="[0E0]"),
    "base score 2": _in_learner("learner_model_param", "base_score", to="[2E0]"),
    "two base scores": _in_learner("learner_model_param", "base_score", to="[5E-1,5E-1]"),
    "other objective": _in_learner("objective", "name", to="reg:squarederror"),
    "other booster": _in_learner("gradient_booster", "name", to="dart"),
    "features in another order": lambda found: found["learner"]["feature_names"].reverse(),
    "feature names not texts": _in_learner("feature_names", to=list(range(25))),
    "categorical feature type": _in_learner("feature_types", to=["c"] * 25),
    "attributes not a mapping": _in_learner("attributes", to=[]),
    "learner not a mapping": _at("learner", to=[]),
    "key missing": _drop("learner", "objective"),
    "other version": _at("version", to=[2, 1, 4]),
    "version not a list": _at("version", to="3.2.0"),
    "deeper than 64": deep(65),
    "deeper than recursion stands": deep(100_000),
    "more than 10,000 trees": with_trees([_chain(0)] * 10_001),
}
"""Documents that differ from a good model in one thing, by name: not one of them may pass."""


def _last_as_left(tree: Document) -> None:
    inner = tree["left_children"].index(max(tree["left_children"]))
    tree["left_children"][inner] += 1
    tree["right_children"][inner] += 1


def _leaf_with_right(tree: Document) -> None:
    tree["right_children"][tree["left_children"].index(-1)] = 1


def _cycle(tree: Document) -> None:
    inner = tree["left_children"].index(max(tree["left_children"]))
    tree["left_children"][inner], tree["right_children"][inner] = 1, 2


def _two_mothers(tree: Document) -> None:
    inner = [node for node, child in enumerate(tree["left_children"]) if child > 0]
    first, second = inner[-2:]
    for key in ("left_children", "right_children"):
        tree[key][second] = tree[key][first]


def _prune_a_leaf(tree: Document) -> None:
    tree["split_indices"][tree["left_children"].index(-1)] = 2**31 - 1
    tree["tree_param"]["num_deleted"] = "1"


def _last_leaf(tree: Document, value: float) -> None:
    tree["split_conditions"][-1] = value


def _say(tree: Document, name: str, value: str) -> None:
    tree["tree_param"][name] = value


def _empty_tree(tree: Document) -> None:
    for key in ARRAYS:
        if key in tree:
            tree[key] = []
    tree["tree_param"]["num_nodes"] = "0"


def bit_flips(model: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """The model with one bit turned over, `count` times, in the head, the trees and the tail."""
    draw = random.Random(seed)
    for _ in range(count):
        at = draw.randrange(len(model))
        yield model[:at] + bytes([model[at] ^ (1 << draw.randrange(8))]) + model[at + 1 :]


def truncations(model: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """The model cut short, `count` times."""
    draw = random.Random(seed)
    return (model[: draw.randrange(len(model))] for _ in range(count))
