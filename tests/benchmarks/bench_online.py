"""
`make bench-online`: from a stock code to its score, our pair beside what else could have been built on KServe.

    a   ours, asked at /api/v1/predict           our pair with its production defaults
    a2  ours, asked at /v2/.../infer             the same processes, by the same bytes as b and c get
    b   numpy features, gRPC hop, DMatrix        the best that the SDK gives out of the box
    c   pandas features, REST hop, DMatrix       the usual first version

All processes of a side share one core, the load has the other. Rounds are interleaved (a, a2, b, c, a, ...), every side
answers the same stocks of the same morning with the same forest, and the answers are compared first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import requests

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks import ground as grounds
from tests.benchmarks import sides
from tests.benchmarks.ground import Ground
from tests.benchmarks.load import Load, closed_loop, paced, post
from tests.benchmarks.rounds import (
    CPU,
    MEMORY,
    P50,
    P95,
    P99,
    RATE,
    SHARE,
    Goal,
    Measured,
    Rounds,
    at_least,
    at_most,
    table,
)
from tests.benchmarks.sides import Side
from upper_circuit.oip import contract

API = "/api/v1/predict"
CLIENTS = (1, 16, 100)
SERVERS, LOAD = 0, 1
"""Cores."""
ANSWERS_AGREE = 1e-6
AUTOGROUP = Path("/proc/self/autogroup")
"""Linux weighs sessions first, and processes within them."""
REPORT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
NAMES = {
    "a": "ours, `/api/v1/predict`",
    "a2": "ours, `/v2/.../infer`",
    "b": "stock: numpy, gRPC hop",
    "c": "naive: pandas, REST hop",
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A side and the requests it gets."""

    side: Side
    requests: tuple[bytes, ...]


def main() -> int:
    """0 when every goal is met."""
    arguments = _arguments()
    if len(os.sched_getaffinity(0)) < 2:
        sys.stderr.write("bench-online needs two cores: one for the servers, one for the load\n")
        return 2
    if arguments.urgent:
        os.setpriority(os.PRIO_PROCESS, 0, -20)
        AUTOGROUP.write_text("-20", encoding="ascii")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-online-")))
        _say(f"a market of {arguments.stocks:,} stocks and a forest of 300 trees")
        ground = grounds.prepare(folder / "ground", stocks=arguments.stocks)
        os.sched_setaffinity(0, {LOAD})
        logs = folder / "logs"
        with sides.trivial(SERVERS, logs) as nothing:
            ceiling = closed_loop(nothing.port, [post("/", b"{}")], clients=100, seconds=2.0)
        _say(f"the load alone reaches {ceiling.per_second:,.0f} requests/s")
        contenders = _start(stack, ground, logs)
        gaps = {name: _agree(name, each.side, ground) for name, each in contenders.items()}
        rounds = _measure(contenders, arguments.rounds, arguments.seconds)
        steady = paced(
            contenders["a"].side.port, contenders["a"].requests, rate=100, seconds=4 * arguments.seconds
        )
    goals = _goals(rounds, steady, max(gaps.values()))
    head = (
        f"{arguments.rounds} rounds of {arguments.seconds:g} s; medians, for requests/s with the spread; `core` is the "
        f"share of the servers' core that a side had. The load alone reaches {ceiling.per_second:,.0f} requests/s."
    )
    starts = {each.side.name: each.side.start_seconds for each in contenders.values()}
    text = "\n\n".join([head, _figures(rounds), _ratios(rounds), _asides(steady, starts, max(gaps.values()))])
    sys.stdout.write(f"\n{text}\n" + "".join(f"{goal}\n" for goal in goals))
    if arguments.write:
        REPORT.write_text(_report(text, goals), encoding="utf-8")
    return 0 if all(goal.is_met for goal in goals) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--stocks", type=int, default=1000)
    parser.add_argument(
        "--urgent",
        action="store_true",
        help="go before everything else on this machine (root): less noise, and all others wait",
    )
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.name}")
    return parser.parse_args()


def _start(stack: ExitStack, ground: Ground, logs: Path) -> dict[str, Contender]:
    """All sides, up and warm; those that are not asked wait and cost nothing."""
    own = stack.enter_context(sides.ours(ground, SERVERS, logs))
    best = stack.enter_context(sides.stock(ground, SERVERS, logs, features="numpy", hop="grpc-v2"))
    naive = stack.enter_context(sides.stock(ground, SERVERS, logs, features="pandas", hop="v2"))
    for side in (own, best, naive):
        _say(f"{side.name} is up after {side.start_seconds:.1f} s")
    day = ground.run_date.isoformat()
    asked = tuple(post(contract.INFER_PATH, _inference(code, day)) for code in ground.codes)
    by_api = tuple(
        post(API, json.dumps({"bse_code": code, "prediction_date": day}).encode()) for code in ground.codes
    )
    return {
        "a": Contender(own, by_api),
        "a2": Contender(own, asked),
        "b": Contender(best, asked),
        "c": Contender(naive, asked),
    }


def _inference(code: str, day: str) -> bytes:
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}
        for name, value in (("bse_code", code), ("prediction_date", day))
    ]
    return json.dumps({"inputs": tensors}).encode()


