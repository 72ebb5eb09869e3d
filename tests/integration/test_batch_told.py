"""
Who is told of a list, by real processes, a real mail server and a real chat: most of all of one that lacks a part.

Such a list is published by a process that fails itself, and once it is, no sweeper comes back for it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest

from tests.factories import batch as factory
from tests.factories.batch import asked
from tests.factories.batch_processes import BatchProcesses
from tests.factories.listeners import MailServer, WebhookServer, listening

STOCKS = 12
DISK_IS_GONE = (
    "CREATE TRIGGER gone BEFORE INSERT ON daily_predictions BEGIN SELECT RAISE(ABORT, 'disk is gone'); END"
)
LACK = "the list is incomplete: 6 of 12 stocks are missing"


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a small market and a model, and the date to run for."""
    folder = tmp_path_factory.mktemp("little")
    market = factory.market(folder / "db", stocks=STOCKS, sessions=130)
    factory.registry(folder / "models")
    return folder, str(market.run_date)


@pytest.fixture
def folder(little: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the small market that nobody else uses."""
    return Path(shutil.copytree(little[0], tmp_path / "copy"))


@pytest.fixture
def day(little: tuple[Path, str]) -> str:
    """The date to run for."""
    return little[1]


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """The desk's mail server."""
    with listening(MailServer()) as server:
        yield server


@pytest.fixture
def chat() -> Iterator[WebhookServer]:
    """The desk's chat."""
    with listening(WebhookServer()) as server:
        yield server


def told(mail: MailServer, chat: WebhookServer) -> dict[str, str]:
    """The variables that tell both."""
    return {
        "NOTIFY_EMAIL_TO": "desk@example.com",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.port),
        "SMTP_SECURITY": "none",
        "SLACK_WEBHOOK_URL": f"http://127.0.0.1:{chat.port}/hook",
    }


def pod(day: str, shard: int, *, failures: int = 0) -> dict[str, str]:
    """The variables of one of a Job's two pods, whose index has failed so often before and may fail twice."""
    return {
        "BATCH_JOB_NAME": f"batch-{day}",
        "BATCH_JOB_UID": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "BATCH_SHARDS": "2",
        "JOB_COMPLETION_INDEX": str(shard),
        "BATCH_FAILURES": str(failures),
        "BATCH_FAILURES_ALLOWED": "2",
    }


def subjects(mail: MailServer) -> list[str]:
    """What stands over the mails that were sent, each in one line."""
    return [" ".join(str(message_from_string(text)["Subject"]).split()) for text in mail.messages]


def break_disk(folder: Path) -> None:
    """Let nobody write a row any more."""
    connection = sqlite3.connect(folder / "db" / "predictions.db")
    connection.execute(DISK_IS_GONE)
    connection.close()


def test_a_shard_that_fails_for_the_last_time_tells_of_the_list_without_it(
    processes: BatchProcesses, folder: Path, day: str, mail: MailServer, chat: WebhookServer
) -> None:
    """Not at a failure that is tried again; then report, mail and chat at once, and the exit code of the failure."""
    first = processes.run(folder, **pod(day, 0), **told(mail, chat))
    break_disk(folder)
    retried = processes.run(folder, **pod(day, 1), **told(mail, chat))
    before = (len(mail.messages), len(chat.posts))

    last = processes.run(folder, **pod(day, 1, failures=2), **told(mail, chat))

    assert (0, 1, 1) == (first, retried, last)
    assert (0, 0) == before
    [subject] = subjects(mail)
    assert subject.endswith(LACK)
    [(state, report)] = asked(folder / "db", "SELECT state, report FROM runs")
    assert "failed" == state
    assert f"Warning: {LACK}\nWarning: shard 1 of 2 is missing (6 stocks), failed: " in report
    assert 1 == processes.said(folder).count(report)
    [(_, body)] = chat.posts
    assert f"Warning: {LACK}" == json.loads(body)["text"].splitlines()[1]


