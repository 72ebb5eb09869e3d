"""
Users of the API, for Locust.

    locust -f tests/load/locustfile.py --host http://127.0.0.1:8000 --date 2025-12-18 --codes 500325,532540
    ... --headless --scenario steady

Ends with exit code 1 where a scenario's limits are not kept. `python -m tests.load` starts a pair and runs them all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, ClassVar

from locust import FastHttpUser, LoadTestShape, constant_throughput, events, task
from locust.env import Environment
from locust.exception import StopUser


@dataclass(frozen=True, slots=True)
class Scenario:
    """Users over time, each asking once a second, and what must hold at the end."""

    stages: tuple[tuple[float, int, float], ...]
    """Until second t: so many users, so many of them new in a second."""
    p95_ms: float
    failed: float
    """Share (0 to 1) of requests that may fail."""
    asks_each: int | None = None
    """A user asks so often, without a pause, and goes; None: once a second until the end."""


SCENARIOS = {
    "thousand": Scenario(((60, 100, 100),), 100, 0.01, asks_each=10),
    "steady": Scenario(((300, 50, 50),), 100, 0.01),
    "spike": Scenario(((10, 200, 20), (40, 200, 20)), 100, 0.01),
    "sustained": Scenario(((600, 100, 100),), 100, 0.01),
    "short": Scenario(((10, 50, 50), (20, 200, 20), (30, 200, 20), (40, 100, 100)), 150, 0.0),
}
BATCH = 20
_once_a_second = constant_throughput(1)


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: Any) -> None:
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="steady", env_var="LOAD_SCENARIO")
    parser.add_argument("--date", required=True, env_var="LOAD_DATE", help="prediction_date to ask for")
    parser.add_argument("--codes", required=True, env_var="LOAD_CODES", help="BSE codes, with commas between")


class Trader(FastHttpUser):
    """Asks for one stock nineteen times of twenty, else for a batch."""

    def on_start(self) -> None:
        """Read what is asked for, once."""
        options = self.environment.parsed_options
        self._asks_left = SCENARIOS[options.scenario].asks_each
        self._date: str = options.date
        self._codes: list[str] = options.codes.split(",")

    def wait_time(self) -> float:
        """Seconds until the next request: one a second, or none where a user asks a number of times."""
        if self._asks_left is not None:
            return 0.0
        return float(_once_a_second(self))

    @task(19)
    def predict(self) -> None:
        """One stock."""
        self._count()
        self.client.post("/api/v1/predict", json=self._question(random.choice(self._codes)))

    @task(1)
    def batch_predict(self) -> None:
        """Some stocks; each must be answered, not only the whole."""
        self._count()
        questions = [self._question(code) for code in random.choices(self._codes, k=BATCH)]
        with self.client.post("/api/v1/batch_predict", json=questions, catch_response=True) as answer:
            answers = answer.json() if answer.ok else []
            if len(answers) != BATCH or any("error" in each for each in answers):
                answer.failure("not every stock of a batch was answered")

    def _question(self, code: str) -> dict[str, str]:
        return {"bse_code": code, "prediction_date": self._date}

    def _count(self) -> None:
        if self._asks_left is None:
            return
        if not self._asks_left:
            raise StopUser
        self._asks_left -= 1


class Stages(LoadTestShape):
    """Users as the scenario wants them."""

    use_common_options: ClassVar[bool] = False

    def tick(self) -> tuple[int, float] | None:
        """Users, and how many a second come or go; None at the end."""
        runner: Any = self.runner
        scenario = SCENARIOS[runner.environment.parsed_options.scenario]
        now = float(self.get_run_time())  # type: ignore[no-untyped-call]
        if scenario.asks_each and runner.stats.total.num_requests >= 100 * scenario.asks_each:
            return None
        for until, users, rate in scenario.stages:
            if now < until:
                return users, rate
        return None


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _judge(environment: Environment, **_: Any) -> None:
    """Say what came of it; exit code 1 where the limits are not kept."""
    options: Any = environment.parsed_options
    scenario, total = SCENARIOS[options.scenario], environment.stats.total
    p95 = total.get_response_time_percentile(0.95) or float("inf")
    is_kept = total.num_requests > 0 and p95 <= scenario.p95_ms and total.fail_ratio <= scenario.failed
    seconds = (total.last_request_timestamp or 0) - total.start_time
    print(
        f"{'PASS' if is_kept else 'FAIL'}  {options.scenario}: {total.num_requests:,} requests in {seconds:.0f} s, "
        f"p50 {total.get_response_time_percentile(0.5):g} ms, p95 {p95:g} ms (at most {scenario.p95_ms:g}), "
        f"{total.num_failures} failed (at most {scenario.failed:.0%})"
    )
    environment.process_exit_code = 0 if is_kept else 1
