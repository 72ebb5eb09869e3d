"""
`python -m tests.benchmarks.benchmark_api`: what the API takes for what people ask of it, in `benchmarks_{date}.txt`.

Against a pair that is started here on a synthetic market, or with `--url` against one that runs (with its date and
codes). Unlike bench-online it compares nothing: it is the sheet that one keeps beside a deployment.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import requests

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import ground as grounds
from tests.benchmarks import sides
from tests.benchmarks.load import Load, closed_loop, paced, post
from tests.benchmarks.rounds import Goal, at_least, at_most, table

PREDICT, BATCH = "/api/v1/predict", "/api/v1/batch_predict"
BATCH_SIZE = 100
OLDER_MORNINGS = 5


@dataclass(frozen=True, slots=True)
class Target:
    """An API, and what may be asked of it."""

    port: int
    url: str
    run_date: date
    codes: tuple[str, ...]

    def question(self, code: str, **more: object) -> dict[str, object]:
        """One stock on the target's morning."""
        return {"bse_code": code, "prediction_date": self.run_date.isoformat(), **more}

    def singles(self, **more: object) -> list[bytes]:
        """A request for every stock."""
        return [post(PREDICT, json.dumps(self.question(code, **more)).encode()) for code in self.codes]

    def batches(self) -> list[bytes]:
        """Requests for 100 stocks each."""
        questions = [self.question(code) for code in self.codes]
        starts = range(0, max(len(questions) - BATCH_SIZE, 0) + 1, 7)
        return [post(BATCH, json.dumps(questions[at : at + BATCH_SIZE]).encode()) for at in starts]


def main() -> int:
    """0 when the user's limits are kept."""
    arguments = _arguments()
    with _target(arguments) as target:
        rows, loads = _asked(target, arguments.seconds)
        mornings = _mornings(target)
        before = _hop(target)
        steady = paced(target.port, target.singles(), rate=100, seconds=2 * arguments.seconds)
        after = _hop(target)
    hop_ms = 1000 * (after[0] - before[0]) / max(after[1] - before[1], 1)
    goals = _goals(steady, hop_ms, mornings, loads)
    text = _report(rows, steady, hop_ms, mornings, goals)
    sys.stdout.write(text)
    path = arguments.output / f"benchmarks_{datetime.now(UTC).date().isoformat()}.txt"
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"\nwritten to {path}\n")
    return 0 if all(goal.is_met for goal in goals) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", help="an API that runs, with a limit of requests that is off or high")
    parser.add_argument("--date", type=date.fromisoformat, help="with --url: the date to ask for")
    parser.add_argument("--codes", help="with --url: BSE codes, with commas between")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--stocks", type=int, default=1000, help="without --url: size of the market")
    parser.add_argument("--output", type=Path, default=Path(), help="folder of the report")
    found = parser.parse_args()
    if found.url and not (found.date and found.codes):
        parser.error("--url needs --date and --codes")
    return found


@contextmanager
def _target(arguments: argparse.Namespace) -> Iterator[Target]:
    if arguments.url:
        parts = urlsplit(arguments.url)
        if parts.hostname not in {"127.0.0.1", "localhost"}:
            raise SystemExit("the load goes to this machine only: forward a port")
        yield Target(parts.port or 80, arguments.url, arguments.date, tuple(arguments.codes.split(",")))
        return
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="benchmark-api-") as name:
        sys.stderr.write(
            f"a market of {arguments.stocks:,} stocks, a forest of 300 trees, a pair on one core\n"
        )
        ground = grounds.prepare(Path(name) / "ground", stocks=arguments.stocks)
        with sides.ours(ground, cores[0], Path(name) / "logs") as pair:
            os.sched_setaffinity(0, set(cores[1:]) or {cores[0]})
            yield Target(pair.port, f"http://127.0.0.1:{pair.port}", ground.run_date, ground.codes)


