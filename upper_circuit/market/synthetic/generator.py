"""
A whole market, made from a seed, as a folder of files that looks like a user's own archive.

Without it the demo would need data that may not be shipped, and the tests a market whose truth nobody knows.
Everything is drawn in an order in which it could have become known: listings, splits and filings first, then the bars
that react to them, last what is said about the bars. Nothing here reads the product's features, labels or lock rule.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from upper_circuit.errors import BadInput
from upper_circuit.market.synthetic import layout, lists
from upper_circuit.market.synthetic.draws import stream
from upper_circuit.market.synthetic.meetings import Notices, notify
from upper_circuit.market.synthetic.news import News, announce, moves, with_replies
from upper_circuit.market.synthetic.presence import Actions, plan_actions, present
from upper_circuit.market.synthetic.prices import Bars, Tidings, trade
from upper_circuit.market.synthetic.results import Results, report_results, surprises
from upper_circuit.market.synthetic.sessions import Sessions, sessions_until
from upper_circuit.market.synthetic.stocks import Stocks, list_stocks

_LEAST_STOCKS = 30
_LEAST_SESSIONS = 80
_MOST_STOCKS = 36**3

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SyntheticMarket:
    """What was written, for reports and for tests that need the truth."""

    folder: Path
    seed: int
    stocks: int
    """Rows of the master list; NSE-only securities come on top."""
    first_session: date
    last_session: date
    next_session: date
    """The first morning that can be scored with all the bars known."""
    price_rows: int
    locked_bars: int
    """Closed at the upper limit of a fixed band, by the generator's own account; first bars excepted."""
    results: int
    announcements: int
    meetings: int
    corporate_actions: int


@dataclass(frozen=True, slots=True)
class _Market:
    stocks: Stocks
    sessions: Sessions
    actions: Actions
    results: Results
    bars: Bars
    news: News
    notices: Notices


def generate(
    folder: Path,
    *,
    seed: int,
    stocks: int = 600,
    sessions: int = 750,
    until: date,
    progress: Callable[[str], None] | None = None,
) -> SyntheticMarket:
    """Write a market into `folder`, which must not exist or be empty; nothing is left there when it fails.

    The same seed, sizes and `until` give the same values on every machine. `stocks` are codes of the master list, at
    least 30 (some without prices, suspended or delisted); `sessions` at least 80; `until` is the last session.
    Raises BadInput where these do not hold.
    """
    say = progress or (lambda _: None)
    _check(folder, stocks, sessions)
    market = _draw(seed, stocks, sessions_until(until, sessions), say)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        summary = _write(beside, folder, seed, market, say)
        beside.chmod(0o755)
        if folder.exists():
            folder.rmdir()  # empty, or it was refused: no rename over a folder on every system
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return summary


def _check(folder: Path, stocks: int, sessions: int) -> None:
    if not _LEAST_STOCKS <= stocks <= _MOST_STOCKS:
        raise BadInput(f"stocks={stocks}: a synthetic market has {_LEAST_STOCKS} to {_MOST_STOCKS:,}")
    if sessions < _LEAST_SESSIONS:
        raise BadInput(f"sessions={sessions}: a synthetic market has at least {_LEAST_SESSIONS}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} exists and is not an empty folder; a synthetic market replaces nothing")


def _draw(seed: int, codes: int, sessions: Sessions, say: Progress) -> _Market:
    count = len(sessions.past)
    say(f"Listing {codes:,} stocks, {sessions.past[0]} to {sessions.past[-1]}")
    stocks = list_stocks(stream(seed, "stocks"), codes, count)
    here = present(stream(seed, "presence"), stocks, count)
    actions = plan_actions(stream(seed, "actions"), stocks, here)
    results = report_results(stream(seed, "results"), stocks, sessions, actions)
    said = announce(stream(seed, "announcements"), stocks, sessions)
    say(f"Trading {count:,} sessions")
    tidings = Tidings(moves(said, sessions, stocks.count), surprises(results, sessions, stocks.count))
    bars = trade(stream(seed, "prices"), stocks, sessions, present=here, actions=actions, tidings=tidings)
    news = with_replies(stream(seed, "replies"), said, results, bars, sessions)
    notices = notify(stream(seed, "meetings"), results, sessions)
    return _Market(stocks, sessions, actions, results, bars, news, notices)


def _write(into: Path, folder: Path, seed: int, market: _Market, say: Progress) -> SyntheticMarket:
    stocks, sessions, bars = market.stocks, market.sessions, market.bars
    places = {
        name: into / name for name in ("nse-eod", "master", "results", "announcements", "bands", "meetings")
    }
    for place in places.values():
        place.mkdir()
    say(f"Writing {int(bars.present.sum()):,} price rows")
    price_rows = layout.write_prices(places["nse-eod"], stocks, sessions, bars)
    lists.write_factors(places["nse-eod"], stocks, sessions, bars, market.actions)
    lists.write_sessions(places["nse-eod"], sessions)
    say("Writing results, announcements, lists")
    results = layout.write_results(places["results"], stocks, sessions, market.results)
    announcements = layout.write_announcements(places["announcements"], stocks, sessions, market.news)
    lists.write_master(places["master"], stocks, sessions, bars, market.actions)
    lists.write_bands(places["bands"], stocks, sessions, bars)
    meetings = lists.write_meetings(places["meetings"], stocks, sessions, market.notices)
    return SyntheticMarket(
        folder=folder,
        seed=seed,
        stocks=stocks.coded,
        first_session=sessions.past[0],
        last_session=sessions.past[-1],
        next_session=sessions.ahead[0],
        price_rows=price_rows,
        locked_bars=int(bars.locked.sum()),
        results=results,
        announcements=announcements,
        meetings=meetings,
        corporate_actions=len(market.actions.session),
    )
