"""
The hidden mood of each stock, and how it turns.

Locks would be independent throws of a coin without it. A mood gives the move a lean, widens the day's range and draws
a crowd; what a model can see are these traces, late and mixed with noise.
"""

from __future__ import annotations

import numpy as np

from upper_circuit.market.synthetic.draws import Flags, Floats

CALM, STIRRING, RUN, SLIDE = range(4)

_LEAN: Floats = np.array([0.0, 0.004, 0.0, -0.02])  # a run has its own
_SWING: Floats = np.array([0.9, 1.35, 1.55, 1.45])
_CROWD: Floats = np.array([0.0, 1.2, 1.9, 1.0])

_LEAST_VIGOUR = 0.015
_MORE_VIGOUR = 0.15
"""A run's lean a day: its least, and by how much the greatest exceeds it. Most are weak."""


class Moods:
    """The moods of all stocks on one session, and the memory of how wildly each moved of late."""

    def __init__(self, count: int) -> None:
        self._state = np.zeros(count, dtype=np.int64)
        self._heat = np.ones(count)
        self._vigour = np.zeros(count)

    def lean(self) -> Floats:
        """What the mood adds to a day's move."""
        return np.where(self._state == RUN, self._vigour, _LEAN[self._state])

    def swing(self) -> Floats:
        """By how much days are wider than the stock's calm ones; wide days follow wide days."""
        swing: Floats = _SWING[self._state] * (0.5 + 0.5 * self._heat)
        return swing

    def crowd(self) -> Floats:
        """Doublings of the volume."""
        crowd: Floats = _CROWD[self._state]
        return crowd

    def turn(
        self,
        rng: np.random.Generator,
        proneness: Floats,
        *,
        kick: Floats,
        move: Floats,
        locked: Flags,
        here: Flags,
    ) -> None:
        """Carry moods over to the next bar; those of stocks without a bar (`here` false) stay.

        `kick` is what news did (1: a good order), `move` the day's move as a fraction.
        """
        count = len(here)
        kick = np.clip(kick, 0.0, 3.0)
        odds = np.minimum(proneness, 6.0) * np.minimum(self._heat, 2.0)
        turned = self._turned(rng.random(count), odds, kick, locked)
        begins = here & (turned == RUN) & (self._state != RUN)
        strength = rng.random(count)
        self._vigour = np.where(begins, _LEAST_VIGOUR + _MORE_VIGOUR * strength * strength, self._vigour)
        self._state = np.where(here, turned, self._state)
        wild = np.minimum(np.abs(move) / 0.02, 3.0)
        self._heat = np.where(here, 0.93 * self._heat + 0.07 * wild, self._heat)

    def _turned(self, chance: Floats, odds: Floats, kick: Floats, locked: Flags) -> np.ndarray:
        """The next mood of each stock; what the ways out of a mood leave is the chance that it stays."""
        ways_out = (
            (CALM, RUN, 0.0008 * odds + 0.012 * kick),
            (CALM, STIRRING, 0.005 * odds + 0.05 * kick),
            (CALM, SLIDE, 0.002 * odds),
            (STIRRING, RUN, 0.045 * np.sqrt(odds) + 0.03 * kick),
            (STIRRING, CALM, 0.12),
            (STIRRING, SLIDE, 0.01),
            (RUN, CALM, 0.055 - 0.04 * locked),
            (RUN, SLIDE, 0.05),
            (SLIDE, CALM, 0.15),
            (SLIDE, RUN, 0.01),
        )
        turned = self._state
        for mood, following, probability in ways_out:
            within = self._state == mood
            turned = np.where(within & (chance >= 0.0) & (chance < probability), following, turned)
            chance = np.where(within, chance - probability, chance)
        return turned
