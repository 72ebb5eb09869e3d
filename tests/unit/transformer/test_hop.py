"""Rows that wait leave together, and nobody's fate is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from tests.factories.predictor_doubles import PredictorDouble, Way, double, hanging_up, refusing, row, way_to
from transformer.correlation import Correlation
from transformer.errors import FeaturesRefused, PredictorAway, PredictorLate
from transformer.hop import MOST_WAITING
from upper_circuit.errors import BadAnswer, BadInput, ModelLoading, UpperCircuitError
from upper_circuit.oip import contract


def at(*doubles: dict[str, Any], **facts: Any) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Run a piece of work with a way to so many doubles."""

    def run(work: Callable[..., Awaitable[None]]) -> None:
        async def main() -> None:
            async with double(**doubles[0]) as first:
                if len(doubles) == 1:
                    async with way_to(first.url, **facts) as way:
                        await work(way, first)
                    return
                async with double(**doubles[1]) as second, way_to(first.url, second.url, **facts) as way:
                    await work(way, first, second)

        asyncio.run(main())

    return run


def ids(name: str | None = None) -> Correlation:
    """The ids of a rider."""
    return Correlation.of(name, None)


async def turns(count: int) -> None:
    """Let the event loop go round so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def score(way: Way, probability: float, name: str | None = None, **facts: Any) -> float:
    """The probability that a single row is answered with."""
    share = await way.hop.score(row(probability), correlation=ids(name), **facts)
    return share.verdict.probability[share.start]


def test_rows_of_one_turn_leave_together() -> None:
    """Fifty questions, one call; each has its own answer."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        asked = [at / 64 for at in range(50)]

        found = await asyncio.gather(*(score(way, each) for each in asked))

        assert asked == found
        assert [50] == [len(call.rows) for call in predictor.calls]
        assert 1 == way.metrics.get_sample_value("hop_rows_count")
        assert 50 == way.metrics.get_sample_value("hop_rows_sum")

    at({})(work)


def test_rows_that_wait_leave_together_in_their_order() -> None:
    """Who comes while a call is under way rides with the next, first come first."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        first = asyncio.create_task(way.hop.score(row(0.5, 40), correlation=ids()))
        await predictor.asked.wait()
        waiting = []
        for number in range(30):
            waiting.append(asyncio.create_task(score(way, number / 32)))
            await turns(1)

        predictor.gate.set()
        await first
        found = await asyncio.gather(*waiting)

        assert [40, 30] == [len(call.rows) for call in predictor.calls]
        assert found == predictor.calls[1].rows[:, 0].tolist() == [number / 32 for number in range(30)]

    at({})(work)


def test_no_more_calls_than_allowed_are_under_way() -> None:
    """However many rows come, each turn as many as wait."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        tasks = []
        for turn in range(6):
            tasks.append(asyncio.create_task(way.hop.score(row(0.5, 2**turn), correlation=ids())))
            await turns(3)

        under_way = way.metrics.get_sample_value("hop_calls_in_flight")
        predictor.gate.set()
        await asyncio.gather(*tasks)

        assert 3 == under_way
        assert [1, 2, 4, 56] == [len(call.rows) for call in predictor.calls]

    at({}, calls=3)(work)


def test_a_batch_is_never_split() -> None:
    """A caller's rows ride in one call, even where others have filled most of it."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        shares = await asyncio.gather(
            *(way.hop.score(row(0.5, contract.MOST_ROWS - 50), correlation=ids()) for _ in range(1)),
            *(way.hop.score(row(0.25, 100), correlation=ids()) for _ in range(2)),
        )

        assert [contract.MOST_ROWS - 50, 200] == [len(call.rows) for call in predictor.calls]
        assert [0.5, 0.25, 0.25] == [share.verdict.probability[share.start] for share in shares]

    at({})(work)


def test_rows_that_want_contributions_travel_apart() -> None:
    """They cost a thousand times as much, and must not make the others wait."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        plain, explained = await asyncio.gather(
            way.hop.score(row(0.5), correlation=ids()),
            way.hop.score(row(0.25), correlation=ids(), explain=True),
        )

        assert [(1, None), (1, True)] == sorted(
            ((len(call.rows), call.parameters.get(contract.EXPLAIN)) for call in predictor.calls), key=str
        )
        assert plain.verdict.contributions is None
        assert [26] == [len(each) for each in explained.verdict.contributions or []]

    at({})(work)


def test_who_gives_up_does_not_stop_the_call() -> None:
    """A caller who went away costs the others nothing."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        tasks = [asyncio.create_task(score(way, number / 8)) for number in range(3)]
        await predictor.asked.wait()

        tasks[1].cancel()
        predictor.gate.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)

        assert (0.0, 2 / 8) == (found[0], found[2])
        assert isinstance(found[1], asyncio.CancelledError)

    at({})(work)


def test_who_gave_up_while_waiting_does_not_ride() -> None:
    """The seat is not paid for."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        first = asyncio.create_task(score(way, 0.5))
        await predictor.asked.wait()
        waiting = [asyncio.create_task(way.hop.score(row(0.25, 1), correlation=ids())) for _ in range(2)]
        blocker = asyncio.create_task(way.hop.score(row(0.125, 3), correlation=ids()))
        waiting[0].cancel()
        await turns(1)

        predictor.gate.set()
        await asyncio.gather(first, waiting[1], blocker)

        assert 5 == sum(len(call.rows) for call in predictor.calls)

    at({}, calls=1)(work)


