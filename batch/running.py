"""
One process's part of a morning, from the question to the list.

A run goes through the same steps wherever it runs: take a shard, agree on a plan, make the rows, write them under the
attempt's token, and, whoever finishes last, publish. On one machine there is one shard and one process does it all; in
a cluster each pod does it for its own. Nothing is asked of settings once the plan stands.
"""

from __future__ import annotations

import logging

from batch.attempting import Attempting
from batch.ledger import RunEnded
from batch.ledger_rows import Attempt
from batch.model import ChosenModels
from batch.morning import Morning, Part
from batch.publishing import ListIncomplete, publish
from batch.report import BatchReport
from batch.shard import Shard
from batch.universe import Universe
from upper_circuit.errors import NotASession
from upper_circuit.market.master import Master

log = logging.getLogger(__name__)


def run(morning: Morning, part: Part) -> BatchReport | None:
    """Do this process's part; the report where it finished the run, None where another shard is open.

    Raises NotASession, which is recorded too, on a day without trade; Fenced when a newer attempt took over; and
    ListIncomplete in the place of what its shard failed of where nobody tries that again and the rest was published.
    """
    began = morning.ledger.clock()
    morning.database.require_schema()
    universe = Universe.read(morning.database, morning.run_date)
    if not universe.calendar.is_session(morning.run_date):
        error = NotASession(morning.run_date, universe.calendar.next_session(morning.run_date))
        morning.ledger.skip(part.run_id, morning.run_date, str(error))
        raise error
    choices = morning.choices
    models = ChosenModels.of(morning.registry, choices.model_version, choices.other_model_version)
    begun = morning.ledger.begin(
        part.run_id,
        morning.run_date,
        models.own.type,
        str(models.own.version),
        shards=part.shards,
        other_version=str(models.other) if models.other else None,
    )
    attempt = morning.ledger.take(part.run_id, part.shard)
    if attempt:
        shard = Shard(morning, attempt, models, universe, shards=begun.shards, began=began)
        universe = _score(morning, part, attempt, shard, universe.master)
    morning.stop.check()
    return publish(morning.database, morning.ledger, part.run_id, morning.output, universe.master)


def _score(morning: Morning, part: Part, attempt: Attempt, shard: Shard, master: Master) -> Universe:
    try:
        with Attempting(
            morning.ledger, attempt, is_retried=part.retried, is_replaced_when_stopped=part.in_cluster
        ):
            return shard.score()
    except Exception as error:
        # Nobody may be left to publish what other shards did.
        report = None if part.retried else _publish_rest(morning, part, master)
        if report:
            raise ListIncomplete(report, error) from error
        raise


def _publish_rest(morning: Morning, part: Part, master: Master) -> BatchReport | None:
    """Publish without a shard that failed; what keeps from it is logged, for the failure itself ends the process."""
    try:
        return publish(morning.database, morning.ledger, part.run_id, morning.output, master)
    except RunEnded:  # nothing was done, or a newer run took over: the ledger says which
        return None
    except Exception:
        log.exception("run.not_published", extra={"run_id": part.run_id})
        return None
