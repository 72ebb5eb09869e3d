"""
Which part of which run a pod is, from what Kubernetes tells it.

Nobody asks the API server: the downward API hands a pod its Job's name, and the name is where the date stands. A CronJob
names its Jobs after the minute they were due, so a Job that starts hours late still scores the morning it was meant for;
one made by hand says the date itself (docs/adr/0012).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from batch.morning import Part
from batch.settings import BatchSettings
from upper_circuit.errors import BadInput
from upper_circuit.market.days import IST_OFFSET, SECONDS, date_of

_BY_HAND = re.compile(r"-(\d{4}-\d{2}-\d{2})$")
_SCHEDULED = re.compile(r"-(\d{8,9})$")
_FIRST_MINUTE = 26_297_280
"""2020-01-01 UTC. A smaller number is a date without hyphens: 20251217 minutes ended in 2008."""


class NoRunDate(BadInput):
    """A Job's name does not say which morning is meant."""


class NotYet(BadInput):
    """A morning that has not come cannot be scored: what it may know is not there."""


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of an Indexed Job."""

    run_date: date
    part: Part

    @classmethod
    def of(cls, settings: BatchSettings, asked: date | None, *, now: float) -> Pod | None:
        """The pod that these settings describe; None outside of a Job.

        Args:
            settings: from the pod's environment.
            asked: a run date that a command line names; it goes before the Job's name.
            now: seconds since 1970-01-01 UTC.

        Raises NoRunDate where nothing names the date, and NotYet for a date after today in Asia/Kolkata.
        """
        job = settings.batch_job_name
        if job is None:
            return None
        run_date = asked or run_date_of(job)
        require_no_later_than_today(run_date, now)
        return cls(
            run_date,
            Part(
                f"{job}-{(settings.batch_job_uid or '')[:8]}",
                settings.batch_shards,
                settings.job_completion_index,
                retried=settings.batch_failures < settings.batch_failures_allowed,
                in_cluster=True,
            ),
        )


def run_date_of(job: str) -> date:
    """The morning that a Job's name ends in, as a date or as the minute (since 1970) that a CronJob's Job was due."""
    by_hand, scheduled = _BY_HAND.search(job), _SCHEDULED.search(job)
    if by_hand:
        try:
            return date.fromisoformat(by_hand[1])
        except ValueError:
            raise NoRunDate(f"the name of Job {job} ends in {by_hand[1]}, which is no date") from None
    if scheduled and int(scheduled[1]) >= _FIRST_MINUTE:
        return date_of((int(scheduled[1]) * 60 + IST_OFFSET) // SECONDS)
    raise NoRunDate(
        f"the name of Job {job} ends neither in a date (-2025-12-17) nor in the minute a CronJob's Job was due: "
        "create it with --from=cronjob/NAME and a name that ends in the run date"
    )


def require_no_later_than_today(run_date: date, now: float) -> None:
    """Raise NotYet for a date after today in Asia/Kolkata: no clock of an exchange is behind, so somebody is ahead."""
    today = date_of((int(now) + IST_OFFSET) // SECONDS)
    if run_date > today:
        raise NotYet(
            f"{run_date} has not come (today is {today}): its list would be made without what it may know"
        )
