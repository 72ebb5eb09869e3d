"""Random markets for laws, in one place."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import numpy as np
from hypothesis import strategies as st

from tests.factories.market import Filing, Item, Listing, bars, weekdays
from upper_circuit.market.days import moment_of

SESSIONS = weekdays(330)
RUN_DATE = SESSIONS[300]
QUARTER_ENDS = [
    SESSIONS[0].replace(year=year, month=month, day=30 if month in (6, 9) else 31)
    for year in (2020, 2021, 2022, 2023)
    for month in (3, 6, 9, 12)
]


@st.composite
def listings(draw: st.DrawFn) -> Listing:
    """A stock that walks at random from a random first session, with gaps, filings and announcements."""
    seed = draw(st.integers(0, 2**32 - 1))
    first = draw(st.sampled_from([0, 0, 0, 40, 150, 235, 260]))
    thin = draw(st.sampled_from([1.0, 1.0, 0.7]))
    random = np.random.default_rng(seed)
    days = [day for day in SESSIONS[first:] if random.random() < thin] or SESSIONS[-1:]
    steps = random.choice([0.0, 0.01, -0.01, 0.03, -0.03, 0.05, 0.05], size=len(days))
    close = np.round(np.maximum(20 + 200 * random.random(), 1) * np.cumprod(1 + steps), 2)
    top = np.where(
        random.random(len(days)) < 0.3, close, np.round(close * (1 + 0.02 * random.random(len(days))), 2)
    )
    floor = np.round(close * (1 - 0.02 * random.random(len(days))), 2)
    return Listing(
        bars(
            days, close, high=top, low=np.maximum(floor, 0.05), volume=random.integers(0, 10_000, len(days))
        ),
        filings=_filings(random),
        items=[
            Item(
                _moment(random, SESSIONS[200:]),
                float(random.choice([-0.7, 0.0, 0.5])),
                int(random.integers(-1, 2)),
            )
            for _ in range(random.integers(0, 30))
        ],
        industry=random.choice(["Textiles", "Chemicals"]),
        sector="Industrials",
    )


def markets(least: int = 6, most: int = 9) -> st.SearchStrategy[dict[str, Listing]]:
    """A few stocks by code."""
    return st.lists(listings(), min_size=least, max_size=most).map(
        lambda stocks: {str(500_000 + at): stock for at, stock in enumerate(stocks)}
    )


def _filings(random: np.random.Generator) -> list[Filing]:
    filed = [end for end in QUARTER_ENDS if random.random() < 0.85]
    return [
        Filing(
            end,
            moment_of(
                datetime.combine(
                    end + timedelta(days=int(random.integers(15, 60))), time(int(random.integers(6, 22)), 30)
                )
            ),
            *(float(value) for value in random.normal([1e8, 1e7, 2.0], [3e7, 1e7, 1.5])),
        )
        for end in filed
    ]


def _moment(random: np.random.Generator, days: list) -> int:
    day = days[random.integers(len(days))] + timedelta(days=int(random.integers(0, 3)))
    return moment_of(datetime.combine(day, time(int(random.integers(0, 24)), 15)))