def test_a_lone_rider_keeps_its_ids() -> None:
    """Id and trace go on to the predictor, under a span of the call."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        rider = ids("desk-1")

        share = await way.hop.score(row(0.5), correlation=rider)

        headers = predictor.calls[0].headers
        assert "desk-1" == share.call_id == headers[contract.CORRELATION_ID]
        assert rider.trace_id == headers[contract.TRACEPARENT].split("-")[1]
        assert rider.span_id != headers[contract.TRACEPARENT].split("-")[2]
        assert contract.CORRELATION_IDS not in headers

    at({})(work)


def test_riders_together_are_all_named() -> None:
    """The call has an id of its own, which each rider learns."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        shares = await asyncio.gather(
            way.hop.score(row(0.5), correlation=ids("one")), way.hop.score(row(0.5), correlation=ids("two"))
        )

        headers = predictor.calls[0].headers
        assert "one,two" == headers[contract.CORRELATION_IDS]
        assert {headers[contract.CORRELATION_ID]} == {share.call_id for share in shares}

    at({})(work)


@pytest.mark.parametrize(
    ("instead", "error", "told"),
    [
        (refusing(503, "Model loading, retry in 5s", **{"retry-after": "5"}), ModelLoading, "retry in 5s"),
        (refusing(503, "no version is promoted", **{"retry-after": "30"}), PredictorAway, "no version"),
        (refusing(503, "busy"), PredictorAway, "busy"),
        (hanging_up, PredictorAway, "http://"),
        (refusing(400, "feature fingerprint a was given"), FeaturesRefused, "fingerprint a"),
        (refusing(500, "internal error"), BadAnswer, "500: internal error"),
        (refusing(404), BadAnswer, "404"),
        (refusing(504, "late"), BadAnswer, "504: late"),
    ],
    ids=["loading", "no model", "busy", "hangs up", "fingerprint", "defect", "another server", "proxy"],
)  # fmt: skip
def test_failures_are_told_by_cause(instead: Any, error: type[UpperCircuitError], told: str) -> None:
    """To every rider of the call."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.instead = instead

        found = await asyncio.gather(score(way, 0.5), score(way, 0.5), return_exceptions=True)

        assert [error, error] == [type(each) for each in found]
        assert told in str(found[0])

    at({})(work)


def test_retry_after_is_handed_on() -> None:
    """The predictor knows best when it will be there."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.instead = refusing(503, "no version is promoted", **{"retry-after": "30"})

        with pytest.raises(PredictorAway) as caught:
            await score(way, 0.5)

        assert 30 == caught.value.retry_after
        assert 2 == len(predictor.calls)

    at({})(work)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda p: p.answer(row(0.5, 2)), "2 probability for 1 rows"),
        (lambda p: p.answer(row(1.5)), "no probability"),
        (lambda p: p.answer(row(np.nan)), "no probability"),
        (lambda p: p.answer(row(0.5), model_version=None), "does not name the version"),
        (lambda p: p.answer(row(0.5), outputs=()), "no output 'probability'"),
    ],
    ids=["one too many", "above 1", "NaN", "no version", "no output"],
)  # fmt: skip
def test_what_is_no_answer_is_not_believed(spoil: Callable[[PredictorDouble], Any], told: str) -> None:
    """Status 200 is not enough."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        async def instead(_request: Any, _body: bytes) -> Any:
            return spoil(predictor)

        predictor.instead = instead

        with pytest.raises(BadAnswer, match=told):
            await score(way, 0.5)

    at({})(work)


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"outputs": 7}', b""])
def test_other_bodies_are_no_answers(body: bytes) -> None:
    """Such as those of another server on the same port."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        from aiohttp import web

        async def instead(_request: Any, _body: bytes) -> Any:
            return web.Response(body=body)

        predictor.instead = instead

        with pytest.raises(BadAnswer):
            await score(way, 0.5)

    at({})(work)


def test_a_replica_that_is_away_costs_nobody_an_answer() -> None:
    """The second try goes elsewhere, and for a while all calls do."""

    async def work(way: Way, first: PredictorDouble, second: PredictorDouble) -> None:
        first.instead = hanging_up

        found = [await score(way, number / 8) for number in range(6)]

        assert [number / 8 for number in range(6)] == found
        assert (1, 6) == (len(first.calls), len(second.calls))
        assert 1 == way.metrics.get_sample_value("hop_calls_total", {"result": "unreachable"})

    at({}, {})(work)


def test_a_replica_that_hangs_costs_half_the_deadline() -> None:
    """Then the other one answers."""

    async def work(way: Way, first: PredictorDouble, second: PredictorDouble) -> None:
        first.gate.clear()

        found = await score(way, 0.5)

        assert 0.5 == found
        assert (1, 1) == (len(first.calls), len(second.calls))
        assert 1 == way.metrics.get_sample_value("hop_calls_total", {"result": "timeout"})

    at({}, {}, deadline=0.3)(work)


