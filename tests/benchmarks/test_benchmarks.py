"""A benchmark that compares other answers, or counts failures as answers, says nothing: so it is tested too."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from tests.benchmarks.ground import Ground, prepare
from tests.benchmarks.load import Load, closed_loop, paced, post
from tests.benchmarks.peers import stock_numpy, stock_pandas
from tests.benchmarks.rounds import CPU, P95, RATE, Measured, Rounds, at_least, at_most
from upper_circuit.features import FEATURE_NAMES
from upper_circuit.models.registry import Registry
from upper_circuit.models.scorer import Scorer

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
BAD = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy"
CUT = b""


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A port where every connection gets these answers in turn, in two pieces each; CUT closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, contextlib.suppress(ConnectionError):  # the load goes when its time is over
            number = 0
            while connection.recv(65536):
                answer = answers[number % len(answers)]
                number += 1
                if answer == CUT:
                    return
                connection.sendall(answer[:20])
                connection.sendall(answer[20:])

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


REQUESTS = [post("/", b"{}")]


class TestLoad:
    """What came back is counted as what it was."""

    def test_answers_in_pieces_are_whole_answers(self):
        """TCP cuts where it likes."""
        with answering(GOOD) as port:
            load = closed_loop(port, REQUESTS, clients=2, seconds=0.1, ramp=0)

        assert 0 == load.failed
        assert len(load.latencies) > 0

    def test_an_answer_that_is_an_error_is_a_failure(self):
        """Half of the answers are good, half are none."""
        with answering(GOOD, BAD) as port:
            load = closed_loop(port, REQUESTS, clients=1, seconds=0.1, ramp=0)

        assert abs(len(load.latencies) - load.failed) <= 1
        assert load.first_failure is not None
        assert load.first_failure.startswith("HTTP/1.1 503")

    def test_a_connection_that_is_cut_is_a_failure_and_the_client_goes_on(self):
        """Else one reset would take a client out of the load."""
        with answering(GOOD, CUT) as port:
            load = closed_loop(port, REQUESTS, clients=1, seconds=0.1, ramp=0)

        assert "the server closed the connection" == load.first_failure
        assert len(load.latencies) > 1

    def test_requests_at_a_pace_are_as_many_as_were_due(self):
        """300 a second for half a second; the server answers at once."""
        with answering(GOOD) as port:
            load = paced(port, REQUESTS, rate=300, seconds=0.5, ramp=0, connections=4)

        assert 0 == load.failed
        assert 100 <= len(load.latencies) <= 151

    def test_a_meter_tells_what_was_used_meanwhile(self):
        """The meter is read at the beginning and at the end of the count."""
        readings = iter([10.0, 13.5])
        with answering(GOOD) as port:
            load = closed_loop(port, REQUESTS, clients=1, seconds=0.05, ramp=0, meter=lambda: next(readings))

        assert 3.5 == load.metered


class TestRounds:
    """Ratios are made within rounds."""

    def test_a_ratio_is_the_median_of_each_rounds_own(self):
        """Rounds of 10/1, 40/2 and 90/3: the ratio of medians would be 20 as well, of means 23.3; a slow round is one."""
        rounds = Rounds()
        for fast, slow in ((10, 1), (40, 2), (90, 2)):
            rounds.add("ours", 1, measured(fast))
            rounds.add("theirs", 1, measured(slow))

        assert 20 == rounds.ratio("ours", "theirs", 1, RATE)

    def test_percentiles_are_milliseconds(self):
        """Latencies of 1 to 100 ms."""
        one = Measured(Load(1.0, np.arange(1, 101) / 1000, 0, None, 0.0), 5.0, 0.5, 1.0)

        assert 95.05 == pytest.approx(P95(one))
        assert 5.0 == CPU(one)

    @pytest.mark.parametrize(
        ("goal", "is_met"),
        [
            (at_least("more", 20.0, 20), True),
            (at_least("more", 19.9, 20), False),
            (at_most("less", 2.5, 2.5), True),
            (at_most("less", 2.6, 2.5), False),
            (at_most("nothing came back", float("nan"), 2.5), False),
            (at_least("nothing came back", float("nan"), 20), False),
        ],
        ids=str,
    )
    def test_a_goal_is_met_or_not(self, goal, is_met):
        """NaN meets no goal."""
        assert is_met == goal.is_met


def measured(count: int) -> Measured:
    """So many answers in a second."""
    return Measured(Load(1.0, np.full(count, 0.001), 0, None, 0.0), 1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> Ground:
    """A small market with a small forest."""
    return prepare(tmp_path_factory.mktemp("ground"), stocks=60, sessions=300, trees=8, depth=4)


class TestGround:
    """All sides stand on the same."""

    @pytest.mark.parametrize("peer", [stock_numpy, stock_pandas], ids=["numpy", "pandas"])
    def test_a_peer_computes_our_features(self, ground, peer):
        """Written by another formula each, from bars in rows: to the last bit of float32, or the forests would differ."""
        day = ground.run_date.isoformat()

        with contextlib.closing(peer.Stocks(ground.peers_database)) as stocks:
            rows = np.stack([stocks.row(code, day) for code in ground.codes])

        assert len(FEATURE_NAMES) == rows.shape[1]
        np.testing.assert_allclose(rows, ground.matrix.values, rtol=1e-6, atol=1e-7)

    def test_the_published_forest_answers_as_the_booster_of_the_peers_does(self, ground):
        """One file for all, and a calibration that changes nothing."""
        import xgboost

        booster = xgboost.Booster(model_file=str(ground.model_folder / "model.ubj"))
        registry = Registry(ground.registry)

        ours = Scorer.load(registry.folder(registry.latest())).score(ground.matrix.values).probability
        theirs = booster.predict(xgboost.DMatrix(ground.matrix.values))

        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        np.testing.assert_allclose(ground.probability, theirs, atol=1e-6)

    def test_its_answers_differ_from_stock_to_stock(self, ground):
        """A forest that always says the same would agree with anything."""
        assert len(set(ground.probability.tolist())) > len(ground.codes) / 4
