"""
`python -m tests.load`: the scenarios of the locustfile against a pair that is started here.

    python -m tests.load                          the four full ones (`make load`, a quarter of an hour and more)
    python -m tests.load short                    all of them in little (`make load-short`, 40 s)

Where there are two cores the pair has one and the load the others. The limiter is on, with a limit that one address
cannot reach. Exit code 1 where a scenario's limits are not kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import ground as grounds
from tests.benchmarks import sides
from tests.benchmarks.ground import Ground

FULL = ("thousand", "steady", "spike", "sustained")
LOCUSTFILE = Path(__file__).with_name("locustfile.py")


def main() -> int:
    """0 when every scenario kept its limits."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"{', '.join((*FULL, 'short'))}")
    parser.add_argument("--stocks", type=int, default=300)
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        sys.stderr.write(f"a market of {arguments.stocks} stocks, a forest of 300 trees, a pair\n")
        ground = grounds.prepare(folder / "ground", stocks=arguments.stocks)
        with sides.ours(ground, cores[0], folder / "logs") as pair:
            os.sched_setaffinity(0, set(cores[1:]) or {cores[0]})
            codes = [_run(scenario, pair.port, ground) for scenario in arguments.scenarios or FULL]
    return max(codes)


def _run(scenario: str, port: int, ground: Ground) -> int:
    # Every user looks up the address, in threads that fight for the interpreter: new users waited 200 ms for that.
    environment = {**os.environ, "GEVENT_RESOLVER": "block"}
    return subprocess.run(_command(scenario, port, ground), env=environment, check=False).returncode


def _command(scenario: str, port: int, ground: Ground) -> Sequence[str]:
    return [
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--loglevel", "WARNING", "--host", f"http://127.0.0.1:{port}", "--scenario", scenario),
        *("--date", ground.run_date.isoformat(), "--codes", ",".join(ground.codes)),
    ]


if __name__ == "__main__":
    sys.exit(main())
