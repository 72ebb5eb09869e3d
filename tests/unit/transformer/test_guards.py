"""Who asks, how often, under which ids; and the line that says so."""

from __future__ import annotations

import asyncio
import io
import json
from ipaddress import ip_network

import pytest
from pydantic import SecretStr

from transformer.access import AccessLog
from transformer.clients import UNKNOWN, Clients
from transformer.correlation import Correlation, current, set_current
from transformer.limits import InMemory, InRedis, limiter
from transformer.replicas import Replicas, addresses
from transformer.tally import Tally


class Clock:
    """Time as a test says it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


class TestClients:
    """X-Forwarded-For is believed as far as trusted networks reach."""

    PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))

    @pytest.mark.parametrize(
        ("peer", "forwarded", "client"),
        [
            ("8.8.8.8", "1.2.3.4", "8.8.8.8"),
            ("10.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
            ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
            ("10.0.0.1", "1.2.3.4, 10.9.9.9", "1.2.3.4"),
            ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.0.0.1"),
            ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
            ("fd00::1", "2001:db8::7", "2001:db8::7"),
            ("10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"),
            ("10.0.0.1", "1.2.3.4:5123", "1.2.3.4"),
            ("10.0.0.1", "[2001:db8::7]:5123", "2001:db8::7"),
            ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
            ("unix socket", "1.2.3.4", "unix socket"),
            (None, "1.2.3.4", UNKNOWN),
        ],
    )
    def test_the_first_address_from_the_right_that_is_not_ours(
        self, peer: str | None, forwarded: str | None, client: str
    ) -> None:
        """What stands further left was written by that client itself."""
        lines = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]

        assert client == Clients(self.PROXIES).address(peer, [(b"host", b"desk"), *lines])

    def test_each_proxy_may_add_a_line_of_its_own(self) -> None:
        """Together they are one list, in the order of the lines."""
        lines = [(b"x-forwarded-for", each) for each in (b"6.6.6.6, 1.2.3.4", b"10.9.9.9")]

        assert "1.2.3.4" == Clients(self.PROXIES).address("10.0.0.1", lines)

    def test_nobody_is_trusted_by_default(self) -> None:
        """Else anybody could be everybody."""
        assert "127.0.0.1" == Clients(()).address("127.0.0.1", [(b"x-forwarded-for", b"1.2.3.4")])


class TestLimits:
    """At most so many requests of one address in any second."""

    def test_any_second_is_a_sliding_one(self) -> None:
        """A burst at the end of one second counts in the next, and fades out."""
        clock = Clock()
        limit = InMemory(10, clock=clock)

        async def asked(times: int) -> int:
            return sum([await limit.allows("a") for _ in range(times)])

        async def main() -> None:
            clock.now = 1000.9
            assert 10 == await asked(20)
            clock.now = 1001.1
            assert 1 == await asked(20)
            clock.now = 1001.5
            assert 4 == await asked(20)
            clock.now = 1003.5
            assert 10 == await asked(20)

        asyncio.run(main())

    def test_addresses_do_not_share(self) -> None:
        """Nor does one that was refused use up anything."""
        limit = InMemory(1, clock=Clock())

        async def main() -> list[bool]:
            return [await limit.allows(address) for address in "aababc"]

        assert [True, False, True, False, False, True] == asyncio.run(main())

    def test_addresses_of_the_past_are_forgotten(self) -> None:
        """A million strangers do not stay in memory."""
        clock = Clock()
        limit = InMemory(5, clock=clock)

        async def main() -> None:
            for number in range(1000):
                await limit.allows(str(number))
            clock.now += 2
            await limit.allows("another")

        asyncio.run(main())

        assert 1 == len(limit._now) + len(limit._before)

    def test_0_is_no_limit(self) -> None:
        """And memory is the default."""
        assert limiter(0, SecretStr("redis://x")) is None
        assert isinstance(limiter(5, None), InMemory)

    def test_while_redis_is_away_each_process_counts_its_own(self, caplog: pytest.LogCaptureFixture) -> None:
        """A limiter is never the reason why nobody gets an answer; and Redis is not asked every time."""
        clock = Clock()
        limit = limiter(3, SecretStr("redis://127.0.0.1:1"))
        assert isinstance(limit, InRedis)
        limit._clock = limit._own._clock = clock

        async def main() -> list[bool]:
            return [await limit.allows("a") for _ in range(5)]

        assert [True] * 3 + [False] * 2 == asyncio.run(main())
        assert ["rate_limit.redis_away"] == [record.message for record in caplog.records]


class TestCorrelation:
    """Ids that came in, or were made."""

    TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

    def test_the_id_given_is_kept(self) -> None:
        """And a trace is made beside it."""
        found = Correlation.of("desk-7", None)

        assert "desk-7" == found.id
        assert 32 == len(found.trace_id)

    def test_a_trace_gives_the_id_where_none_was_given(self) -> None:
        """With a span of our own; flags are handed on."""
        found = Correlation.of(None, f"00-{self.TRACE}-00f067aa0ba902b7-00")

        assert (self.TRACE, self.TRACE, "00") == (found.id, found.trace_id, found.flags)
        assert f"00-{self.TRACE}-{found.span_id}-00" == found.traceparent
        assert "00f067aa0ba902b7" != found.span_id

    def test_both_may_be_given(self) -> None:
        """Neither replaces the other."""
        found = Correlation.of("desk-7", f"00-{self.TRACE}-00f067aa0ba902b7-01")

        assert ("desk-7", self.TRACE) == (found.id, found.trace_id)

    @pytest.mark.parametrize(
        "traceparent",
        ["", "00", f"ff-{'a' * 32}-{'b' * 16}-01", f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'0' * 16}-01",
         f"00-{'A' * 32}-{'b' * 16}-01", f"00-{'a' * 32}-{'b' * 16}-01-more"],
    )  # fmt: skip
    def test_what_is_no_trace_is_not_continued(self, traceparent: str) -> None:
        """As the W3C has it."""
        assert "a" * 32 != Correlation.of(None, traceparent).trace_id

    @pytest.mark.parametrize("given", ["", "a b", "a\nb", 'a"', "é", "x" * 129])
    def test_what_could_break_a_line_is_replaced(self, given: str) -> None:
        """By a new id."""
        assert 32 == len(Correlation.of(given, None).id)

    def test_outside_of_a_request_there_is_a_new_one(self) -> None:
        """For callers in Python; inside it is the request's."""

        async def main() -> None:
            assert current().id != current().id
            set_current(Correlation.of("desk-7", None))
            assert "desk-7" == current().id
            assert "desk-7" == (await asyncio.create_task(_current())).id

        asyncio.run(main())


