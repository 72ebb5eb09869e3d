"""Laws of models: versions, calibration, manifests, and a gate that no bytes get past by raising something else."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta, timezone
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.factories.models import NAMES, booster, document, manifest
from tests.factories.ubjson import encode
from upper_circuit.errors import ModelRejected
from upper_circuit.models.bins import Bins
from upper_circuit.models.calibration import Platt
from upper_circuit.models.confidence import band, bands, label, labels
from upper_circuit.models.manifest import GoldenRow, Manifest, TrainingWindow
from upper_circuit.models.structure import check
from upper_circuit.models.version import ModelVersion

NUMBERS = st.tuples(*[st.integers(0, 999_999_999)] * 3)
SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
PLATTS = st.builds(Platt, st.floats(1e-6, 1e6), st.floats(-1e6, 1e6))
MARGINS = hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-1e4, 1e4, width=32))


@given(NUMBERS, NUMBERS)
def test_versions_order_like_tuples(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    """Every comparison of versions is that of their numbers."""
    a, b = ModelVersion(*one), ModelVersion(*other)

    assert (one < other, one == other, one >= other) == (a < b, a == b, a >= b)


@given(NUMBERS)
def test_a_version_survives_its_text(numbers: tuple[int, int, int]) -> None:
    """Parsing what was printed gives the same version."""
    version = ModelVersion(*numbers)

    assert version == ModelVersion.parse(str(version))


@given(PLATTS, MARGINS)
def test_calibration_never_turns_a_ranking_round(platt: Platt, margins: Any) -> None:
    """A higher margin never has a lower probability, and each lies from 0 to 1."""
    probabilities = platt.probability(np.sort(margins))

    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


@given(PLATTS, MARGINS)
def test_a_probability_is_its_own_affair(platt: Platt, margins: Any) -> None:
    """Alone or among others: the same bits."""
    alone = [platt.probability(margins[at : at + 1]).tobytes() for at in range(len(margins))]

    assert b"".join(alone) == platt.probability(margins).tobytes()


@given(hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(0, 1, width=32)))
def test_words_for_many_are_the_words_for_each(probabilities: Any) -> None:
    """Bands and labels of a column are those of its values, also after widening."""
    assert [str(band(float(p))) for p in probabilities] == bands(probabilities).tolist()
    assert [label(float(p)) for p in probabilities] == labels(probabilities).tolist()


@given(
    hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(allow_infinity=False, width=32)),
    st.integers(1, 20),
)
def test_bins_account_for_every_value(values: Any, count: int) -> None:
    """Counted by hand, bin for bin; and the values that made the bins have the shares the bins say."""
    bins = Bins.of(values, count)

    limits = [-np.inf, *bins.edges, np.inf]
    by_hand = tuple(
        float(np.sum((values > low) & (values <= high)) / len(values)) for low, high in pairwise(limits)
    )
    assert by_hand == bins.shares
    assert len(bins.edges) < max(count, 2)
    assert (bins.shares, bins.missing) == bins.spread(values)


@cache
def _facts() -> Manifest:
    return manifest()


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    """Manifests with any golden numbers, dates, parameters and instants."""
    values = st.tuples(*[st.none() | SINGLES] * 25)
    days = draw(st.lists(st.dates(date(1990, 1, 1)), min_size=4, max_size=4, unique=True).map(sorted))
    zone = timezone(timedelta(minutes=draw(st.integers(-720, 720))))
    instants = st.datetimes(timezones=st.just(zone))
    changes = {
        "version": ModelVersion(*draw(NUMBERS)),
        "created_at": draw(instants),
        "golden": tuple(
            draw(st.lists(st.builds(GoldenRow, values=values, margin=SINGLES, probability=SINGLES), min_size=1, max_size=2))
        ),
        "params": draw(
            st.dictionaries(
                st.text(max_size=8),
                st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
                | st.floats(allow_nan=False, allow_infinity=False),
                max_size=3,
            )
        ),
        "calibration": draw(PLATTS),
        "window": TrainingWindow(
            fit_from=days[0], fit_until=days[1], calibrate_until=days[2], test_until=days[3],
            horizon=draw(st.integers(1, 60)), embargo=draw(st.integers(0, 60)),
        ),
    }  # fmt: skip
    return Manifest(**{**dict(_facts()), **changes})


@settings(max_examples=25)
@given(manifests())
def test_a_manifest_survives_its_file(facts: Manifest) -> None:
    """What is read is equal to what was written, floats to the last bit and texts to the last sign."""
    assert facts == Manifest.parse(facts.to_yaml(), version=str(facts.version))


def _outcome(act: Callable[[], object]) -> str:
    """The check that rejected, or `sound`; any other error than ModelRejected comes out and fails the test."""
    try:
        act()
    except ModelRejected as rejected:
        return rejected.check
    return "sound"


def _mutate(data: bytes, draw: st.DataObject) -> bytes:
    """A few bytes changed, put in or taken out."""
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(changed) - 1))
        match draw.draw(st.sampled_from(["set", "flip", "insert", "cut", "drop"])):
            case "set":
                changed[at] = draw.draw(st.integers(0, 255))
            case "flip":
                changed[at] ^= 1 << draw.draw(st.integers(0, 7))
            case "insert":
                changed[at:at] = draw.draw(st.binary(min_size=1, max_size=9))
            case "cut":
                del changed[at : at + draw.draw(st.integers(1, 200))]
            case _:
                del changed[at:]
        if not changed:
            break
    return bytes(changed)


@settings(max_examples=200)
@given(st.data())
def test_changed_bytes_are_sound_or_rejected(draw: st.DataObject) -> None:
    """Whatever bytes come: the proof ends with a structure or a ModelRejected, never with another error."""
    changed = _mutate(booster(), draw)

    assert _outcome(lambda: check(changed, version="1.0.0", feature_names=NAMES)) in {"sound", "structure"}


@cache
def _document() -> dict[str, Any]:
    return document(booster(trees=2, max_depth=2))


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where a value stands in a document, for every value."""
    match value:
        case dict():
            return [path, *(place for key, item in value.items() for place in _places(item, (*path, key)))]
        case [int() | float(), *_]:
            return [path]  # an array of numbers, taken as one
        case list():
            return [path, *(place for key, item in enumerate(value) for place in _places(item, (*path, key)))]
    return [path]


