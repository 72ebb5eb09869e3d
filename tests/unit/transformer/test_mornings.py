"""Matrices in memory: made once, made anew when the data change, kept when the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from tests.factories.loading import loading
from transformer import mornings
from transformer.known import Known
from transformer.mornings import Morning, Mornings
from upper_circuit.errors import (
    DatabaseAway,
    DataNotYetAvailable,
    DataUnavailable,
    FeaturesUnavailable,
    NotASession,
    PricesStale,
    TableMissing,
    UnknownStock,
)
from upper_circuit.features import READINGS, Tolerance
from upper_circuit.features.catalog import COLUMN
from upper_circuit.market import schema
from upper_circuit.market.database import Database


@pytest.fixture
def own(little: LittleMarket, tmp_path: Path) -> LittleMarket:
    """A copy of the little market that a test may change."""
    return little.copied(tmp_path / "db")


def over(own: LittleMarket, work: Callable[[Mornings], Awaitable[None]], **facts: Any) -> None:
    """Run a piece of work with mornings that have read the market once."""

    async def main() -> None:
        database = own.database
        found = Mornings(database, **facts)
        await found.refresh()
        try:
            await work(found)
        finally:
            found.stop()
            database.dispose()

    asyncio.run(main())


def change(own: LittleMarket, *statements: Any) -> None:
    """Change the market as an ingest does: with its version."""
    database = own.database
    with database.writing("market") as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute(sa.update(schema.data_version).values(version=schema.data_version.c.version + 1))
    database.dispose()


def session_before(own: LittleMarket, day: date, count: int = 1) -> date:
    """So many sessions earlier."""
    return own.sessions[own.sessions.index(day) - count]


def test_the_newest_morning_is_made_before_anybody_asks(own: LittleMarket) -> None:
    """So the first question of a day is as quick as the others."""

    async def work(found: Mornings) -> None:
        morning = found.get(own.run_date)

        assert morning is not None
        assert own.run_date == found.known.next_run_date()
        assert session_before(own, own.run_date) == morning.as_of
        assert 24 == len(morning.row_of)

    over(own, work)


def test_a_morning_is_made_once_for_all_who_wait(own: LittleMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred first questions read the database once."""
    made: list[date] = []
    really = mornings.make

    def make(database: Database, run_date: date, known: Known, tolerance: Tolerance) -> Morning:
        made.append(run_date)
        return really(database, run_date, known, tolerance)

    monkeypatch.setattr(mornings, "make", make)
    past = session_before(own, own.run_date, 5)

    async def work(found: Mornings) -> None:
        asked = await asyncio.gather(*(found.of(past) for _ in range(100)))

        assert 1 == len({id(each) for each in asked})
        assert 1 == made.count(past)
        assert asked[0] is await found.of(past)

    over(own, work)


def test_only_the_latest_asked_for_stay(own: LittleMarket) -> None:
    """Asking keeps a morning; the one nobody asked for longest makes room."""

    async def work(found: Mornings) -> None:
        days = [session_before(own, own.run_date, back) for back in (1, 2, 3)]
        await found.of(days[0])
        found.get(own.run_date)
        await found.of(days[1])

        assert found.get(days[0]) is None
        assert found.get(own.run_date) is not None

    over(own, work, kept=2)


def test_a_change_of_the_data_makes_them_anew(own: LittleMarket) -> None:
    """All that are in memory, and names with them; until then the old one answers."""
    past = session_before(own, own.run_date, 3)

    async def work(found: Mornings) -> None:
        before = await found.of(past)
        change(
            own,
            sa.update(schema.master_stock_list)
            .where(schema.master_stock_list.c.bse_code == "500001")
            .values(nse_symbol="RENAMED", status="SUSPENDED"),
        )
        assert found.get(past) is before

        await found.refresh()

        after = found.get(past)
        assert after is not None
        assert (1, 2) == (before.data_version, after.data_version)
        assert ("RENAMED", "500001") == (
            found.known.stock("500001").nse_symbol,
            found.known.by_symbol["RENAMED"],
        )
        with pytest.raises(FeaturesUnavailable, match="NOT_ACTIVE"):
            after.row("500001")

    over(own, work)


def test_nothing_is_made_anew_while_nothing_changed(own: LittleMarket) -> None:
    """Asking costs one small query."""

    async def work(found: Mornings) -> None:
        before, known = found.get(own.run_date), found.known

        await found.refresh()

        assert before is found.get(own.run_date)
        assert known is found.known

    over(own, work)


