"""
Random numbers that are the same on every machine.

One tick of difference in one close changes every later bar of a stock, so a market made twice must agree to the last
bit. The library's normal and Poisson draws, `exp` and `power` go through the platform's mathematics or the
processor's vector units and may differ in the last bit. Only what IEEE 754 fixes is used here, and by the modules
beside this one: integers, uniforms, + - * /, square roots, and an exponential made of these.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Shape = int | tuple[int, ...]

_ROOT_3 = math.sqrt(3.0)
_EXP2 = (
    1.0,
    0.6931471805599453,
    0.2402265069591007,
    0.0555041086648216,
    0.0096181291076285,
    0.0013333558146428,
    0.0001540353039338,
    0.0000152527338041,
)
"""Powers of ln 2 over factorials: the series of 2 to a fraction."""


def stream(seed: int, subject: str) -> np.random.Generator:
    """The draws of one subject: drawing more for one leaves all others as they were."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(subject.encode())])))


def bell(rng: np.random.Generator, shape: Shape) -> Floats:
    """Mean 0, variance 1, within -3.5..3.5: the sum of four uniforms."""
    total = rng.random(shape)
    for _ in range(3):
        total = total + rng.random(shape)
    return (total - 2.0) * _ROOT_3


def exp2(power: Floats) -> Floats:
    """2 to a power, to five digits; a polynomial over the fraction, the whole part exactly."""
    whole = np.floor(power)
    fraction = power - whole
    value = np.full_like(fraction, _EXP2[-1])
    for coefficient in _EXP2[-2::-1]:
        value = value * fraction + coefficient
    return np.ldexp(value, whole.astype(np.int32))


def around(rng: np.random.Generator, median: float, doublings: float, shape: Shape) -> Floats:
    """Positive numbers around a median; two thirds lie within a factor of 2 to the `doublings`."""
    return median * exp2(doublings * bell(rng, shape))


def between(rng: np.random.Generator, low: float, high: float, shape: Shape) -> Floats:
    """Uniform numbers from `low` up to, not including, `high`."""
    return low + (high - low) * rng.random(shape)


def pick(rng: np.random.Generator, weights: Sequence[float], shape: Shape) -> Ints:
    """Positions in `weights`, each as often as its weight says."""
    edges = np.cumsum(np.array(weights, dtype=np.float64))
    chosen: Ints = np.searchsorted(edges, rng.random(shape) * edges[-1], side="right").astype(np.int64)
    return chosen


def time_of_day(rng: np.random.Generator, count: int) -> Ints:
    """Seconds after midnight at which companies speak: a third in market hours, most of the rest in the evening."""
    part = pick(rng, (0.012, 0.32, 0.668), count)
    low = np.array([7 * 3600, 9 * 3600 + 900, 15 * 3600 + 1800])[part]
    high = np.array([9 * 3600 + 900, 15 * 3600 + 1800, 23 * 3600])[part]
    early = np.minimum(rng.random(count), rng.random(count))
    second: Ints = np.floor(low + (high - low) * early).astype(np.int64)
    return second
