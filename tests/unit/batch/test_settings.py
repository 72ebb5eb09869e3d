"""Settings: the users' names, what is refused, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.extraction import default_workers
from batch.settings import BatchSettings
from upper_circuit.settings import SettingsRefused


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder without .env, and none of our variables in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in BatchSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path


def test_nothing_is_sent_anywhere_unless_set_up() -> None:
    """Notifications are off by default."""
    settings = BatchSettings.read()

    assert ((), None) == (settings.notify_email_to, settings.slack_webhook_url)


def test_there_is_always_a_worker() -> None:
    """One less than the CPUs, and one where there is one CPU."""
    assert default_workers() >= 1
    assert BatchSettings.read().batch_workers == default_workers()


def test_variables_go_before_the_file_and_the_command_line_before_both(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.env` is read; a variable overrules it; an option overrules the variable."""
    (nowhere / ".env").write_text("OUTPUT_DIR=from_file\nBATCH_WORKERS=2\nLOG_LEVEL=ERROR\n")
    monkeypatch.setenv("BATCH_WORKERS", "3")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    settings = BatchSettings.read(log_level="DEBUG", output_dir=None)

    assert (Path("from_file"), 3, "DEBUG") == (
        settings.output_dir,
        settings.batch_workers,
        settings.log_level,
    )


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and charts set empty strings for what is not set."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("BATCH_MIN_PRICE_SHARE", "")

    settings = BatchSettings.read()

    assert (Path("data/db"), 0.9) == (settings.database, settings.batch_min_price_share)


def test_a_database_url_takes_the_place_of_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL and FEATURE_DBS_PATH both set: the URL."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody:secret@host/market")

    settings = BatchSettings.read()

    assert "postgresql://somebody:secret@host/market" == settings.database
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("BATCH_WORKERS", "many", "BATCH_WORKERS='many' is not allowed: input should be a valid integer"),
        (
            "BATCH_WORKERS",
            "0",
            "BATCH_WORKERS='0' is not allowed: input should be greater than or equal to 1",
        ),
        ("BATCH_MIN_PRICE_SHARE", "90", "less than or equal to 1"),
        ("LOG_LEVEL", "loud", "input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("PREFERRED_MODEL_VERSION", "v1", "three numbers with dots such as 1.3.0"),
        ("DATABASE_URL", "mysql://me:secret@host/db", "DATABASE_URL='...' is not allowed: postgresql://"),
        ("NOTIFY_EMAIL_TO", "a@b.example, nobody", "'nobody' is no mail address"),
        ("NOTIFY_EMAIL_TO", "a@b.example\r\nBcc: c@d.example", "is no mail address"),
        ("SLACK_WEBHOOK_URL", "http://hooks.example/secret", "https://, or http:// to localhost, is allowed"),
        ("SLACK_WEBHOOK_URL", "https://", "https://, or http:// to localhost, is allowed"),
        ("SLACK_WEBHOOK_URL", "https://hooks.example:secret/", "SLACK_WEBHOOK_URL='...' is not allowed"),
        ("NOTIFY_EMAIL_TO", "desk(all):a@b.example", "is no mail address"),
        (
            "NOTIFY_EMAIL_FROM",
            "the batch",
            "NOTIFY_EMAIL_FROM='the batch' is not allowed: name@host, or Name <name",
        ),
        ("NOTIFY_EMAIL_FROM", "A <a@b.example>\r\nBcc: c@d.example", "NOTIFY_EMAIL_FROM="),
        (
            "SMTP_HOST",
            "mail..example",
            "SMTP_HOST='mail..example' is not allowed: the name or IP address of a host",
        ),
        ("SMTP_HOST", "mail.example:25", "its port is SMTP_PORT"),
        ("SMTP_HOST", "smtps://mail.example", "SMTP_HOST='smtps://mail.example' is not allowed"),
        ("SMTP_HOST", "a" * 64, "the name or IP address of a host is allowed"),
        ("SMTP_PORT", "70000", "less than or equal to 65535"),
        ("OTHER_MODEL_VERSION", "latest", "three numbers with dots such as 1.3.0 are allowed"),
        ("BATCH_SHARDS", "0", "greater than or equal to 1"),
        ("JOB_COMPLETION_INDEX", "-1", "greater than or equal to 0"),
        ("BATCH_JOB_NAME", "batch-2025-12-17", "without BATCH_JOB_UID: both or none are allowed"),
    ],
)
def test_a_wrong_value_is_one_line_with_name_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """A start with a wrong setting ends with a sentence, which never shows a secret."""
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsRefused) as caught:
        BatchSettings.read()

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_is_never_sent_in_the_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unencrypted mail connection is for a server on this machine."""
    monkeypatch.setenv("NOTIFY_EMAIL_TO", "desk@example.com")
    monkeypatch.setenv("SMTP_SECURITY", "none")
    monkeypatch.setenv("SMTP_HOST", "mail.example.com")

    with pytest.raises(SettingsRefused, match=r"SMTP_SECURITY='none' with SMTP_HOST='mail\.example\.com'"):
        BatchSettings.read()

    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    assert "127.0.0.1" == BatchSettings.read().smtp_host


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_HOST", "mail.example."),
        ("SMTP_HOST", "mail_server"),
        ("SMTP_HOST", "mail.bücher.example"),
        ("SMTP_HOST", "192.0.2.1"),
        ("SMTP_HOST", "fe80::1%eth0"),
        ("NOTIFY_EMAIL_FROM", "batch+morning@desk.example"),
        ("NOTIFY_EMAIL_FROM", "The morning's list <batch@desk.example>"),
    ],
)
def test_every_host_and_sender_that_works_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A rule that refuses what mail servers take would cost a morning for nothing."""
    monkeypatch.setenv(name, value)

    assert value == getattr(BatchSettings.read(), name.lower())


