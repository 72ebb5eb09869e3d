"""
The three features of announcements.

Silence is a value: a stock without items has sentiment 0, not a gap. Whether the table is loaded at all for a run
date only the whole market can tell, so the count of items goes along (see `cross_section`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upper_circuit.market.calendar import Sessions
from upper_circuit.market.days import ist_day
from upper_circuit.market.events import Announcements
from upper_circuit.market.windows import Floats

SESSIONS = 20
"""Sessions over which sentiment and events count."""
HALF_LIFE = 5
"""Sessions after which an item weighs half."""
RECENT = 5
"""Ages 0..4 are recent; ages 5..64, in twelve such spans, are what is usual."""
USUAL_SPANS = 12


@dataclass(frozen=True, slots=True)
class Sentiment:
    """Per stock, [n]."""

    features: dict[str, Floats]
    items: npt.NDArray[np.int64]
    """Announcements of ages 0..64."""


def sentiment(announcements: Announcements, sessions: Sessions, stocks: int) -> Sentiment:
    """The three by name, [n] each, not clipped, never NaN."""
    age = sessions.age(ist_day(announcements.announced_at))
    lately = age < SESSIONS
    stock = announcements.stock[lately]
    weight = np.array([0.5 ** (a / HALF_LIFE) for a in range(SESSIONS)])[age[lately]]
    weights = np.bincount(stock, weight, minlength=stocks)
    scores = np.bincount(stock, weight * announcements.score[lately], minlength=stocks)
    events = np.bincount(stock, announcements.event[lately].astype(np.float64), minlength=stocks)
    window = age < RECENT + USUAL_SPANS * RECENT
    items = np.bincount(announcements.stock[window], minlength=stocks)
    recent = np.bincount(announcements.stock[age < RECENT], minlength=stocks)
    return Sentiment(
        {
            "news_sentiment_20": np.divide(scores, weights, out=np.zeros(stocks), where=weights > 0.0),
            "announcement_intensity_5": _log1p(recent) - _log1p((items - recent) / USUAL_SPANS),
            "net_event_score_20": events.astype(np.float64),
        },
        items.astype(np.int64),
    )


def _log1p(values: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Floats:
    # One libm call a distinct value: numpy's vector loops may differ in the last bit between body and tail of an
    # array, and then a stock alone would differ from the same stock in a shard.
    distinct, inverse = np.unique(values, return_inverse=True)
    return np.array([math.log1p(value) for value in distinct])[inverse]
