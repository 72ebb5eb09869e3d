"""The online pair on loopback, over a small market with every kind of stock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests

from tests.factories.batch import FIRST_CODE, LISTED, LittleMarket, listings, market, registry
from tests.factories.market import weekdays
from tests.factories.processes import Program, free_port, predictor, program

STOCKS = 520
SESSIONS = 270
FRESH, GONE, SILENT = "500901", "500902", "500903"
"""Stocks with 30 bars, with status DELISTED, and without a bar in the last 50 sessions."""
ADMIN_TOKEN = "a-token-for-tests"  # noqa: S105


@dataclass(frozen=True)
class OnlineMarket:
    """A market and a registry on disk."""

    market: LittleMarket
    models: Path

    @property
    def run_date(self) -> date:
        """The first morning after the newest bars."""
        return self.market.run_date

    @property
    def as_of(self) -> date:
        """The newest session with bars."""
        return max(day for day in self.market.sessions if day < self.run_date)

    @property
    def codes(self) -> list[str]:
        """Stocks that can be scored."""
        return [str(FIRST_CODE + at) for at in range(STOCKS)]

    def weekend(self) -> date:
        """A day without a session."""
        day = self.run_date
        while day.weekday() < 5:
            day += timedelta(days=1)
        return day

    def settings(self) -> dict[str, str]:
        """Where the programs find them."""
        return {"FEATURE_DBS_PATH": str(self.market.folder), "MODEL_REGISTRY_PATH": str(self.models)}


def online_market(folder: Path) -> OnlineMarket:
    """520 stocks that can be scored, three that cannot, and models 1.0.0 and 1.1.0, the latter promoted."""
    days = weekdays(SESSIONS, LISTED)
    sample = next(iter(listings(1, days, seed=1).values()))
    odd = {
        FRESH: replace(sample, bars=sample.bars[-30:]),
        GONE: replace(sample, status="DELISTED"),
        SILENT: replace(sample, bars=sample.bars[:-50]),
    }
    made = market(folder / "db", stocks=STOCKS, sessions=SESSIONS, change=odd)
    return OnlineMarket(made, registry(folder / "models", "1.0.0", "1.1.0"))


@dataclass
class Pair:
    """Both programs, and how to ask them."""

    online: OnlineMarket
    api: Program
    predictor: Program

    def ask(self, bse_code: str | None = None, **changes: Any) -> requests.Response:
        """POST /api/v1/predict about a stock on the newest morning, with changes (None leaves a field out)."""
        return self.post("/api/v1/predict", question(self.online, bse_code, **changes))

    def post(self, path: str, document: Any, **headers: str) -> requests.Response:
        """POST JSON."""
        return self.api.session.post(self.api.url + path, json=document, headers=headers, timeout=30)


def question(online: OnlineMarket, bse_code: str | None = None, **changes: Any) -> dict[str, Any]:
    """A question about a stock on the newest morning, with changes (None leaves a field out)."""
    asked = {"bse_code": bse_code or online.codes[0], "prediction_date": str(online.run_date), **changes}
    return {name: value for name, value in asked.items() if value is not None}


@contextmanager
def pair(online: OnlineMarket, folder: Path, **settings: str) -> Iterator[Pair]:
    """A predictor and a transformer that answer; settings are the transformer's."""
    with ExitStack() as stack:
        scores = stack.enter_context(
            predictor(
                folder,
                MODEL_REGISTRY_PATH=str(online.models),
                MODEL_LOAD_BEFORE_READY="true",
                PREDICTOR_DRAIN_SECONDS="0",
                ADMIN_TOKEN=ADMIN_TOKEN,
            )
        )
        api = stack.enter_context(transformer(online, folder, scores.url, **settings))
        scores.wait_for("/v2/health/ready", within=150)
        api.wait_for("/api/v1/health", within=150)
        yield Pair(online, api, scores)


@contextmanager
def transformer(online: OnlineMarket, folder: Path, predictor_url: str, **settings: str) -> Iterator[Program]:
    """`python -m transformer` over the market, listening or about to; ended afterwards."""
    port = free_port()
    defaults = {
        "FEATURE_DBS_PATH": str(online.market.folder),
        "PREDICTOR_URLS": predictor_url,
        "API_PORT": str(port),
        "ADMIN_TOKEN": ADMIN_TOKEN,
        "RATE_LIMIT_PER_SECOND": "0",
        "DRAIN_SECONDS": "0",
        "DATA_POLL_SECONDS": "0.2",
    }
    with program("transformer", folder, port, {**defaults, **settings}) as started:
        yield started