def _agree(name: str, side: Side, ground: Ground) -> float:
    """The largest distance of a side's answers from the booster's own; RuntimeError where it is too large."""
    day, url, codes = ground.run_date.isoformat(), f"http://127.0.0.1:{side.port}", ground.codes[::7]
    answers = []
    with requests.Session() as session:
        for code in codes:
            if name == "a":
                asked = session.post(url + API, json={"bse_code": code, "prediction_date": day}, timeout=30)
                answers.append(asked.json()["probability"])
            else:
                asked = session.post(
                    url + contract.INFER_PATH, json=json.loads(_inference(code, day)), timeout=30
                )
                outputs = {each["name"]: each["data"] for each in asked.json()["outputs"]}
                answers.append(outputs["probability"][0])
    gap = float(np.abs(np.array(answers) - ground.probability[::7]).max())
    if not gap <= ANSWERS_AGREE:
        raise RuntimeError(f"{NAMES[name]} answers otherwise than the forest, by {gap:g}")
    return gap


def _measure(contenders: Mapping[str, Contender], count: int, seconds: float) -> Rounds:
    rounds = Rounds()
    for number in range(1, count + 1):
        for clients in CLIENTS:
            for name, contender in contenders.items():
                measured = _once(contender, clients, seconds)
                rounds.add(name, clients, measured)
                _say(
                    f"round {number}, {clients:3} clients, {name:2}: {RATE(measured):8,.1f}/s, "
                    f"p50 {P50(measured):,.1f} ms, p95 {P95(measured):,.1f} ms, "
                    f"{CPU(measured):,.0f} us CPU, {SHARE(measured):.0%} of the core"
                )
    return rounds


def _once(contender: Contender, clients: int, seconds: float) -> Measured:
    side = contender.side
    load = closed_loop(
        side.port,
        contender.requests,
        clients=clients,
        seconds=seconds,
        ramp=0.5 if clients == 1 else 1.5,
        at_least=3 * clients,  # the naive side answers in waves of all clients
        meter=side.cpu_seconds,
    )
    answers = len(load.latencies)
    cpu_us = load.metered / answers * 1e6 if answers else float("nan")
    return Measured(load, cpu_us, load.metered / load.seconds, side.megabytes())


def _goals(rounds: Rounds, steady: Load, gap: float) -> list[Goal]:
    broken = sum(rounds.failures(name)[0] for name in ("a", "a2")) + steady.failed
    return [
        at_most("same answers from all sides, largest distance from the forest's", gap, ANSWERS_AGREE),
        Goal("no request of ours failed", f"{broken}", broken == 0),
        at_least(
            "100 clients, requests/s over (b), at least 20", rounds.ratio("a", "b", 100, RATE), 20, " x"
        ),
        at_least(
            "100 clients, requests/s over (c), at least 100", rounds.ratio("a", "c", 100, RATE), 100, " x"
        ),
        at_least(
            "100 clients, p95 of (b) over ours, at least 15", rounds.ratio("b", "a", 100, P95), 15, " x"
        ),
        at_most(
            "100 clients, fairness: p95 over p50, at most 2.5",
            rounds.median("a", 100, lambda each: P95(each) / P50(each)),
            2.5,
        ),
        at_most("100 requests/s, p95 below 100 ms", steady.percentile(95), 100, " ms"),
        at_least("100 requests/s are kept up on one core", steady.per_second, 99, "/s"),
    ]


def _figures(rounds: Rounds) -> str:
    head = ("clients", "side", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU us", "core", "PSS MiB")
    return table(head, [_row(rounds, name, clients) for clients in CLIENTS for name in NAMES])


def _row(rounds: Rounds, name: str, clients: int) -> Sequence[str]:
    low, high = rounds.spread(name, clients, RATE)
    found = {each: rounds.median(name, clients, each) for each in (RATE, P50, P95, P99, CPU, SHARE, MEMORY)}
    return (
        str(clients),
        NAMES[name],
        f"{found[RATE]:,.0f} ({low:,.0f}-{high:,.0f})",
        *(f"{found[figure]:,.1f}" for figure in (P50, P95, P99)),
        f"{found[CPU]:,.0f}",
        f"{found[SHARE]:.0%}",
        f"{found[MEMORY]:,.0f}",
    )


def _ratios(rounds: Rounds) -> str:
    wanted = {
        "requests/s over b": ("a", "b", RATE),
        "over c": ("a", "c", RATE),
        "CPU of b over ours": ("b", "a", CPU),
        "of c over ours": ("c", "a", CPU),
        "p95 of b over ours": ("b", "a", P95),
    }
    rows = [
        (
            str(clients),
            *(f"{rounds.ratio(one, two, clients, each):,.1f}" for one, two, each in wanted.values()),
        )
        for clients in CLIENTS
    ]
    return table(("clients", *wanted), rows)


def _asides(steady: Load, starts: Mapping[str, float], gap: float) -> str:
    started = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in starts.items())
    p50, p95, p99 = (steady.percentile(share) for share in (50, 95, 99))
    return (
        f"At a steady 100 requests/s ours has p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms.\n"
        f"From the start of a side's two processes, on one core, until both are ready: {started}.\n"
        f"Largest distance of an answer from the forest's own: {gap:.1e}.\n"
    )


def _report(text: str, goals: Sequence[Goal]) -> str:
    made = datetime.now(UTC).date().isoformat()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    listed = "\n".join(f"- {goal}" for goal in goals)
    return (
        "# Benchmarks: the online pair\n\n"
        "Made by `make bench-online ARGS=--write`; not edited by hand. What the sides are and why they are fair:\n"
        "`tests/benchmarks/bench_online.py` and `tests/benchmarks/peers/`. Only ratios within a run mean something.\n\n"
        f"{made}, {machine}.\n\n{text}\n## Goals\n\n{listed}\n"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
