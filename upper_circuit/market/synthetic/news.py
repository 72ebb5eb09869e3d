"""
Announcements: many, mostly routine, some that move the price, some that the price calls forth.

Each has a category of the exchange's own list. What it does to the price here is drawn beside the words a score is
made of, not from a table of scores, so that a scorer is tried on something it did not write.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from upper_circuit.market.synthetic.draws import Floats, Ints, bell, pick, time_of_day
from upper_circuit.market.synthetic.prices import Bars
from upper_circuit.market.synthetic.results import CLOSE_OF_TRADING, DAY, Results
from upper_circuit.market.synthetic.sessions import Sessions
from upper_circuit.market.synthetic.stocks import Stocks

# Category, weight, mean move of the price at the next session.
_CATEGORIES: tuple[tuple[str, float, float], ...] = (
    ("Analysts/Institutional Investor Meet/Con. Call Updates", 95, 0.0),
    ("Updates", 85, 0.0),
    ("Copy of Newspaper Publication", 60, 0.0),
    ("Loss of Share Certificates", 57, 0.0),
    ("Shareholders meeting", 42, 0.0),
    ("Trading Window", 39, 0.0),
    ("Press Release", 36, 0.004),
    ("General Updates", 29, 0.0),
    ("Disclosure under SEBI Takeover Regulations", 24, 0.0),
    ("Investor Presentation", 19, 0.0),
    ("Appointment", 13, 0.0),
    ("Record Date", 9, 0.0),
    ("ESOP/ESOS/ESPS", 9, 0.0),
    ("Dividend", 8, 0.002),
    ("Credit Rating", 8, 0.0),
    ("Resignation", 8, -0.004),
    ("Change in Director(s)", 7, 0.0),
    ("Related Party Transactions", 6, 0.0),
    ("Allotment of Securities", 6, 0.0),
    ("Acquisition", 5.4, 0.012),
    ("Memorandum of Understanding/Agreements", 3, 0.006),
    ("Corporate Insolvency Resolution Process", 2.4, -0.03),
    ("Change in Auditors", 2.5, -0.002),
    ("Action(s) taken or orders passed", 2.2, -0.006),
    ("Bagging/Receiving of orders/contracts", 6, 0.022),
    ("Capacity addition", 1.6, 0.012),
    ("Commencement of commercial production/operations", 1.2, 0.012),
    ("Product launch", 1.2, 0.008),
    ("Bonus", 1.0, 0.02),
    ("Buyback", 0.7, 0.012),
    ("Stock split", 0.8, 0.014),
    ("Defaults on Payment of Interest/Principal", 1.5, -0.03),
    ("Pendency of Litigation(s)/dispute(s) or the outcome impacting the Company", 1.3, -0.008),
    ("Resignation of Independent director", 1.3, -0.004),
    ("Resignation of Statutory Auditor", 0.6, -0.025),
    ("Grant of licenses/regulatory approvals", 0.8, 0.012),
    ("Disruption of Operations", 0.4, -0.014),
    ("Frauds/Default by employees", 0.2, -0.03),
    ("Initiation of Forensic Audit", 0.2, -0.03),
    ("Open Offer", 0.4, 0.012),
    ("Outcome of Board Meeting", 20, 0.0),
    ("Spurt in Volume", 0, 0.0),
    ("Price movement", 0, 0.0),
    ("Financial Result Updates", 0, 0.0),
)
CATEGORIES = tuple(name for name, _, _ in _CATEGORIES)
_A_MONTH = 2.6
_TEXTS: dict[str, tuple[tuple[float, str], ...]] = {
    "Credit Rating": (
        (0.0, "about Credit Rating"),
        (0.03, "that the agency has upgraded the long term rating of its bank facilities"),
        (-0.035, "that the agency has downgraded the long term rating of its bank facilities"),
    ),
    "Resignation": (
        (
            -0.001,
            "regarding Resignation of its Head of Marketing, Senior Management Personnel of the company",
        ),
        (-0.02, "regarding Resignation of its Chief Financial Officer of the company"),
        (-0.02, "regarding Resignation of its CFO and Key Managerial Personnel"),
    ),
    "Bagging/Receiving of orders/contracts": ((0.022, "about Bagging/Receiving of orders/contracts"),),
    "Change in Director(s)": ((0.0, "regarding Change in Director(s) of the company"),),
    "Appointment": ((0.0, "regarding Appointment of a Non-Executive Independent Director of the company"),),
    "Dividend": ((0.002, "that Board of Directors at its meeting recommended a Dividend"),),
    "Resignation of Statutory Auditor": (
        (-0.025, "regarding Resignation of the Statutory Auditor of the company"),
    ),
}


@dataclass(frozen=True, slots=True)
class News:
    """One announcement an entry.

    `announced` counts seconds since 1970-01-01 by an Indian clock; `text` is the position of its words in _TEXTS of
    the category, -1: none published; `move` is what the next session's price does, never published.
    """

    stock: Ints
    announced: Ints
    category: Ints
    text: Ints
    move: Floats

    def take(self, rows: Ints) -> News:
        """Some announcements, by position."""
        return News(*(getattr(self, name)[rows] for name in self.__slots__))

    def snippet(self, row: int, name: str) -> str:
        """The words of one that has a text."""
        _, words = _TEXTS[CATEGORIES[int(self.category[row])]][int(self.text[row])]
        return f"{name} has informed the Exchange {words}"


def announce(rng: np.random.Generator, stocks: Stocks, sessions: Sessions) -> News:
    """Draw what companies say of their own accord, from the first session to the last."""
    first, last = int(sessions.days[0]), sessions.last
    talkative = np.where(stocks.gone > stocks.listed, 0.4 + 1.2 * rng.random(stocks.count), 0.0)
    count = int(stocks.count * (last - first + 1) / 30.4 * _A_MONTH)
    stock = pick(rng, talkative.tolist(), count)
    day = rng.integers(first, last + 1, count)
    weekend = (day + 3) % 7 >= 5
    moved = np.minimum(day + 2, last)
    day = np.where(weekend & (rng.random(count) < 0.65), moved, day)
    category = pick(rng, [weight for _, weight, _ in _CATEGORIES], count)
    mean = np.array([move for _, _, move in _CATEGORIES])[category]
    move = mean * (1.0 + 0.8 * bell(rng, count))
    text, move = _words(rng, category, move)
    listed, gone = (
        sessions.days[np.minimum(edge, len(sessions.past) - 1)][stock]
        for edge in (stocks.listed, stocks.gone)
    )
    said = News(stock, day * DAY + time_of_day(rng, count), category, text, move)
    return said.take(np.flatnonzero((day >= listed) & (day <= gone)))


def _words(rng: np.random.Generator, category: Ints, move: Floats) -> tuple[Ints, Floats]:
    text = np.full(len(category), -1, dtype=np.int64)
    for name, options in _TEXTS.items():
        rows = np.flatnonzero(category == CATEGORIES.index(name))
        rows = rows[rng.random(len(rows)) < 0.7]
        choice = pick(rng, [1.5 * len(options), *(1.0 for _ in options[1:])], len(rows))
        text[rows] = choice
        move[rows] = np.array([effect for effect, _ in options])[choice]
    return text, move


def moves(news: News, sessions: Sessions, count: int) -> Floats:
    """[sessions, stocks]: what announcements add to each session's move."""
    day, second = np.divmod(news.announced, DAY)
    at = np.searchsorted(sessions.days, day + (second >= CLOSE_OF_TRADING))
    known = at < len(sessions.past)
    total = np.zeros((len(sessions.past), count))
    np.add.at(total, (at[known], news.stock[known]), news.move[known])
    return total


