"""Workers that compute blocks: what they give back, and what becomes of them when something breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batch.extraction import BLOCK, Extraction, MarketChanged, WorkersLost
from batch.market_read import MarketRead
from batch.universe import Universe
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from upper_circuit.errors import DataUnavailable
from upper_circuit.features import CrossSection, raw
from upper_circuit.market.market import Market

STOCKS = 2 * BLOCK + 5


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> LittleMarket:
    """A market of three blocks."""
    return factory.market(tmp_path_factory.mktemp("little"), stocks=STOCKS, sessions=80)


@pytest.fixture
def extraction(little: LittleMarket) -> Iterator[Extraction]:
    """Two workers on it."""
    with Extraction(little.folder, 2) as workers:
        yield workers


def codes(little: LittleMarket) -> list[str]:
    """Every stock with bars."""
    return list(Universe.read(little.database, little.run_date).with_bars)


def test_blocks_of_several_workers_add_up_to_the_market(extraction: Extraction, little: LittleMarket) -> None:
    """Every stock once, in order, with the bits that one process computes for all of them together."""
    calls: list[int] = []

    found = extraction.extract(
        little.run_date, codes(little), data_version=1, after_each=lambda: calls.append(1), progress=False
    )

    whole = raw(Market.load(little.database, run_date=little.run_date).as_of(little.run_date))
    assert STOCKS == len(found.codes)
    assert whole.codes == found.codes
    assert np.array_equal(whole.values, found.values, equal_nan=True)
    assert 3 == len(calls)


def test_a_bar_tells_on_stderr_how_far_it_is(
    extraction: Extraction, little: LittleMarket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stocks, not blocks: what a person counts in."""
    extraction.extract(little.run_date, codes(little), data_version=1)

    assert f"{STOCKS}/{STOCKS}" in capsys.readouterr().err


def test_another_state_of_the_database_than_meant_is_refused(
    extraction: Extraction, little: LittleMarket
) -> None:
    """Blocks of two states are no market."""
    with pytest.raises(MarketChanged):
        extraction.extract(little.run_date, codes(little), data_version=2, progress=False)


def test_a_worker_that_is_killed_ends_the_extraction_with_a_reason(
    extraction: Extraction, little: LittleMarket
) -> None:
    """The kernel kills the largest process when memory ends; nobody may wait for its blocks forever."""

    def kill() -> None:
        for process in list(extraction._pool._processes.values()):
            process.kill()

    with pytest.raises(WorkersLost, match="lower BATCH_WORKERS"):
        extraction.extract(
            little.run_date, codes(little) * 9, data_version=1, after_each=kill, progress=False
        )


def test_what_is_called_after_a_block_may_end_the_extraction(
    extraction: Extraction, little: LittleMarket
) -> None:
    """A stop is noticed between blocks; what is left of them is not computed."""

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extraction.extract(little.run_date, codes(little), data_version=1, after_each=stop, progress=False)


def reading(little: LittleMarket, universe: Universe) -> MarketRead:
    """The market read with one worker."""
    return MarketRead(little.database, little.folder, universe, little.run_date, workers=1, progress=False)


def test_lists_read_before_an_ingest_are_read_again(little: LittleMarket) -> None:
    """The workers saw a newer state than the lists: both come from the newer one then."""
    universe = Universe.read(little.database, little.run_date)
    before = replace(universe, data_version=0, active=(), with_bars=universe.with_bars[:3])

    with reading(little, before) as market:
        found = market.whole(lambda: None)

    assert STOCKS == len(found.codes)
    assert universe == replace(market.universe, calendar=universe.calendar)


def test_a_database_that_does_not_keep_still_is_given_up(
    little: LittleMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three readings the run ends with a sentence instead of going on for ever."""
    universe = replace(Universe.read(little.database, little.run_date), data_version=0)
    monkeypatch.setattr(Universe, "read", lambda *_where: universe)

    with reading(little, universe) as market, pytest.raises(MarketChanged, match="when the ingest has ended"):
        market.whole(lambda: None)


def test_a_shard_does_not_mix_its_rows_with_another_states_medians(little: LittleMarket) -> None:
    """The run was planned from a state that is gone: say so, and let the run be made again."""
    universe = Universe.read(little.database, little.run_date)

    with reading(little, universe) as market:
        cross = CrossSection.of(market.whole(lambda: None), universe.master)
        with pytest.raises(MarketChanged, match="at state 1, the run was planned at 7"):
            market.matrix(["500001"], cross, data_version=7, after_each=lambda: None)


def test_prices_none_of_which_can_be_read_are_an_error_of_the_database(tmp_path: Path) -> None:
    """One damaged stock is skipped; when all are, something else is wrong."""
    little = factory.market(tmp_path, stocks=3, sessions=80)
    factory.change_market(tmp_path, "UPDATE packed_prices SET payload = X'00'")
    universe = Universe.read(little.database, little.run_date)

    with (
        reading(little, universe) as market,
        pytest.raises(DataUnavailable, match="no packed prices can be read"),
    ):
        market.whole(lambda: None)
