"""What became of predictions: by the rule of training, when it is known, once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from batch.ledger import Ledger, Published
from batch.outcomes import fill_outcomes
from batch.predictions import SkippedStock
from batch.store import Day, replace
from tests.factories import batch as factory
from tests.factories.batch import asked
from upper_circuit.features import raw
from upper_circuit.market import schema
from upper_circuit.market.bands import Bands
from upper_circuit.market.database import Database
from upper_circuit.market.market import Market
from upper_circuit.market.schema import data_version, outcome_dates, price_bands, runs
from upper_circuit.training.label import HORIZON, Labeller, Reason

STOCKS = 12
CODES = [str(factory.FIRST_CODE + at) for at in range(STOCKS)]
SUSPENDED = CODES[3]
LOCKING = CODES[4:6]
SESSIONS = factory.weekdays(150, factory.LISTED)
RUN_DATE = SESSIONS[130]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a market."""
    where = tmp_path if request.param == "sqlite" else request.getfixturevalue("postgres").emptied()
    opened = Database.at(where)
    yield opened
    opened.dispose()


def load(database: Database, where: Path | str, sessions: int, version: int) -> None:
    """The market with so many sessions of bars; one stock does not trade on three of them after the run date."""
    stocks = factory.listings(STOCKS, SESSIONS, seed=1)
    for code, listing in stocks.items():
        bars = listing.bars[:sessions].copy()
        if code in LOCKING:  # at its limit of 5 % once, on the second session from the run date on
            bars["prev_close"][131] = 10_000
            for price in ("open", "low", "high", "close"):
                bars[price][131] = 10_500
        if code == SUSPENDED:
            bars = bars[[at for at in range(len(bars)) if at not in range(131, 134)]]
        stocks[code] = factory.changed(listing, bars=bars)
    factory.write(where, stocks, SESSIONS[:sessions])
    with database.writing("market") as connection:
        connection.execute(price_bands.delete())
        connection.execute(
            price_bands.insert(), [{"bse_code": CODES[0], "effective_date": SESSIONS[0], "band": None}]
        )
        connection.execute(data_version.update().values(version=version))


def predict(database: Database, run_id: str, codes: Sequence[str], *, now: float) -> None:
    """A run that gave these stocks a prediction each."""
    ledger = Ledger(database, worker="here", clock=lambda: now)
    ledger.begin(run_id, RUN_DATE, "XGBoost", "1.0.0")
    attempt = ledger.take(run_id, 0)
    assert attempt is not None
    with ledger.writing(attempt) as connection:
        connection.execute(runs.update().values(plan=b"a plan"))
        rows = [factory.prediction(code, probability=0.5) for code in codes]
        replace(connection, Day(RUN_DATE, "XGBoost", "1.0.0"), rows, list[SkippedStock]())
        ledger.done(connection, attempt, scored=len(codes), skipped=0, seconds={})
    ledger.close(run_id, lambda _: Published("", ""))


def outcomes(database: Database) -> dict[str, int | None]:
    """What is written, by code."""
    return dict(asked(database, "SELECT bse_code, label FROM outcomes"))


def where(database: Database, tmp_path: Path) -> Path | str:
    """What `factory.write` takes."""
    return tmp_path if database.is_sqlite else database.predictions.url.render_as_string(hide_password=False)


def test_outcomes_are_the_labels_of_training(database: Database, tmp_path: Path) -> None:
    """On a date long past: every stock predicted has what the rule says, NULL where it says nothing."""
    load(database, where(database, tmp_path), 150, 1)
    predict(database, "run", CODES[:10], now=50)

    dates = fill_outcomes(database, now=100)

    market = Market.load(database)
    labels = Labeller.of(market, Bands.load(database, market.codes)).label(raw(market.as_of(RUN_DATE)))
    expected = {
        code: int(value) if reason == Reason.LABELLED else None
        for code, value, reason in zip(market.codes, labels.values, labels.reason, strict=True)
        if code in CODES[:10]
    }
    assert [RUN_DATE] == dates
    assert expected == outcomes(database)
    assert expected[CODES[0]] is None
    assert LOCKING == [code for code, label in expected.items() if label == 1]