def with_replies(
    rng: np.random.Generator, said: News, results: Results, bars: Bars, sessions: Sessions
) -> News:
    """Add what follows from results (two items each) and from the market (queries about price and volume)."""
    due = np.flatnonzero(
        (results.announced // DAY <= sessions.last) & (results.announced // DAY >= sessions.days[0])
    )
    outcome = _plain(results.stock[due], results.announced[due], "Outcome of Board Meeting")
    filing = _plain(
        results.stock[due],
        results.announced[due] + rng.integers(0, 1800, len(due)),
        "Financial Result Updates",
    )
    queried = bars.locked & (rng.random(bars.locked.shape) < 0.04)
    queried[-1] = False
    price = _replies(rng, queried, sessions, "Price movement")
    spurt = bars.spurt & (rng.random(queried.shape) < 0.06)
    spurt[-1] = False
    parts = [said, outcome, filing, price, _replies(rng, spurt, sessions, "Spurt in Volume")]
    together = News(*(np.concatenate([getattr(part, n) for part in parts]) for n in said.__slots__))
    return together.take(np.lexsort((together.category, together.announced, together.stock)))


def _replies(rng: np.random.Generator, asked: np.ndarray, sessions: Sessions, category: str) -> News:
    session, stock = np.nonzero(asked)
    return _plain(stock, sessions.days[session + 1] * DAY + time_of_day(rng, len(stock)), category)


def _plain(stock: Ints, announced: Ints, category: str) -> News:
    count = len(stock)
    code = np.full(count, CATEGORIES.index(category), dtype=np.int64)
    return News(stock.astype(np.int64), announced, code, np.full(count, -1, dtype=np.int64), np.zeros(count))