@settings(max_examples=200)
@given(st.data())
def test_a_value_of_another_type_is_sound_or_rejected(draw: st.DataObject) -> None:
    """Any value exchanged for any other kind of value: a structure or a ModelRejected."""
    changed: Any = copy.deepcopy(_document())
    *way, last = draw.draw(st.sampled_from(_places(changed)[1:]))
    inside = changed
    for step in way:
        inside = inside[step]
    inside[last] = draw.draw(
        st.sampled_from(
            [{}, {"a": 1}, "", "1", "x", 0, -1, 2**40, [], ["x"], [{}], [[1], "a"], {"left_children": [1, 2]}]
        )
    )
    try:
        raw = encode(changed)
    except (TypeError, ValueError, OverflowError):
        raw = encode({"learner": str(last)})  # not even an array of numbers can be made of it

    assert _outcome(lambda: check(raw, version="1.0.0", feature_names=NAMES)) in {"sound", "structure"}


@settings(max_examples=60)
@given(st.data())
def test_changed_text_is_a_manifest_or_rejected(draw: st.DataObject) -> None:
    """Whatever text comes for a manifest: one is read or a ModelRejected says why not."""
    text = _mutate(_facts().to_yaml().encode(), draw).decode(errors="replace")

    assert _outcome(lambda: Manifest.parse(text, version="1.0.0")) in {"sound", "manifest"}
