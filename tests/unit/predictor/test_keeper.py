"""Is there a model, is one on its way, and if not, why not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry

from predictor.keeper import ModelKeeper
from tests.factories.models import FINGERPRINT
from tests.factories.registries import Shelf
from upper_circuit.errors import ModelLoading, NoUsableModel
from upper_circuit.models.loader import ModelLoader, Policy
from upper_circuit.telemetry.metrics import ModelMetrics


class Kept:
    """A keeper over a shelf, with a count of tries."""

    def __init__(
        self, shelf: Shelf, *, again_after: float = 0.0, at_try: Callable[[int], object] | None = None
    ) -> None:
        self.tries = 0
        self._at_try = at_try
        self.loader = ModelLoader(
            shelf.registry,
            fingerprint=self._fingerprint,
            metrics=ModelMetrics(CollectorRegistry()),
            clock=lambda: 0.0,
            policy=Policy(tries=1, first_wait=0.0, grace=0.0),
        )
        self.keeper = ModelKeeper(self.loader, grace=0.0, again_after=again_after)

    def _fingerprint(self) -> str:
        self.tries += 1
        if self._at_try:
            self._at_try(self.tries)
        return FINGERPRINT

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something, not longer than 10 s."""
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  # what is waited for tells nobody
                await asyncio.sleep(0.005)

    async def until_ready(self) -> None:
        """Wait for a model."""
        await self.until(lambda: self.keeper.unready_because() is None)


def test_it_says_what_it_waits_for(shelf: Shelf) -> None:
    """Before the first request, during a load, and after it."""

    async def run() -> None:
        kept = Kept(shelf)
        asleep = kept.keeper.unready_because()
        kept.keeper.begin()
        loading = kept.keeper.unready_because()
        await kept.until_ready()

        assert "no model yet, the first request loads it" == asleep
        assert "Model loading, retry in 5s" == loading

    asyncio.run(run())


def test_a_hundred_requests_start_one_load(shelf: Shelf) -> None:
    """And all of them are told to come back."""

    async def run() -> None:
        kept = Kept(shelf)
        for _ in range(100):
            with pytest.raises(ModelLoading):
                kept.keeper.take()
        await kept.until_ready()

        assert 1 == kept.tries
        assert "1.0.0" == str(kept.keeper.take().served)

    asyncio.run(run())


def test_what_keeps_a_model_away_is_one_line_of_the_log(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """A pod that waits says which command is missing, once and not at every try."""
    shelf.damage("1.0.0")

    async def run() -> None:
        kept = Kept(shelf, again_after=0.01)
        kept.keeper.begin()
        await kept.until(lambda: kept.tries >= 3)
        kept.keeper.stop()

    with caplog.at_level("WARNING"):
        asyncio.run(run())

    assert 1 == caplog.messages.count("model.missing")


def test_after_a_failure_requests_hear_the_reason(shelf: Shelf) -> None:
    """They do not start loads of their own."""
    shelf.damage("1.0.0")

    async def run() -> None:
        kept = Kept(shelf, again_after=1000)
        kept.keeper.begin()
        await kept.until(lambda: "sha256" in str(kept.keeper.unready_because()))

        for _ in range(10):
            with pytest.raises(
                NoUsableModel, match=r"^no usable XGBoost model: model 1\.0\.0 failed verification"
            ):
                kept.keeper.take()
        assert 1 == kept.tries
        kept.keeper.stop()

    asyncio.run(run())


def test_a_model_that_gets_well_is_found_without_being_asked_for(shelf: Shelf) -> None:
    """Loads are tried again by themselves: nobody sends requests to a process that is not ready."""
    shelf.damage("1.0.0")

    async def run() -> None:
        kept = Kept(shelf, at_try=lambda number: number == 3 and shelf.repair("1.0.0"))
        kept.keeper.begin()
        await kept.until_ready()

        assert 3 == kept.tries
        assert "1.0.0" == str(kept.keeper.take().served)

    asyncio.run(run())


def test_a_reload_brings_the_promoted_version_and_forgets_the_old_one(shelf: Shelf) -> None:
    """A second after its grace, which is none here."""

    async def run() -> None:
        kept = Kept(shelf)
        kept.keeper.begin()
        await kept.until_ready()
        shelf.promote("1.1.0")

        done = await kept.keeper.reload()

        assert ("1.0.0", "1.1.0") == (str(done.before), str(done.model.served))
        await kept.until(lambda: kept.loader.get_cache_stats().cached == ("XGBoost 1.1.0",))

    asyncio.run(run())


def test_one_who_stops_is_not_ready_and_still_answers(shelf: Shelf) -> None:
    """Requests under way, and those that come before everybody noticed."""

    async def run() -> None:
        kept = Kept(shelf)
        kept.keeper.begin()
        await kept.until_ready()

        kept.keeper.stop()

        assert kept.keeper.stopping
        assert "shutting down" == kept.keeper.unready_because()
        assert "1.0.0" == str(kept.keeper.take().served)

    asyncio.run(run())


def test_one_who_stops_begins_no_load(shelf: Shelf) -> None:
    """It would outlive the process's patience."""

    async def run() -> None:
        kept = Kept(shelf)
        kept.keeper.stop()

        with pytest.raises(ModelLoading):
            kept.keeper.take()
        with pytest.raises(NoUsableModel, match="shutting down"):
            await kept.keeper.reload()
        assert not kept.keeper.loading
        assert 0 == kept.tries

    asyncio.run(run())


def test_a_defect_while_loading_is_logged_and_the_next_request_tries_again(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """It must not look like a load that never ends."""

    def defect(number: int) -> None:
        if number == 1:
            raise RuntimeError("a defect")

    async def run() -> None:
        kept = Kept(shelf, at_try=defect)
        with pytest.raises(ModelLoading):
            kept.keeper.take()
        await kept.until(lambda: bool(caplog.records))
        with pytest.raises(ModelLoading):
            kept.keeper.take()
        await kept.until_ready()

        [line] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert "model.load_broke" == line.message
        assert line.exc_info

    asyncio.run(run())