def test_a_newer_session_moves_the_newest_morning(own: LittleMarket) -> None:
    """As after the evening's ingest."""

    async def work(found: Mornings) -> None:
        calendar = schema.trading_calendar
        change(own, calendar.insert().values(day=own.run_date, source="data", is_session=1))

        await found.refresh()

        following = own.sessions[own.sessions.index(own.run_date) + 1]
        assert following == found.known.next_run_date()
        assert found.trouble is None

    over(own, work)


def test_prices_of_too_few_stocks_are_no_answer(own: LittleMarket) -> None:
    """The session is there, its bars are not: an older day's answer would go out in silence."""

    async def work(found: Mornings) -> None:
        following = own.sessions[own.sessions.index(own.run_date) + 1]
        calendar = schema.trading_calendar
        change(own, calendar.insert().values(day=own.run_date, source="data", is_session=1))
        await found.refresh()

        for _ in range(2):
            with pytest.raises(PricesStale) as caught:
                await found.of(following)

        assert (own.run_date, 0.0) == (caught.value.missing_session, caught.value.share)
        assert "--" not in str(caught.value)  # who asks over HTTP has no options

    over(own, work)


def test_damaged_prices_cost_their_stock_and_nobody_else(
    own: LittleMarket, caplog: pytest.LogCaptureFixture
) -> None:
    """Its questions are refused with the reason that the batch gives; whoever asks for others has answers."""

    async def work(found: Mornings) -> None:
        of_its_own_bars = [COLUMN[name] for name in ("rsi_14", "natr_14", "relative_volume_20")]
        before = (await found.of(own.run_date)).row("500003")
        factory.change_market(
            own.folder, "UPDATE packed_prices SET payload = x'00' WHERE bse_code = '500004'"
        )
        await found.refresh()
        morning = await found.of(own.run_date)

        assert before.shape == morning.row("500003").shape
        assert np.array_equal(before[0, of_its_own_bars], morning.row("500003")[0, of_its_own_bars])
        with pytest.raises(FeaturesUnavailable, match="packed prices cannot be read") as caught:
            morning.at("500004")
        assert "PRICE_MISSING" == caught.value.reason
        assert "stock.unreadable" in caplog.messages

    over(own, work)


