"""What a pod knows of itself from its Job's name and a few variables."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.morning import Part
from batch.pod import NoRunDate, NotYet, Pod, run_date_of
from batch.settings import BatchSettings
from upper_circuit.market.days import cutoff

DAY = date(2025, 12, 17)
NOON = float(cutoff(DAY) + 5 * 3600)
UID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A working folder without .env, and none of our variables in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in BatchSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def pod(asked: date | None = None, **variables: object) -> Pod | None:
    """The pod of a Job at noon of its day."""
    given = {"batch_job_name": f"batch-{DAY}", "batch_job_uid": UID, "batch_shards": 4, **variables}
    return Pod.of(BatchSettings(**given), asked, now=NOON)


@given(day=st.dates(date(2020, 1, 2), date(2150, 1, 1)), late=st.integers(0, 16 * 60 + 59))
def test_the_minute_a_job_was_due_is_a_date_in_india(day, late):
    """Whatever the minute of the Indian day from 07:00 on, and however late the Job begins."""
    assert day == run_date_of(f"upper-circuit-batch-{cutoff(day) // 60 + late}")


def test_an_hour_that_is_still_yesterday_in_greenwich_is_today():
    """2026-11-23 04:56 IST, as a real controller named a Job."""
    assert date(2026, 11, 23) == run_date_of("c1-29923166")


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_name_that_ends_in_a_date_means_it(day):
    """Made by hand, or by backfill."""
    assert day == run_date_of(f"upper-circuit-batch-{day}")


@pytest.mark.parametrize(
    "name", ["batch", "batch-abcde", "batch-20251217", "batch-2025-13-01", "batch-17", "2025-12-17x"]
)
def test_a_name_without_a_date_is_refused(name):
    """A guess would be a list of another day."""
    with pytest.raises(NoRunDate, match=name):
        run_date_of(name)


def test_a_run_is_named_after_its_job_and_what_tells_that_job_from_its_namesakes():
    """A Job that is deleted and made again is another run."""
    assert Pod(DAY, Part(f"batch-{DAY}-0f8fad5b", 4, 2, retried=True, in_cluster=True)) == pod(
        job_completion_index=2, batch_failures=1, batch_failures_allowed=2
    )


@pytest.mark.parametrize(
    ("failures", "allowed", "retried"), [(0, 0, False), (0, 1, True), (1, 2, True), (2, 2, False)]
)
def test_a_failure_is_final_when_no_more_are_allowed(failures, allowed, retried):
    """As the Job controller counts them with backoffLimitPerIndex."""
    found = pod(batch_failures=failures, batch_failures_allowed=allowed)

    assert found is not None
    assert retried is found.part.retried


def test_a_date_asked_for_goes_before_the_name():
    """For controllers that name Jobs otherwise."""
    found = pod(date(2025, 12, 16), batch_job_name="workflow-x7k2p")

    assert found is not None
    assert date(2025, 12, 16) == found.run_date


def test_tomorrow_is_refused_until_it_is_today_in_india():
    """From midnight in Asia/Kolkata on, which is 18:30 in Greenwich."""
    tomorrow = date(2025, 12, 18)
    settings = BatchSettings(batch_job_name=f"batch-{tomorrow}", batch_job_uid=UID)
    midnight = cutoff(tomorrow) - 7 * 3600

    with pytest.raises(NotYet, match=r"2025-12-18 has not come \(today is 2025-12-17\)"):
        Pod.of(settings, None, now=midnight - 1)

    assert Pod.of(settings, None, now=midnight) is not None


def test_without_a_job_there_is_no_pod():
    """On one machine nothing of this is set."""
    assert Pod.of(BatchSettings(), DAY, now=NOON) is None
