"""
The corpus: models broken by hand, by chance, by a forger, and some that are not broken at all.

A forger makes hash and size fit the bytes he changed, so that only structure and golden rows stand between them and
XGBoost; damage without that must fall at the hash.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from tests.factories.broken_models import MALFORMED, damaged, deep, trees_of
from tests.factories.models import booster, document, manifest, signed
from tests.factories.ubjson import encode
from upper_circuit.models.manifest import MANIFEST_FILE, MODEL_FILE, Manifest
from upper_circuit.models.version import ModelVersion

_ODD_NUMBERS = (-1, 0, 1, 2, 3, 7, 25, 26, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, -(2**31), 2**62)
_ODD_FLOATS = (0.0, -0.0, 1e-45, 3e38, -3e38, float("nan"), float("inf"), -float("inf"))
_ODD_TEXTS = ("", "0", "-1", "7", "1e9", "NaN", "[5E-1]", "[0E0]", "gbtree", "x" * 5000, "\x00", "ü")


@dataclass(frozen=True)
class Case:
    """One model to try; where neither `must` is set, either outcome is right if the answers are finite."""

    kind: str
    name: str
    model: bytes
    manifest: str
    must_fail: bool = False
    must_pass: bool = False

    def write(self, folder: Path) -> None:
        """Into a registry, behind the gate's back."""
        folder.mkdir()
        (folder / MODEL_FILE).write_bytes(self.model)
        (folder / MANIFEST_FILE).write_bytes(self.manifest.encode("utf-8", "surrogateescape"))


def cases(count: int, seed: int, version: ModelVersion) -> Iterator[Case]:
    """So many cases: every one made by hand, then random ones of every kind in turn."""
    draw = random.Random(seed)
    makers: tuple[Callable[[random.Random, ModelVersion], Case], ...] = (
        _changed_document, _flipped_bits, _forged_bits, _cut, _spliced, _changed_manifest, _flipped_manifest,
        _swapped_manifest, _good,
    )  # fmt: skip

    def random_ones() -> Iterator[Case]:
        while True:
            for maker in makers:
                yield maker(draw, version)

    by_hand = list(_by_hand(version))
    yield from by_hand[:count]
    yield from islice(random_ones(), max(0, count - len(by_hand)))


@cache
def _sound(trees: int, depth: int, seed: int, version: ModelVersion) -> tuple[bytes, Manifest]:
    model = booster(trees=trees, max_depth=depth, seed=seed, min_child_weight=0)
    return model, manifest(model, version=version)


@cache
def _document(trees: int, depth: int, seed: int, version: ModelVersion) -> dict[str, Any]:
    return document(_sound(trees, depth, seed, version)[0])


def _shape(draw: random.Random) -> tuple[int, int, int]:
    return draw.choice([1, 2, 6, 30]), draw.choice([1, 3, 6, 12]), draw.randrange(3)


def _by_hand(version: ModelVersion) -> Iterator[Case]:
    model, facts = _sound(6, 3, 0, version)
    for name, damage in MALFORMED.items():
        broken = damaged(damage)
        yield Case("made by hand", name, broken, signed(facts, broken).to_yaml(), must_fail=True)
    many = _many_trees(1_000_000)
    yield Case("made by hand", "a million trees", many, signed(facts, many).to_yaml(), must_fail=True)
    lies: dict[str, dict[str, Any]] = {
        "wrong fingerprint": {"feature_fingerprint": "f" * 16},
        "another version": {"version": version.next_minor()},
        "a missing feature": {"feature_names": facts.feature_names[:-1]},
        "features turned": {"feature_names": facts.feature_names[::-1]},
        "another number of trees": {"trees": facts.trees + 1},
    }
    for name, changes in lies.items():
        text = facts.model_copy(update=changes).to_yaml()
        yield Case("made by hand", name, model, text, must_fail=True)


def _many_trees(count: int) -> bytes:
    """A tree of one leaf over and over, put together as bytes: as a document it would take minutes."""
    found = copy.deepcopy(_document(1, 1, 0, ModelVersion(1, 0, 0)))
    deep(0)(found)
    [tree] = trees_of(found)
    one = encode([tree])
    head, _, tail = encode(found).partition(one)
    return head + encode([])[:-8] + count.to_bytes(8, "big") + encode(tree) * count + tail


def _changed_document(draw: random.Random, version: ModelVersion) -> Case:
    """One to three places of the document get odd values, and the manifest fits."""
    shape = _shape(draw)
    found = copy.deepcopy(_document(*shape, version))
    changed = [_change_somewhere(found, draw) for _ in range(draw.choice([1, 1, 2, 3]))]
    try:
        model = encode(found)
    except (OverflowError, TypeError, ValueError, StopIteration):  # numbers that no typed array holds
        return _changed_document(draw, version)
    facts = signed(_sound(*shape, version)[1], model)
    return Case("document changed, manifest made to fit", "; ".join(changed), model, facts.to_yaml())


