"""
Proves that a forest's arrays are trees: every node is reached once from its root, and nothing points outside.

This is what stands between a file and a process that dies of it. All trees are proven together in numpy, so that it
costs milliseconds and nobody is tempted to leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from upper_circuit.models.ubjson import MalformedError

Columns = Mapping[str, npt.NDArray[Any]]
"""XGBoost's arrays by name, [nodes of all trees], one tree after another."""
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]

_FINITE = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_NO_PARENT = 2**31 - 1
_PRUNED = 2**31 - 1
_LEAF = -1
_MORE = 1.01
"""By how much rounding may let a part exceed its whole: covers are float32 sums over many rows."""


def prove_trees(
    columns: Columns, sizes: Sequence[int], pruned: Sequence[int], *, features: int, depth: int
) -> int:
    """The greatest depth of the trees; MalformedError, with tree and node, unless all of them are sound.

    `sizes` and `pruned` are the nodes, and the pruned ones among them, that each tree says it has.
    """
    nodes = _Nodes.of(columns, sizes)
    for key in _FINITE:
        nodes.forbid(~np.isfinite(columns[key]), key, columns[key], "must be finite")
    nodes.forbid(columns["default_left"] > 1, "default_left", columns["default_left"], "must be 0 or 1")
    nodes.forbid(columns["split_type"] != 0, "split_type", columns["split_type"], "a categorical split")

    _require_inside(nodes, features)
    counted = np.bincount(nodes.tree[nodes.pruned], minlength=len(sizes)).tolist()
    for number, (found, named) in enumerate(zip(counted, pruned, strict=True)):
        if found != named:
            raise MalformedError(f"trees[{number}] has {found} pruned nodes and says it has {named}")
    _require_one_mother(nodes)
    _require_cover(nodes, columns["sum_hessian"])
    return _walk(nodes, depth)


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of all trees [n]: links within the own tree, the own tree's number, first place and size."""

    left: Integers
    right: Integers
    parent: Integers
    feature: Integers
    tree: Integers
    first: Integers
    size: Integers
    leaf: Truths
    root: Truths
    pruned: Truths

    @classmethod
    def of(cls, columns: Columns, sizes: Sequence[int]) -> _Nodes:
        size = np.asarray(sizes, np.int64)
        tree = np.repeat(np.arange(len(size)), size)
        first = (np.cumsum(size) - size)[tree]
        left, right, parent, feature = (
            columns[key].astype(np.int64)
            for key in ("left_children", "right_children", "parents", "split_indices")
        )
        return cls(
            left, right, parent, feature, tree, first, size[tree],
            leaf=left == _LEAF, root=np.arange(len(left)) == first, pruned=feature == _PRUNED,
        )  # fmt: skip

    def forbid(self, bad: Truths, key: str, values: npt.NDArray[Any], why: str) -> None:
        """Raise MalformedError with the first bad node."""
        if bad.any():
            at = int(np.argmax(bad))
            where = f"trees[{self.tree[at]}].{key}[{at - self.first[at]}]"
            raise MalformedError(f"{where} is {values[at]}: {why} (tree of {self.size[at]} nodes)")


def _require_inside(nodes: _Nodes, features: int) -> None:
    left, right, parent, feature = nodes.left, nodes.right, nodes.parent, nodes.feature
    inner = ~nodes.leaf
    nodes.forbid(inner & ((left < 1) | (left >= nodes.size)), "left_children", left, "outside the tree")
    # XGBoost goes right by adding 1 to the left child; its array of right children is read elsewhere.
    nodes.forbid(inner & (right != left + 1), "right_children", right, "must follow the left child")
    nodes.forbid(inner & (right >= nodes.size), "right_children", right, "outside the tree")
    nodes.forbid(nodes.leaf & (right != _LEAF), "right_children", right, "a leaf has no children")
    nodes.forbid(nodes.root & (parent != _NO_PARENT), "parents", parent, "a root has no parent")
    outside = (parent < 0) | (parent >= nodes.size)
    nodes.forbid(~nodes.root & outside, "parents", parent, "outside the tree")
    in_use = inner | nodes.root
    nodes.forbid(nodes.pruned & in_use, "split_indices", feature, "marks a node in use as pruned")
    unknown = (feature < 0) | (feature >= features)
    nodes.forbid(~nodes.pruned & unknown, "split_indices", feature, "no such feature")


def _require_one_mother(nodes: _Nodes) -> None:
    inner = np.flatnonzero(~nodes.leaf)
    mothers = np.concatenate([inner, inner])
    children = np.concatenate([nodes.left[inner], nodes.right[inner]]) + nodes.first[mothers]
    times = np.bincount(children, minlength=len(nodes.left))
    alone = nodes.root | nodes.pruned
    nodes.forbid(~alone & (times != 1), "parents", nodes.parent, "not the child of exactly one node")
    nodes.forbid(alone & (times != 0), "parents", nodes.parent, "a root or a pruned node is a child")
    strange = np.zeros(len(nodes.left), bool)
    strange[children] = nodes.parent[children] + nodes.first[children] != mothers
    nodes.forbid(strange, "parents", nodes.parent, "not the node whose child it is")


def _require_cover(nodes: _Nodes, cover: npt.NDArray[np.float32]) -> None:
    """SHAP values divide by a node's cover (its sum of hessians) and stop with an error where that gives no fraction."""
    nodes.forbid(cover < 0, "sum_hessian", cover, "must be >= 0")
    nodes.forbid(~nodes.leaf & (cover == 0), "sum_hessian", cover, "an inner node covers something")
    child = ~nodes.root & ~nodes.pruned
    mother = cover[np.where(child, nodes.parent + nodes.first, 0)].astype(np.float64)
    nodes.forbid(child & (cover > _MORE * mother), "sum_hessian", cover, "more than its mother's")


def _walk(nodes: _Nodes, limit: int) -> int:
    """One mother for every child does not forbid a ring beside the tree: a walk from the roots finds what is left."""
    reached = nodes.pruned.copy()
    level, depth = np.flatnonzero(nodes.root), 0
    while len(level):
        if depth > limit:
            raise MalformedError(f"trees[{nodes.tree[level[0]]}] is deeper than {limit}")
        reached[level] = True
        inner = level[~nodes.leaf[level]]
        left = nodes.left[inner] + nodes.first[inner]
        level = np.concatenate([left, left + 1])
        depth += 1
    nodes.forbid(~reached, "left_children", nodes.left, "not reached from the root")
    return depth - 1