def test_a_date_is_filled_as_it_matures_and_then_left_alone(database: Database, tmp_path: Path) -> None:
    """Nothing before N sessions; then whoever has N bars; the suspended stock when its N-th bar comes."""
    load(database, where(database, tmp_path), 130 + HORIZON - 1, 1)
    predict(database, "run", CODES, now=50)
    too_early = fill_outcomes(database, now=100)

    load(database, where(database, tmp_path), 130 + HORIZON, 2)
    first = fill_outcomes(database, now=200)
    without_suspended = set(outcomes(database))
    unchanged = fill_outcomes(database, now=300)
    load(database, where(database, tmp_path), 130 + 2 * HORIZON, 3)
    settled = fill_outcomes(database, now=400)
    everybody = set(outcomes(database))
    load(database, where(database, tmp_path), 150, 4)
    afterwards = fill_outcomes(database, now=500)

    assert ([], [RUN_DATE], [], [RUN_DATE], []) == (too_early, first, unchanged, settled, afterwards)
    assert set(CODES) - {SUSPENDED} == without_suspended
    assert set(CODES) == everybody
    assert {200, 400} == {at for (at,) in asked(database, "SELECT filled_at FROM outcomes")}


def test_stocks_of_a_later_run_are_looked_at_too(database: Database, tmp_path: Path) -> None:
    """A backfill of a settled date may score more stocks than the morning did; what was written stays."""
    load(database, where(database, tmp_path), 150, 1)
    predict(database, "morning", CODES[:4], now=50)
    fill_outcomes(database, now=100)
    predict(database, "again", CODES, now=150)

    dates = fill_outcomes(database, now=200)

    assert [RUN_DATE] == dates
    assert set(CODES) == set(outcomes(database))
    assert [(4, 100)] == asked(
        database, "SELECT count(*), filled_at FROM outcomes GROUP BY filled_at ORDER BY 2 LIMIT 1"
    )


def test_a_stock_without_bars_has_no_outcome_once_the_date_is_settled(
    database: Database, tmp_path: Path
) -> None:
    """Its bars were taken away after it was scored; nobody waits for it."""
    load(database, where(database, tmp_path), 150, 1)
    predict(database, "run", [CODES[1], "599999"], now=50)

    fill_outcomes(database, now=100)

    assert outcomes(database)["599999"] is None
    with database.reading("predictions") as connection:
        assert (RUN_DATE, 1) == tuple(
            connection.execute(sa.select(outcome_dates.c.prediction_date, outcome_dates.c.is_settled)).one()
        )


def test_a_stock_whose_prices_are_damaged_has_its_outcome_once_they_are_mended(
    database: Database, tmp_path: Path
) -> None:
    """Nothing is written of it in between, though the date is settled; the others have theirs."""
    load(database, where(database, tmp_path), 150, 1)
    predict(database, "run", CODES[:10], now=50)
    packed = schema.packed_prices
    of_it = packed.c.bse_code == CODES[3]
    with database.writing("market") as connection:
        rows = connection.execute(sa.select(packed).where(of_it)).all()
        connection.execute(packed.update().where(of_it).values(payload=b"0"))
    fill_outcomes(database, now=100)
    without = set(outcomes(database))

    with database.writing("market") as connection:
        connection.execute(packed.delete().where(of_it))
        connection.execute(packed.insert(), [row._asdict() for row in rows])
        connection.execute(data_version.update().values(version=2))
    fill_outcomes(database, now=200)

    assert set(CODES[:10]) - {CODES[3]} == without
    assert set(CODES[:10]) == set(outcomes(database))


def test_without_runs_there_is_nothing_to_do(database: Database, tmp_path: Path) -> None:
    """The sweeper comes every five minutes."""
    load(database, where(database, tmp_path), 150, 1)

    dates: list[date] = fill_outcomes(database, now=100)

    assert [] == dates
