"""
Pods of the morning run: real processes with the environment that Kubernetes gives them, on one PostgreSQL.

The Job controller's part (an index is tried again when its pod failed) is the test's own, so that it can be done at the
worst moment.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.factories import batch as factory
from tests.factories.batch import LittleMarket
from tests.factories.batch_processes import BatchProcesses
from upper_circuit.market.database import Database
from upper_circuit.market.days import cutoff

UID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def scheduled_name(run_date: date) -> str:
    """What a CronJob calls the Job that is due at 07:00 IST of a date."""
    return f"upper-circuit-batch-{cutoff(run_date) // 60}"


@dataclass(frozen=True)
class Job:
    """An Indexed Job over one database."""

    processes: BatchProcesses
    folder: Path
    """Where the models are, and what processes said."""
    little: LittleMarket
    shards: int = 4
    name: str = ""
    """Empty: the scheduled one of the market's run date."""

    @property
    def run_id(self) -> str:
        """What its run is called in the ledger."""
        return f"{self.name or scheduled_name(self.little.run_date)}-{UID[:8]}"

    @property
    def database(self) -> Database:
        """A new way into its database."""
        return self.little.database

    def start(
        self,
        shard: int,
        *,
        at: str | None = None,
        send: signal.Signals | None = None,
        failures: int = 0,
        allowed: int = 2,
        **environment: str,
    ) -> int:
        """Start the pod of an index that has failed so often before; its process id."""
        variables = {
            "BATCH_JOB_NAME": self.name or scheduled_name(self.little.run_date),
            "BATCH_JOB_UID": UID,
            "JOB_COMPLETION_INDEX": str(shard),
            "BATCH_SHARDS": str(self.shards),
            "BATCH_FAILURES": str(failures),
            "BATCH_FAILURES_ALLOWED": str(allowed),
        }
        return self.processes.start(
            self.folder, at=at, send=send, **{**self._surroundings, **variables, **environment}
        )

    def run(self, shard: int, **how: Any) -> int:
        """Start a pod and wait for its end: its exit code, or the negative number of the signal."""
        return self.processes.wait(self.start(shard, **how))

    def alone(self, *arguments: str) -> int:
        """One process, no Job: what the pods are compared with."""
        surroundings = {**self._surroundings, "OUTPUT_DIR": str(self.folder / "alone")}
        return self.processes.run(self.folder, *arguments, **surroundings)

    def sweep(self, **environment: str) -> int:
        """The sweeper, once."""
        pid = self.processes.start(
            self.folder, program="batch.sweep", **{**self._surroundings, **environment}
        )
        return self.processes.wait(pid)

    def said(self) -> str:
        """What all of them wrote."""
        return self.processes.said(self.folder)

    def asked(self, query: str) -> list[tuple[Any, ...]]:
        """What a reader of the predictions is answered."""
        database = self.database
        try:
            return factory.asked(database, query)
        finally:
            database.dispose()

    def table(self) -> list[tuple[Any, ...]]:
        """Rows of daily_predictions by code."""
        return self.asked(factory.TABLE)

    def shard_states(self) -> list[str]:
        """The states of the run's shards, by shard."""
        return [
            state
            for (state,) in self.asked(
                f"SELECT state FROM run_shards WHERE run_id = '{self.run_id}' ORDER BY shard"  # noqa: S608
            )
        ]

    def execute(self, statement: str) -> None:
        """Change the predictions half past our own code."""
        database = self.database
        with database.writing("predictions") as connection:
            connection.execute(sa.text("SET LOCAL search_path TO predictions"))
            connection.execute(sa.text(statement))
        database.dispose()

    def correct(self, *statements: str) -> None:
        """Change the market as an ingest would: in one transaction that raises the data version."""
        database = self.database
        with database.writing("market") as connection:
            connection.execute(sa.text("SET LOCAL search_path TO market"))
            for statement in (*statements, "UPDATE data_version SET version = version + 1"):
                connection.execute(sa.text(statement))
        database.dispose()

    @property
    def _surroundings(self) -> dict[str, str]:
        return {"DATABASE_URL": str(self.little.location), "OUTPUT_DIR": ""}