def _asked(target: Target, seconds: float) -> tuple[list[Sequence[str]], dict[str, Load]]:
    """Rows of the table, and the loads behind them."""
    wanted = [
        ("one stock, 1 client", target.singles(), 1, 1),
        ("one stock, 16 clients", target.singles(), 16, 1),
        ("one stock, 100 clients", target.singles(), 100, 1),
        ("with its features, 16 clients", target.singles(include_features=True), 16, 1),
        ("with SHAP values, 4 clients", target.singles(include_features=True, include_shap=True), 4, 1),
        ("batch of 100, 1 client", target.batches(), 1, BATCH_SIZE),
        ("batch of 100, 4 clients", target.batches(), 4, BATCH_SIZE),
    ]
    rows: list[Sequence[str]] = []
    loads: dict[str, Load] = {}
    for name, asked, clients, stocks in wanted:
        load = loads[name] = closed_loop(target.port, asked, clients=clients, seconds=seconds)
        rows.append(
            (
                name,
                f"{load.per_second:,.0f}",
                f"{load.per_second * stocks:,.0f}",
                *(f"{load.percentile(share):,.2f}" for share in (50, 95, 99)),
                str(load.failed),
            )
        )
    return rows, loads


def _mornings(target: Target) -> list[tuple[date, float, float]]:
    """Older run dates with the milliseconds of their first question and of a later one."""
    found: list[tuple[date, float, float]] = []
    day = target.run_date
    with requests.Session() as session:
        while len(found) < OLDER_MORNINGS and day > target.run_date - timedelta(days=60):
            day -= timedelta(days=1)
            question = target.question(target.codes[0]) | {"prediction_date": day.isoformat()}
            first, status = _timed(session, target.url + PREDICT, question)
            if status == requests.codes.ok:
                found.append(
                    (day, first, min(_timed(session, target.url + PREDICT, question)[0] for _ in range(5)))
                )
    return found


def _timed(session: requests.Session, url: str, question: dict[str, object]) -> tuple[float, int]:
    started = time.perf_counter()
    answer = session.post(url, json=question, timeout=60)
    return 1000 * (time.perf_counter() - started), answer.status_code


def _hop(target: Target) -> tuple[float, float]:
    """Seconds and number of the calls to the predictor so far."""
    text = requests.get(f"{target.url}/metrics", timeout=10).text
    found = dict(re.findall(r"^hop_seconds_(sum|count) ([0-9.e+-]+)$", text, re.MULTILINE))
    return float(found["sum"]), float(found["count"])


def _goals(
    steady: Load, hop_ms: float, mornings: list[tuple[date, float, float]], loads: dict[str, Load]
) -> list[Goal]:
    whole = steady.percentile(50)
    return [
        at_most("100 requests/s: p95 of an answer, below 100 ms", steady.percentile(95), 100, " ms"),
        at_most("model: mean of a call to the predictor and back, below 30 ms", hop_ms, 30, " ms"),
        at_most(
            "features and response: what is left of the median, below 20 ms",
            max(whole - hop_ms, 0),
            20,
            " ms",
        ),
        at_least("100 requests/s are kept up", steady.per_second, 99, "/s"),
        at_least("mornings asked for a first time", len(mornings), 1),
        Goal(
            "no request failed",
            str(failed := steady.failed + sum(load.failed for load in loads.values())),
            failed == 0,
        ),
    ]


def _report(
    rows: list[Sequence[str]],
    steady: Load,
    hop_ms: float,
    mornings: list[tuple[date, float, float]],
    goals: list[Goal],
) -> str:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    head = ("question", "requests/s", "stocks/s", "p50 ms", "p95 ms", "p99 ms", "failed")
    cache = [(day.isoformat(), f"{first:,.1f}", f"{later:,.2f}") for day, first, later in mornings]
    p50, p95, p99 = (steady.percentile(share) for share in (50, 95, 99))
    told = (
        f"At a steady 100 requests/s: p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms; "
        f"a call to the predictor takes {hop_ms:.2f} ms of it in the mean.\n\n"
        "The first question of a date computes the whole market's features; later ones look a row up:"
    )
    parts = [
        f"Benchmarks of the API, {now}, {machine}",
        table(head, rows),
        told,
        table(("run date", "first ms", "later ms"), cache),
        "\n".join(str(goal) for goal in goals),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