async def _current() -> Correlation:
    return current()


class TestAccessLog:
    """One line a request."""

    def written(self, level: str, *statuses: int) -> list[dict[str, object]]:
        """What stands in the log after requests that ended so."""
        stream = io.BytesIO()

        async def main() -> None:
            log = AccessLog(level, stream)
            for status in statuses:
                log.write({"route": "/x"}, status=status)
            assert b"" == stream.getvalue()
            await asyncio.sleep(0)

        asyncio.run(main())
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    def test_lines_leave_at_the_end_of_the_turn(self) -> None:
        """Each with what every line of the program has."""
        found = self.written("INFO", 200, 503)

        assert [("request", "info", 200, "/x"), ("request", "warning", 503, "/x")] == [
            (line["event"], line["level"], line["status"], line["route"]) for line in found
        ]
        assert all(str(line["timestamp"]).endswith("Z") for line in found)

    def test_above_its_level_only_our_faults_are_told(self) -> None:
        """Callers' mistakes are not."""
        assert [500] == [line["status"] for line in self.written("WARNING", 200, 404, 500)]
        assert [] == self.written("ERROR", 200, 500)

    def test_what_a_pipe_takes_whole_is_written_whole(self) -> None:
        """So lines of two programs on one pipe never mix."""
        sizes: list[int] = []

        class Stream(io.BytesIO):
            def write(self, data: object) -> int:
                sizes.append(len(bytes(data)))  # type: ignore[call-overload]
                assert bytes(data).endswith(b"\n")  # type: ignore[call-overload]
                return 0

        async def main() -> None:
            log = AccessLog("INFO", Stream())
            for _ in range(100):
                log.write({"route": "/x" * 50}, status=200)
            await asyncio.sleep(0)

        asyncio.run(main())

        assert len(sizes) > 1
        assert max(sizes) <= 4096


class TestReplicas:
    """Which one is asked."""

    def test_one_that_failed_is_asked_last_for_a_while(self) -> None:
        """Then it is as good as any other."""
        clock = Clock()
        replicas = Replicas(["a", "b"], clock=clock)
        a, b = replicas

        replicas.shun(a)

        assert [b, b, b] == [replicas.pick() for _ in range(3)]
        clock.now += 1.1
        assert {"a", "b"} == {found.url for found in (replicas.pick(), replicas.pick()) if found}

    def test_if_all_failed_one_is_asked_all_the_same(self) -> None:
        """It may be back."""
        replicas = Replicas(["a"], clock=Clock())
        [only] = replicas
        replicas.shun(only)

        assert only is replicas.pick()
        assert only is replicas.pick(other_than=only)

    def test_those_that_stay_keep_their_calls(self) -> None:
        """When a name resolves to others."""
        replicas = Replicas(["a", "b"], clock=Clock())
        b = next(each for each in replicas if each.url == "b")
        b.in_flight = 3

        replicas.become(["b", "c"])

        assert [("b", 3), ("c", 0)] == [(each.url, each.in_flight) for each in replicas]
        assert 2 == len(replicas)

    def test_names_are_resolved(self) -> None:
        """With the predictor's port unless another is given; a name that is not known has no addresses."""

        async def main() -> None:
            assert ("http://127.0.0.1:8080",) == await addresses("127.0.0.1")
            assert ("http://127.0.0.1:99",) == await addresses("127.0.0.1:99")
            assert () == await addresses("no-such-host.invalid")

        asyncio.run(main())


def test_the_tally_counts_our_faults() -> None:
    """A caller's mistake is an answer like any other."""
    clock = Clock()
    tally = Tally(clock)
    clock.now += 7

    for seconds, status in ((0.010, 200), (0.030, 404), (0.020, 503), (0.0, 501)):
        tally.count(seconds, status)

    assert (4, 7.0, 0.25) == (tally.requests, tally.uptime_seconds, tally.error_rate)
    assert 15.0 == pytest.approx(tally.mean_ms)
