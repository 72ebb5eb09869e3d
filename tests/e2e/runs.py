"""
Morning runs on a cluster, and what can be done to them while they work.

A pod of a small market is done in a second or two, so a fault that is thrown at it from outside would rarely hit what it
means to. A barrier makes it hit: a lock on the one table that a step begins with, behind which every pod comes to a stop.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tests.e2e.release import Release
from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from upper_circuit.market.database import Database

Pod = dict[str, Any]

ROWS_IN_HAND = "market.price_bands"
"""The last table that a shard reads before it writes."""
PLANNING = "market.quarterly_results"
"""One of the tables that are not read before a shard is taken, and by nobody but the planner before the plan stands."""
STEPS = ("predictions.run_attempts", PLANNING, ROWS_IN_HAND, "predictions.daily_predictions")
"""The tables that a shard's steps begin with: it is taken, computed, ready, written."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of one release for the next morning of a little market."""

    release: Release
    little: LittleMarket
    database: Database

    def job(self, word: str, *, completions: int | None = None) -> str:
        """Start the morning's Job as a person would, named after a word; gives its name.

        `completions`: another number of pods than the run has shards, as nobody should ask for.
        """
        name = f"{word}-{self.little.run_date}"
        if completions is None:
            return self.release.run_by_hand(str(self.little.run_date), name=name)
        created = f"--from=cronjob/{self.release.name}-batch"
        text = self.release.namespace.kubectl(
            "create", "job", created, name, "--dry-run=client", "-o", "json"
        )
        job = json.loads(text)
        job["spec"] |= {"completions": completions, "parallelism": completions}
        self.release.namespace.apply(job)
        return name

    def pods(self, job: str) -> dict[str, Pod]:
        """The Job's pods by name, also those that are ending."""
        found = self.release.namespace.get("pods", "-l", f"batch.kubernetes.io/job-name={job}")["items"]
        return {pod["metadata"]["name"]: pod for pod in found}

    def told(self) -> dict[str, Any]:
        """What the API says of the newest run: {"run": ..., "shards": [...], "attempts": [...]}."""
        found: dict[str, Any] = self.release.ask(f"/api/v1/runs/{self.little.run_date}")
        return found

    def report(self) -> str:
        """The newest run's report, as the API gives it."""
        url = f"{self.release.inside}/api/v1/runs/{self.little.run_date}/report"
        answer = self.release.session.get(url, timeout=15)
        assert 200 == answer.status_code, answer.text
        return answer.text

    def table(self) -> list[tuple[Any, ...]]:
        """Rows of daily_predictions by code, without id and timestamp."""
        return factory.predictions(self.database)

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        """What a reader of the predictions is answered."""
        return factory.asked(self.database, query)

    def forget(self) -> None:
        """Take every row away that a run wrote; the ledger stays."""
        with self.database.writing("predictions") as connection:
            for table in ("daily_predictions", "prediction_details", "skipped_stocks"):
                connection.execute(sa.text(f"DELETE FROM predictions.{table}"))  # noqa: S608

    def correct(self, *statements: str) -> None:
        """Change the market as an ingest does: in one transaction that raises the data version."""
        with self.database.writing("market") as connection:
            connection.execute(sa.text("SET LOCAL search_path TO market"))
            for statement in (*statements, "UPDATE data_version SET version = version + 1"):
                connection.execute(sa.text(statement))

    def twin(self, pod: Pod) -> str:
        """A second pod for a pod's index, as a node that is cut off leaves one; nobody's but the test's."""
        labels = pod["metadata"]["labels"]
        name = f"twin-{pod['metadata']['name']}"
        spec = {key: pod["spec"][key] for key in ("serviceAccountName", "securityContext", "volumes")}
        [container] = pod["spec"]["containers"]
        told = {
            "BATCH_JOB_NAME": labels["batch.kubernetes.io/job-name"],
            "BATCH_JOB_UID": labels["batch.kubernetes.io/controller-uid"],
            "JOB_COMPLETION_INDEX": labels["batch.kubernetes.io/job-completion-index"],
            "BATCH_FAILURES": "0",
        }
        environment = [each for each in container["env"] if each["name"] not in told]
        environment += [{"name": key, "value": value} for key, value in told.items()]
        kept = {key: value for key, value in labels.items() if key.startswith("app.kubernetes.io/")}
        self.release.namespace.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "labels": kept},
                "spec": {
                    **spec,
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "restartPolicy": "Never",
                    "containers": [{**container, "env": environment}],
                },
            }
        )
        return name

    def exit_code(self, pod: str, *, within: float = 120) -> int:
        """How a pod's program ended."""

        def code() -> list[int] | None:
            states = self.release.namespace.get("pod", pod)["status"].get("containerStatuses", [])
            return [
                each["state"]["terminated"]["exitCode"] for each in states if "terminated" in each["state"]
            ]

        [found] = self.release.namespace.wait(code, within=within, what=f"the end of pod {pod}")
        return found

    @contextmanager
    def barrier(self, table: str) -> Iterator[Barrier]:
        """A barrier before a table, up until it is opened or the block ends.

        Whoever was killed while it read the table keeps it for up to a minute.
        """
        engine = self.database.predictions
        with engine.connect() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '90s'"))
            connection.execute(sa.text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            try:
                yield Barrier(self, table, connection)
            finally:
                with suppress(sa.exc.OperationalError):  # the server may be what was broken
                    connection.rollback()


@dataclass(frozen=True, slots=True)
class Barrier:
    """A table that nobody reads or writes for now."""

    runs: Runs
    table: str
    holding: sa.Connection

    def open(self) -> None:
        """Let everybody go on."""
        self.holding.rollback()

    def until_waiting(
        self, job: str, pods: int, *, among: Callable[[str], bool] = lambda _name: True, within: float = 120
    ) -> dict[str, Pod]:
        """Wait until so many pods of a Job (among some) stand before it; gives them by name, none once the Job ended."""
        namespace = self.runs.release.namespace

        def standing() -> tuple[dict[str, Pod]] | None:
            waiting = self._addresses()
            found = {
                name: pod
                for name, pod in self.runs.pods(job).items()
                if pod["status"].get("podIP") in waiting and among(name)
            }
            if len(found) >= pods:
                return (found,)
            return ({},) if namespace.get("job", job)["status"].get("conditions") else None

        what = f"{pods} pods of {job} before {self.table}"
        return namespace.wait(standing, within=within, what=what)[0]

    def until_one_waits(self, pod: str, *, within: float = 120) -> None:
        """Wait until a pod stands before it that no Job has made."""
        namespace = self.runs.release.namespace
        namespace.wait(
            lambda: namespace.get("pod", pod)["status"].get("podIP") in self._addresses(),
            within=within,
            what=f"{pod} before {self.table}",
        )

    def _addresses(self) -> set[str]:
        query = sa.text(
            "SELECT DISTINCT host(client_addr) FROM pg_stat_activity JOIN pg_locks USING (pid)"
            " WHERE NOT granted AND relation = CAST(:name AS regclass)"
        )
        with self.runs.database.market.connect() as connection:
            return set(connection.scalars(query, {"name": self.table}))