def _change_somewhere(found: Any, draw: random.Random) -> str:
    place, way = found, []
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw.choice(keys)
        way.append(str(key))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and draw.random() < 0.97:
            place = inner
            continue
        place[key] = _odd(inner, draw)
        return ".".join(way)


def _odd(value: Any, draw: random.Random) -> Any:
    if draw.random() < 0.05:
        return draw.choice([[], {}, "x", 7])
    match value:
        case bool() | int():
            return draw.choice([*_ODD_NUMBERS, value + 1, value - 1, draw.randrange(-(2**31), 2**31)])
        case float():
            return draw.choice([*_ODD_FLOATS, -value, value * 2, draw.gauss(0, 100)])
        case str():
            return draw.choice([*_ODD_TEXTS, value + "0", value[:-1]])
        case _:
            return draw.choice([[], {}, [0], "x"])


def _flipped_bits(draw: random.Random, version: ModelVersion) -> Case:
    """A disk or a cable: the hash no longer fits."""
    model, facts = _sound(*_shape(draw), version)
    return Case("bits flipped", "", _flip(model, draw), facts.to_yaml(), must_fail=True)


def _forged_bits(draw: random.Random, version: ModelVersion) -> Case:
    model, facts = _sound(*_shape(draw), version)
    broken = _flip(model, draw)
    return Case("bits flipped, manifest made to fit", "", broken, signed(facts, broken).to_yaml())


def _flip(raw: bytes, draw: random.Random) -> bytes:
    changed = bytearray(raw)
    for at in draw.sample(range(len(raw)), draw.choice([1, 1, 2, 8])):
        changed[at] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _cut(draw: random.Random, version: ModelVersion) -> Case:
    model, facts = _sound(*_shape(draw), version)
    broken = model[: draw.randrange(len(model))]
    facts = signed(facts, broken) if broken else facts
    return Case("cut short, manifest made to fit", "", broken, facts.to_yaml(), must_fail=True)


def _spliced(draw: random.Random, version: ModelVersion) -> Case:
    """A piece of one model in another, twice, or left out."""
    model, facts = _sound(*_shape(draw), version)
    other, _ = _sound(*_shape(draw), version)
    at, length = draw.randrange(len(model)), draw.randrange(1, 200)
    start = draw.randrange(len(other))
    piece = draw.choice([b"", other[start : start + length], model[at : at + length] * 2])
    broken = model[:at] + piece + model[at + length :]
    return Case("spliced, manifest made to fit", "", broken, signed(facts, broken).to_yaml())


def _changed_manifest(draw: random.Random, version: ModelVersion) -> Case:
    """One line of the manifest left out, doubled, or with an odd value."""
    model, facts = _sound(*_shape(draw), version)
    lines = facts.to_yaml().splitlines()
    at = draw.randrange(len(lines))
    key = lines[at].partition(":")[0]
    lines[at : at + 1] = draw.choice(
        [
            [],
            [lines[at]] * 2,
            [f"{key}: {draw.choice(_ODD_NUMBERS)}"],
            [f"{key}: {draw.choice(['.nan', '.inf', '[]', '{}', '~', '&a [*a]'])}"],
        ]
    )
    return Case("manifest changed", key.strip(), model, "\n".join(lines))


def _flipped_manifest(draw: random.Random, version: ModelVersion) -> Case:
    model, facts = _sound(*_shape(draw), version)
    text = _flip(facts.to_yaml().encode(), draw).decode("utf-8", "surrogateescape")
    return Case("manifest with flipped bits", "", model, text)


def _swapped_manifest(draw: random.Random, version: ModelVersion) -> Case:
    """The manifest of another model of the same version."""
    one, another = draw.sample(
        [_sound(1, 3, 0, version), _sound(2, 3, 0, version), _sound(6, 6, 1, version)], 2
    )
    return Case("manifest of another model", "", one[0], another[1].to_yaml(), must_fail=True)


def _good(draw: random.Random, version: ModelVersion) -> Case:
    """A sound model of any shape training might give."""
    trees, depth = draw.choice([1, 2, 10, 100, 400]), draw.choice([1, 2, 4, 8, 16])
    extra: dict[str, Any] = draw.choice(
        [{}, {"tree_method": "exact"}, {"tree_method": "approx"}, {"grow_policy": "lossguide", "max_leaves": 31},
         {"num_parallel_tree": 2, "subsample": 0.5}, {"base_score": 0.05}, {"scale_pos_weight": 20}, {"eta": 1e-6},
         {"gamma": 100}, {"colsample_bytree": 0.3}, {"max_delta_step": 1}]
    )  # fmt: skip
    model = booster(trees=trees, max_depth=depth, seed=draw.randrange(4), names=draw.random() < 0.8, **extra)
    return Case(
        "good",
        f"{trees} trees, depth {depth}, {extra}",
        model,
        manifest(model, version=version).to_yaml(),
        must_pass=True,
    )