def test_a_login_without_a_password_is_refused_where_mail_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be left out in silence, and the server refuse the mail at seven in the morning."""
    monkeypatch.setenv("SMTP_USERNAME", "batch")
    assert "batch" == BatchSettings.read().smtp_username

    monkeypatch.setenv("NOTIFY_EMAIL_TO", "desk@example.com")
    with pytest.raises(SettingsRefused, match="SMTP_USERNAME='batch' without SMTP_PASSWORD: both or none"):
        BatchSettings.read()

    monkeypatch.setenv("SMTP_PASSWORD", "pass")
    assert BatchSettings.read().notifies


def test_two_slots_have_two_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same model twice in one pass would be compared with itself."""
    monkeypatch.setenv("PREFERRED_MODEL_VERSION", "1.3.0")
    monkeypatch.setenv("OTHER_MODEL_VERSION", "1.3.0")

    with pytest.raises(
        SettingsRefused, match=r"OTHER_MODEL_VERSION='1\.3\.0' is PREFERRED_MODEL_VERSION too"
    ):
        BatchSettings.read()


@pytest.mark.parametrize(
    ("pod", "folder", "output"),
    [
        (False, None, Path("data/predictions")),
        (False, "claim", Path("claim")),
        (True, None, None),
        (True, "", None),
        (True, "claim", Path("claim")),
    ],
)
def test_a_pod_writes_files_only_where_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, pod: bool, folder: str | None, output: Path | None
) -> None:
    """Its disk is read-only and gone tomorrow; an empty variable takes back the image's own folder."""
    if pod:
        monkeypatch.setenv("BATCH_JOB_NAME", "batch-2025-12-17")
        monkeypatch.setenv("BATCH_JOB_UID", "0f8fad5b")
    if folder is not None:
        monkeypatch.setenv("OUTPUT_DIR", folder)

    assert output == BatchSettings.read().output


def test_the_sweeper_writes_files_only_into_a_folder_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a pod without a Job's name."""
    assert BatchSettings.read().output_of_sweeper is None

    monkeypatch.setenv("OUTPUT_DIR", "claim")

    assert Path("claim") == BatchSettings.read().output_of_sweeper
