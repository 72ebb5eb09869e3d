"""A day's rows: replaced whole, other days' and models' left alone; on both databases."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch import store
from batch.predictions import SkippedStock
from batch.store import Day
from tests.factories.batch import asked, prediction
from upper_circuit.market.bands import Bands
from upper_circuit.market.database import Database
from upper_circuit.market.days import day_of
from upper_circuit.market.master import Master, Stock
from upper_circuit.market.schema import price_bands

TODAY = Day(date(2025, 11, 14), "XGBoost", "1.0.0")
YESTERDAY = Day(date(2025, 11, 13), "XGBoost", "1.0.0")
CANARY = Day(date(2025, 11, 14), "XGBoost", "1.1.0")
NOBODY = Master({})


def put(
    database: Database, day: Day, scored: list[str], skipped: list[str] | None = None, **given: object
) -> None:
    """Rows of a day for these codes."""
    predictions = [prediction(code, probability=0.25) for code in scored]
    others = [SkippedStock(code, None, None, "PRICE_MISSING", "none") for code in skipped or []]
    with database.writing("predictions") as connection:
        store.replace(connection, day, predictions, others, **given)  # type: ignore[arg-type]


def codes(database: Database, table: str = "daily_predictions") -> list[tuple[str, str, str]]:
    """Date, version and code of every row."""
    return asked(
        database,
        f"SELECT prediction_date, model_version, bse_code FROM {table} ORDER BY 1, 2, 3",  # noqa: S608
    )


def test_rows_of_a_day_are_replaced_and_no_others(database: Database) -> None:
    """Other dates and model versions keep theirs; a stock that is skipped now loses its answer and gets a reason."""
    for day in (TODAY, YESTERDAY, CANARY):
        put(database, day, ["1", "2"], ["3"])

    put(database, TODAY, ["2", "3"], ["1"])

    kept = [("2025-11-13", "1.0.0", "1"), ("2025-11-13", "1.0.0", "2")]
    canary = [("2025-11-14", "1.1.0", "1"), ("2025-11-14", "1.1.0", "2")]
    today = [("2025-11-14", "1.0.0", "2"), ("2025-11-14", "1.0.0", "3")]
    assert kept + today + canary == codes(database)
    assert kept + today + canary == codes(database, "prediction_details")
    assert ("2025-11-14", "1.0.0", "1") in codes(database, "skipped_stocks")
    assert ("2025-11-14", "1.0.0", "3") not in codes(database, "skipped_stocks")


def test_a_shard_leaves_the_rows_of_other_shards_and_clears_those_of_none(database: Database) -> None:
    """Stocks of other shards stay as they are; one that is in no shard any more goes."""
    put(database, TODAY, ["1", "2", "3", "4"])

    put(database, TODAY, ["1"], others=["3", "4"])

    assert ["1", "3", "4"] == [code for *_, code in codes(database)]


def test_what_is_read_back_is_what_was_written_in_order_of_rank(database: Database) -> None:
    """Probability and margin to the last bit; skipped stocks by code with the names of the master list."""
    high, low = prediction("2", "B", "BEE", 0.1 + 0.2, margin=1 / 3), prediction("1", None, None, 1e-9)
    skips = [
        SkippedStock("9", "N", "NINE", "SHORT_HISTORY", "3 own bars"),
        SkippedStock("8", None, None, "X", ""),
    ]
    with database.writing("predictions") as connection:
        store.replace(connection, TODAY, [low, high], skips)
    master = Master(
        {
            "2": Stock("2", "B", "BEE", "ACTIVE", None, None, 100.0),
            "9": Stock("9", "N", "NINE", "OTHER", None, None, None),
        }
    )

    with database.reading("predictions") as connection:
        predictions, skipped = store.read(connection, TODAY, master)

    assert ["2", "1"] == [p.bse_code for p in predictions]
    assert (high.probability, high.margin, 100.0) == (
        predictions[0].probability, predictions[0].margin, predictions[0].market_cap_cr,
    )  # fmt: skip
    assert [skips[1], skips[0]] == skipped


def test_marks_and_missing_bands_stand_with_every_row(database: Database) -> None:
    """The run's marks for all; for a stock with derivatives, that it has no band."""
    put(database, TODAY, ["1", "2"], notes=("stale",), without_band={"2", "7"})

    assert [("1", ["stale"]), ("2", ["stale", "no fixed band"])] == [
        (code, json.loads(notes))
        for code, notes in asked(database, "SELECT bse_code, notes FROM prediction_details ORDER BY 1")
    ]


def test_a_morning_without_rows_writes_none(database: Database) -> None:
    """Nothing scored and nothing skipped is a day too."""
    put(database, TODAY, [])

    assert [] == codes(database)


def test_more_rows_than_a_statement_takes_parameters_are_cleared(database: Database) -> None:
    """Tens of thousands of codes to delete go in several statements."""
    put(database, TODAY, [str(number) for number in range(25_000)])

    put(database, TODAY, ["0"], others=["1"])

    assert ["0", "1"] == [code for *_, code in codes(database)]


lists = st.dictionaries(
    st.tuples(st.sampled_from(["1", "2", "3"]), st.integers(-3, 3)),
    st.sampled_from([None, 5.0, 20.0]),
    max_size=12,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=lists)
def test_who_has_no_band_is_decided_as_in_training(
    database: Database, rows: dict[tuple[str, int], float | None]
) -> None:
    """The same rule twice, once over arrays and once in the database, gives the same stocks."""
    day = TODAY.run_date
    given_rows = [(code, day + timedelta(days=back), band) for (code, back), band in rows.items()]
    with database.writing("market") as connection:
        connection.execute(price_bands.delete())
        for code, effective, band in given_rows:
            connection.execute(
                price_bands.insert().values(bse_code=code, effective_date=effective, band=band)
            )

    found = store.without_band(database, day)

    stocks = ("1", "2", "3")
    none = Bands.of(given_rows, stocks).none_fixed(day_of(day))
    assert {code for code, has_none in zip(stocks, none, strict=True) if has_none} == found


@pytest.mark.parametrize("band", [None, 5.0])
def test_the_list_in_effect_counts_and_before_the_first_list_that_one(
    database: Database, band: float | None
) -> None:
    """History has no lists; a stock with derivatives today mostly had them then."""
    with database.writing("market") as connection:
        first = {"bse_code": "1", "effective_date": date(2025, 12, 12), "band": band}
        connection.execute(price_bands.insert().values(**first))

    assert ({"1"} if band is None else set()) == store.without_band(database, TODAY.run_date)
