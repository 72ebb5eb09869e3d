"""Which mornings get a Job, and how they are worked through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from cli.backfill_plan import (
    Decision,
    Reprocess,
    decide,
    outcome,
    planned,
    require_past,
    work_through,
)
from cli.jobs import JobState
from upper_circuit.errors import BadInput

DAY = date(2025, 12, 17)
JOB = "upper-circuit-batch-2025-12-17"


def session(state: str | None) -> dict[str, Any]:
    """A session as /api/v1/sessions tells it, with its newest run in some state."""
    run = None if state is None else {"state": state, "run_id": f"{JOB}-1f2e3d4c"}
    return {"day": str(DAY), "run": run}


def decision(number: int = 0, action: Any = "run") -> Decision:
    """About one of several days."""
    day = DAY + timedelta(days=number)
    return Decision(day, f"job-{day}", action, "no run")


class TestDecide:
    """The run and the Job of a date, and the word of whoever types."""

    @pytest.mark.parametrize(
        ("run", "job", "none", "failed", "completed"),
        [
            (None, None, "run", "run", "run"),
            ("skipped", None, "run", "run", "run"),
            ("failed", None, "leave", "run", "run"),
            ("done", None, "leave", "leave", "run"),
            ("running", None, "leave", "leave", "leave"),
            ("planned", None, "leave", "leave", "leave"),
            (None, "failed", "leave", "replace", "replace"),
            (None, "complete", "leave", "leave", "replace"),
            (None, "running", "leave", "leave", "leave"),
            ("failed", "failed", "leave", "replace", "replace"),
            ("failed", "complete", "leave", "leave", "replace"),
            ("done", "failed", "leave", "leave", "replace"),
            ("done", "running", "leave", "leave", "leave"),
        ],
    )
    def test_what_is_there_decides(
        self, run: str | None, job: JobState | None, none: str, failed: str, completed: str
    ) -> None:
        """What is under way is never touched; of run and Job the one that asks for more counts."""
        found = [decide(session(run), JOB, job, each).action for each in Reprocess]

        assert [none, failed, completed] == found

    def test_what_is_there_is_told(self) -> None:
        """With the name of the run, and the Job where it is still there."""
        assert "no run" == decide(session(None), JOB, None, Reprocess.NONE).found
        told = decide(session("failed"), JOB, "failed", Reprocess.FAILED)

        assert Decision(DAY, JOB, "replace", f"failed, {JOB}-1f2e3d4c; Job failed") == told


class TestPast:
    """The guard against looking ahead."""

    def test_today_is_the_last_date_that_can_be_run(self) -> None:
        """Its list may be due already."""
        require_past(DAY, DAY, today=DAY)

    @pytest.mark.parametrize(
        ("first", "last", "told"),
        [
            (DAY, DAY + timedelta(days=1), "--to 2025-12-18 is in the future; today is 2025-12-17 in Asia/Kolkata"),
            (DAY, DAY - timedelta(days=1), "--from 2025-12-17 is after --to 2025-12-16"),
        ],
    )  # fmt: skip
    def test_other_spans_are_refused(self, first: date, last: date, told: str) -> None:
        """With the date that is wrong."""
        with pytest.raises(BadInput, match=told):
            require_past(first, last, today=DAY)


class TestPlanned:
    """What is said before anything is done."""

    def test_a_line_a_session_and_what_would_do_more(self) -> None:
        """The whole plan, also of what is left alone."""
        lines = planned([decision(0), decision(1, "leave")], Reprocess.NONE)

        assert [
            "DATE        ACTION  JOB             THERE IS",
            "2025-12-17  run     job-2025-12-17  no run",
            "2025-12-18  leave   job-2025-12-18  no run",
            "1 of 2 sessions get a run (--reprocess failed repeats failed ones, --reprocess completed also those that are done)",
        ] == lines  # fmt: skip

    def test_holidays_only(self) -> None:
        """Nothing to do is no error."""
        assert ["no session in these days"] == planned([], Reprocess.NONE)
        assert "1 of 1 sessions get a run" == planned([decision()], Reprocess.COMPLETED)[-1]


class Shop:
    """Jobs that take as many looks as they are told, and what was asked of them."""

    def __init__(self, looks: Mapping[str, int], ends: Mapping[str, JobState] | None = None) -> None:
        self._looks = dict(looks)
        self._ends = dict(ends or {})
        self.active: set[str] = set()
        self.most = 0
        self.pauses = 0

    def start(self, decision: Decision) -> None:
        """Begin one."""
        self.active.add(decision.job)
        self.most = max(self.most, len(self.active))

    def states(self, names: Sequence[str]) -> dict[str, JobState]:
        """One look at each; a Job that ends in `gone` is not there any more."""
        found: dict[str, JobState] = {}
        for name in names:
            self._looks[name] -= 1
            end = self._ends.get(name, "complete")
            if self._looks[name] > 0:
                found[name] = "running"
            else:
                self.active.discard(name)
                if end != "running":
                    found[name] = end
        return found

    def pause(self) -> None:
        """Counted, not waited."""
        self.pauses += 1


class TestWorkThrough:
    """The loop, with Jobs whose time is told in looks."""

    @pytest.mark.parametrize("most", [1, 2, 3, 9])
    def test_never_more_than_allowed_and_all_of_them(self, most: int) -> None:
        """In order; each is told when it begins and when it ends."""
        todo = [decision(number) for number in range(5)]
        shop = Shop({each.job: 1 + number % 3 for number, each in enumerate(todo)})

        told = list(work_through(todo, shop, most=most, pause=shop.pause))

        assert todo == [each for each, ended in told if ended is None]
        assert sorted(each.day for each in todo) == sorted(each.day for each, ended in told if ended)
        assert min(most, 5) == shop.most
        assert set() == shop.active

    def test_it_pauses_only_while_nothing_happens(self) -> None:
        """One that ends makes room at once."""
        shop = Shop({decision(0).job: 4, decision(1).job: 1})

        list(work_through([decision(0), decision(1)], shop, most=1, pause=shop.pause))

        assert 3 == shop.pauses

    def test_one_that_failed_or_is_gone_ends_too(self) -> None:
        """The others go on."""
        todo = [decision(number) for number in range(3)]
        ends: dict[str, JobState] = {todo[0].job: "failed", todo[1].job: "running"}
        shop = Shop({each.job: 1 for each in todo}, ends)

        told = list(work_through(todo, shop, most=3, pause=shop.pause))

        assert ["failed", "gone", "complete"] == [ended for _, ended in told if ended]


class TestOutcome:
    """The line about a date, from its run and not from the Job's status."""

    def run(self, **facts: Any) -> dict[str, Any]:
        """A run of the Job of the day."""
        run = {"run_id": f"job-{DAY}-1f2e3d4c", "state": "done", "scored": 2012, "skipped": 41, "seconds": 18}
        return {"reason": None, **run, **facts}

    def test_a_run_that_is_done(self) -> None:
        """With its counts."""
        told = outcome(decision(), "complete", self.run())

        assert ("2025-12-17  done: 2,012 scored, 41 without a score in 18 s", True) == told

    def test_a_run_that_failed_says_why(self) -> None:
        """Also where Kubernetes forgot why."""
        told = outcome(decision(), "gone", self.run(state="failed", reason="shard 2 lost"))

        assert ("2025-12-17  failed: shard 2 lost: 2,012 scored, 41 without a score in 18 s", False) == told

    @pytest.mark.parametrize("run_id", [None, "job-2025-12-1", "upper-circuit-batch-29432610-6f1c2b0e"])
    def test_a_run_of_another_job_is_not_taken_for_its_own(self, run_id: str | None) -> None:
        """As when the pods never came so far as to begin one."""
        told = outcome(decision(), "failed", None if run_id is None else self.run(run_id=run_id))

        assert ("2025-12-17  Job job-2025-12-17 is failed, and its run is not on record", False) == told