def test_a_predictor_that_hangs_is_late() -> None:
    """Also for those who waited behind the call."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        loop = asyncio.get_running_loop()
        started = loop.time()
        first = asyncio.create_task(score(way, 0.5))
        await predictor.asked.wait()
        others = [asyncio.create_task(score(way, 0.5)) for _ in range(3)]

        found = await asyncio.gather(first, *others, return_exceptions=True)

        assert [PredictorLate] * 4 == [type(each) for each in found]
        assert loop.time() - started < 0.2 * 3

    at({}, deadline=0.2, calls=1)(work)


def test_each_rider_has_its_own_deadline() -> None:
    """Who came later is not late because somebody else in the call is."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        before = asyncio.create_task(score(way, 0.25))
        await predictor.asked.wait()
        early = asyncio.create_task(score(way, 0.5))
        await asyncio.sleep(0.5)  # how much later the other one comes
        late = asyncio.create_task(score(way, 0.75))
        await turns(1)
        predictor.gate.set()
        await before
        predictor.gate.clear()

        with pytest.raises(PredictorLate):
            await early
        predictor.gate.set()

        assert 0.75 == await late
        assert [0.5, 0.75] in [call.rows[:, 0].tolist() for call in predictor.calls]  # they left together

    at({}, deadline=1.2, calls=1)(work)


def test_calls_go_to_the_replica_with_the_fewest() -> None:
    """One that is slow gets no further ones."""

    async def work(way: Way, first: PredictorDouble, second: PredictorDouble) -> None:
        first.gate.clear()
        held = asyncio.create_task(score(way, 0.5))
        await first.asked.wait()

        for number in range(5):
            await score(way, number / 8)
        first.gate.set()
        await held

        assert (1, 5) == (len(first.calls), len(second.calls))

    at({}, {})(work)


def test_calls_alternate_between_replicas_that_are_free() -> None:
    """So that both stay warm."""

    async def work(way: Way, first: PredictorDouble, second: PredictorDouble) -> None:
        for number in range(8):
            await score(way, number / 8)

        assert (4, 4) == (len(first.calls), len(second.calls))

    at({}, {})(work)


def test_too_many_waiting_rows_are_turned_away() -> None:
    """Memory and patience have an end; the predictor is told of none of them."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        predictor.gate.clear()
        many = row(0.5, contract.MOST_ROWS)
        full = [asyncio.create_task(way.hop.score(many, correlation=ids()))]
        await predictor.asked.wait()
        for _ in range(MOST_WAITING // contract.MOST_ROWS):
            full.append(asyncio.create_task(way.hop.score(many, correlation=ids())))
            await turns(1)

        with pytest.raises(PredictorAway, match="rows are waiting"):
            await score(way, 0.5)
        predictor.gate.set()
        await asyncio.gather(*full)

    at({}, calls=1, deadline=5.0)(work)


@pytest.mark.parametrize(
    ("most", "explain"),
    [(contract.MOST_ROWS, False), (contract.MOST_EXPLAINED, True)],
    ids=["plain", "with contributions"],
)
def test_a_question_that_no_call_takes_is_refused_before_it_waits(most: int, explain: bool) -> None:
    """It could never leave, nor anybody behind it; no rows at all would wait for ever too. The most there may be goes."""

    async def work(way: Way, predictor: PredictorDouble) -> None:
        for count in (0, most + 1, 10 * most):
            with pytest.raises(BadInput, match=f"1 to {most:,} are allowed"):
                await way.hop.score(row(0.5, count), correlation=ids(), explain=explain)
        assert [] == predictor.calls

        share = await way.hop.score(row(0.5, most), correlation=ids(), explain=explain)

        assert most == len(share.verdict.probability)

    at({}, deadline=5.0)(work)


def test_nobody_at_the_address_is_told_at_once() -> None:
    """And it is answered again as soon as somebody is there."""

    async def main() -> None:
        async with double() as gone:
            url = gone.url
        async with way_to(url) as way:
            with pytest.raises(PredictorAway, match=r"127\.0\.0\.1"):
                await score(way, 0.5)
            async with double(port=int(url.rpartition(":")[2])):
                assert 0.5 == await score(way, 0.5)

    asyncio.run(main())


def test_without_an_address_there_is_no_predictor() -> None:
    """As long as its name resolves to nothing."""

    async def main() -> None:
        async with way_to() as way:
            with pytest.raises(PredictorAway, match="resolves to no address"):
                await score(way, 0.5)

    asyncio.run(main())


def test_a_defect_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong in a call, its riders learn that it ended."""

    async def work(way: Way, _predictor: PredictorDouble) -> None:
        async def broken(*_: Any) -> None:
            raise ZeroDivisionError

        way.predictors.infer = broken  # type: ignore[assignment]

        with pytest.raises(BadAnswer, match="came to no end"):
            await score(way, 0.5)

    at({})(work)

    assert "ZeroDivisionError" in caplog.text