def test_a_refusal_is_remembered_until_the_data_change(
    own: LittleMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking again and again does not read the market again and again."""
    calls = []

    def make(*_: Any) -> Morning:
        calls.append(1)
        raise DataUnavailable("no")

    async def work(found: Mornings) -> None:
        monkeypatch.setattr(mornings, "make", make)
        past = session_before(own, own.run_date, 5)
        for _ in range(3):
            with pytest.raises(DataUnavailable, match="no"):
                await found.of(past)
        assert 1 == len(calls)

        change(own)
        await found.refresh()
        with pytest.raises(DataUnavailable):
            await found.of(past)

        assert 3 == len(calls)  # once more, and once for the newest morning
        assert found.get(own.run_date) is None

    over(own, work)


def test_a_table_that_is_not_loaded_is_refused_or_left_out(own: LittleMarket) -> None:
    """As the batch does, by the same setting."""
    change(own, schema.announcement_scores.delete())

    async def refused(found: Mornings) -> None:
        with pytest.raises(TableMissing, match="announcement_scores"):
            await found.of(own.run_date)

    async def left_out(found: Mornings) -> None:
        morning = await found.of(own.run_date)
        assert ("announcement_scores",) == morning.missing_tables
        assert np.isnan(morning.matrix.values).any()

    over(own, refused)
    over(own, left_out, tolerance=Tolerance(allow_missing_tables=True))


def test_days_that_cannot_be_asked_for(own: LittleMarket) -> None:
    """Told before anything is read."""

    async def work(found: Mornings) -> None:
        following = own.sessions[own.sessions.index(own.run_date) + 1]
        with pytest.raises(DataNotYetAvailable):
            await found.of(following)
        with pytest.raises(NotASession):
            await found.of(own.run_date + timedelta(days=(5 - own.run_date.weekday()) % 7))
        with pytest.raises(DataUnavailable):
            await found.of(own.sessions[0])
        with pytest.raises(UnknownStock):
            found.known.stock("999999")

    over(own, work)


def test_without_the_database_memory_goes_on_answering(
    own: LittleMarket, caplog: pytest.LogCaptureFixture
) -> None:
    """The trouble is told once, and only new mornings cannot be had; then it is back, and told."""
    away = own.folder.with_name("away")

    async def work(found: Mornings) -> None:
        found._database.dispose()
        own.folder.rename(away)
        await found.refresh()
        await found.refresh()

        assert found.is_ready
        assert found.get(own.run_date) is not None
        assert {"OperationalError"} == {found.trouble}
        with pytest.raises(DatabaseAway, match="OperationalError"):
            await found.of(session_before(own, own.run_date, 7))

        away.rename(own.folder)
        await found.refresh()
        assert found.trouble is None
        assert await found.of(session_before(own, own.run_date, 7))

    over(own, work)

    told = [record.message for record in caplog.records]
    assert 1 == told.count("market.unreadable")


def test_an_empty_folder_is_waited_for(tmp_path: Path) -> None:
    """Unready, with the sentence that says which command is missing."""
    empty = LittleMarket(tmp_path, [], date(2024, 1, 1))

    async def work(found: Mornings) -> None:
        assert not found.is_ready
        assert "database upgrade" in str(found.trouble)
        with pytest.raises(DatabaseAway, match="database upgrade"):
            _ = found.known

    over(empty, work)


def test_a_database_without_prices_says_so(tmp_path: Path) -> None:
    """It is ready to answer that it has no answers."""
    from upper_circuit.market.migrations import upgrade

    database = Database.at(tmp_path)
    upgrade(database)
    database.dispose()

    async def work(found: Mornings) -> None:
        assert found.is_ready
        with pytest.raises(DataUnavailable, match="no prices are loaded"):
            found.known.next_run_date()

    over(LittleMarket(tmp_path, [], date(2024, 1, 1)), work)


def test_an_ingest_in_the_middle_gives_names_and_prices_of_one_state(own: LittleMarket) -> None:
    """Whatever was known before, the morning is wholly of the newer state."""
    database = own.database
    stale = Known.read(database)
    change(
        own,
        sa.update(schema.master_stock_list)
        .where(schema.master_stock_list.c.bse_code == "500002")
        .values(status="DELISTED"),
    )

    morning = mornings.make(database, own.run_date, stale, Tolerance())

    database.dispose()
    assert 2 == morning.data_version
    assert "500002" not in morning.row_of


def test_a_market_that_does_not_keep_still_leaves_the_last_answer_standing(own: LittleMarket) -> None:
    """Made anew once it keeps still; what nobody has asked for before is told to come back, and may."""
    past, other = (session_before(own, own.run_date, back) for back in (3, 4))

    async def work(found: Mornings) -> None:
        before = await found.of(past)
        change(own)
        with loading(found._database, own.folder) as loads:
            await found.refresh()
            with pytest.raises(DatabaseAway, match="changed during each of 3 readings"):
                await found.of(other)

            assert before is found.get(past)
            assert len(loads) > READINGS

        await found.refresh()

        after = found.get(past)
        assert after is not None
        assert found.known.data_version == after.data_version
        assert other == (await found.of(other)).run_date

    over(own, work)


def test_an_answer_left_standing_is_made_anew_though_nothing_changed_since(own: LittleMarket) -> None:
    """The database went away between the look at its state and the reading of its prices."""
    away = own.folder.with_name("away")

    async def work(found: Mornings) -> None:
        before = found.get(own.run_date)
        change(own)
        known = Known.read(own.database)
        own.folder.rename(away)
        found._known = known
        await found._make_anew(known)
        assert before is found.get(own.run_date)

        away.rename(own.folder)
        await found.refresh()

        after = found.get(own.run_date)
        assert after is not None
        assert (1, 2) == (before and before.data_version, after.data_version)

    over(own, work)


def test_a_database_that_says_nothing_is_not_waited_for_for_ever(
    own: LittleMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question has an end; who asks later still gets the morning."""
    import threading

    release = threading.Event()
    really = mornings.make

    def make(*arguments: Any) -> Morning:
        release.wait(10)
        return really(*arguments)

    past = session_before(own, own.run_date, 5)

    async def work(found: Mornings) -> None:
        monkeypatch.setattr(mornings, "make", make)
        monkeypatch.setattr(mornings, "PATIENCE", 0.05)
        with pytest.raises(DatabaseAway, match="gave nothing"):
            await found.of(past)
        await found.refresh()
        assert "TimeoutError" == found.trouble

        monkeypatch.setattr(mornings, "PATIENCE", 10)
        release.set()
        assert past == (await found.of(past)).run_date

    over(own, work)


def test_filled_features_are_named(own: LittleMarket) -> None:
    """With whose median stands in."""

    async def work(found: Mornings) -> None:
        morning = await found.of(own.run_date)
        at = morning.at("500001")  # every fifth stock has no results

        assert set(morning.filled_names(at)) == set(morning.filled("500001"))
        assert "net_profit_margin" in morning.filled_names(at)
        assert () == morning.filled_names(morning.at("500002"))

    over(own, work)