def test_a_failure_that_ends_the_whole_run_tells_of_what_was_done(
    processes: BatchProcesses, folder: Path, day: str, mail: MailServer, chat: WebhookServer
) -> None:
    """A model that breaks between two pods: exit 43, and the half that there is goes out, marked as a half."""
    assert 0 == processes.run(folder, **pod(day, 0), **told(mail, chat))
    (folder / "models" / "XGBoost" / "1.0.0" / "model.ubj").write_bytes(b"broken")

    code = processes.run(folder, **pod(day, 1), **told(mail, chat))

    assert 43 == code
    [subject] = subjects(mail)
    assert subject.endswith(LACK)
    assert 1 == len(chat.posts)
    assert "batch: model 1.0.0 failed verification" in processes.said(folder)


def test_a_list_that_cannot_be_published_is_a_line_in_the_log_and_left_to_the_sweeper(
    processes: BatchProcesses, folder: Path, day: str, mail: MailServer, chat: WebhookServer
) -> None:
    """The exit code stays that of the shard's own failure; the sweeper then publishes, and tells."""
    no_folder = folder / "file"
    no_folder.write_text("where a folder should be")
    assert 0 == processes.run(folder, **pod(day, 0), **told(mail, chat))
    break_disk(folder)

    code = processes.run(folder, **pod(day, 1, failures=2), **told(mail, chat), OUTPUT_DIR=str(no_folder))
    events = [json.loads(line) for line in processes.said(folder).splitlines() if line.startswith("{")]
    before = list(mail.messages)
    swept = processes.wait(processes.start(folder, program="batch.sweep", **told(mail, chat)))

    assert (1, 0) == (code, swept)
    [event] = [event for event in events if event["event"] == "run.not_published"]
    assert ("error", f"batch-{day}-0f8fad5b") == (event["level"], event["run_id"])
    assert "FileExistsError" in json.dumps(event) or "NotADirectoryError" in json.dumps(event)
    assert [] == before
    [subject] = subjects(mail)
    assert subject.endswith(LACK)


def test_a_run_that_cannot_even_be_given_up_says_so_and_keeps_its_exit_code(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """No schema, so no ledger either: what ended the pod comes last, why nothing is on record before it."""
    shutil.rmtree(folder / "db")

    code = processes.run(folder, **pod(day, 0))

    assert 43 == code
    *before, last = processes.said(folder).splitlines()
    assert ["run.not_given_up"] == [json.loads(line)["event"] for line in before]
    assert last.startswith("batch: database schema is not there")


def test_a_process_of_its_own_tells_of_the_whole_list_and_of_no_list_nothing(
    processes: BatchProcesses, folder: Path, day: str, mail: MailServer, chat: WebhookServer
) -> None:
    """One machine, one shard: a list is whole or there is none, and then the exit code alone tells of it."""
    whole = processes.run(folder, "--date", day, **told(mail, chat))
    sent = len(mail.messages)
    break_disk(folder)
    none = processes.run(folder, "--date", day, **told(mail, chat))

    assert (0, 1) == (whole, none)
    [subject] = subjects(mail)
    assert 1 == sent
    assert "incomplete" not in subject
    assert "run.not_published" not in processes.said(folder)


def test_a_notification_that_cannot_be_sent_fails_no_run(
    processes: BatchProcesses, folder: Path, day: str, mail: MailServer, chat: WebhookServer
) -> None:
    """Exit 0, for all is written: systemd would score the market again."""
    login = {"SMTP_USERNAME": "batch", "SMTP_PASSWORD": "pässword"}

    code = processes.run(folder, "--date", day, **told(mail, chat), **login)

    assert 0 == code
    assert [] == mail.messages
    assert STOCKS == len(factory.predictions(folder / "db"))
    assert '"event": "notification.failed"' in processes.said(folder)
    assert "pässword" not in processes.said(folder)


def test_a_mail_server_that_cannot_exist_ends_the_run_before_it_begins(
    processes: BatchProcesses, folder: Path, day: str
) -> None:
    """A line at the start is seen by whoever sets it up; a line in the log of a morning by nobody."""
    code = processes.run(folder, "--date", day, NOTIFY_EMAIL_TO="desk@example.com", SMTP_HOST="mail..example")

    assert 43 == code
    [line] = processes.said(folder).splitlines()
    assert line.startswith("batch: SMTP_HOST='mail..example' is not allowed: ")
