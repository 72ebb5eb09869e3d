"""Telling people, against a real mail server and a real HTTP server: what they get, and that nothing they do matters."""

from __future__ import annotations

import base64
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string
from typing import Any

import pytest

from batch.notify import notify
from batch.settings import BatchSettings
from tests.factories.batch import prediction
from tests.factories.listeners import MailServer, WebhookServer, listening
from tests.unit.batch.test_report import report

MAIL = {
    "notify_email_to": ("desk@example.com", "head@example.com"),
    "smtp_security": "none",
    "smtp_host": "127.0.0.1",
}

LOGIN = {"smtp_username": "me", "smtp_password": "pass"}

LACK = "the list is incomplete: 15 of 30 stocks are missing"
ASIDES = (
    "no second model was scored: it is not there",
    LACK,
    "shard 1 of 2 is missing (15 stocks), failed: db-7 is away",
)
"""What a report says beside the notes of a run of which a shard was lost."""


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with listening(MailServer()) as server:
        yield server


@pytest.fixture
def webhook() -> Iterator[WebhookServer]:
    """A chat's webhook."""
    with listening(WebhookServer()) as server:
        yield server


def settings(**given: Any) -> BatchSettings:
    """Settings of a command line alone."""
    return BatchSettings(_env_file=None, **given)  # type: ignore[call-arg]


def hook(port: int) -> str:
    """A webhook's address on this machine, with a secret in it as chats have it."""
    return f"http://127.0.0.1:{port}/services/T0/B0/very-secret?to=desk"


def test_the_report_goes_to_every_address(mail: MailServer) -> None:
    """One mail with the report as its text, and how many locks are predicted in the subject."""
    notify(settings(**MAIL, smtp_port=mail.port, notify_email_from="batch@example.com"), report())

    assert ["rcpt to:<desk@example.com>", "rcpt to:<head@example.com>"] == [
        command.lower() for command in mail.commands if command.startswith("rcpt")
    ]
    [text] = mail.messages
    message = message_from_string(text)
    assert "Upper circuits 2025-11-14: 423 predicted" == message["Subject"]
    assert "batch@example.com" == message["From"]
    assert report().text == message.get_payload().replace("\r\n", "\n")


def test_a_login_is_used_where_one_is_set(mail: MailServer) -> None:
    """User and password reach the mail server; without them no login is tried."""
    notify(settings(**MAIL, smtp_port=mail.port, **LOGIN), report())
    notify(settings(**MAIL, smtp_port=mail.port), report())

    logins = [command for command in mail.commands if command.startswith("AUTH")]
    assert ["AUTH PLAIN " + base64.b64encode(b"\0me\0pass").decode()] == logins
    assert 2 == len(mail.messages)


def test_the_chat_gets_predicted_locks_of_high_confidence(webhook: WebhookServer) -> None:
    """Not those that surely do not lock, not the doubtful ones; marks of the run come first."""
    some = (
        prediction("500325", "RELIANCE", "RELIANCE INDUSTRIES LTD", 0.91),
        prediction("543210", None, None, 0.8),
        prediction("500001", "DOUBT", "DOUBTFUL LTD", 0.6),
        prediction("500002", "CALM", "CALM LTD", 0.1),
    )

    notify(settings(slack_webhook_url=hook(webhook.port)), report(predictions=some, notes=("stale prices",)))

    [(path, body)] = webhook.posts
    assert "/services/T0/B0/very-secret?to=desk" == path
    assert [
        "Upper circuits 2025-11-14, high confidence: 2",
        "Warning: stale prices",
        "1. RELIANCE RELIANCE INDUSTRIES LTD (0.91)",
        "2. 543210  (0.80)",
    ] == json.loads(body)["text"].splitlines()


def test_a_long_list_is_cut_and_says_so(webhook: WebhookServer) -> None:
    """127 names are a file, not a message."""
    notify(settings(slack_webhook_url=hook(webhook.port)), report())

    lines = json.loads(webhook.posts[0][1])["text"].splitlines()
    assert 22 == len(lines)
    assert "... and 107 more" == lines[-1]


def test_a_morning_without_sure_locks_posts_nothing(webhook: WebhookServer) -> None:
    """A chat is told of locks, not of their absence."""
    calm = replace(report(), predictions=(prediction("1", probability=0.1),))

    notify(settings(slack_webhook_url=hook(webhook.port)), calm)

    assert [] == webhook.posts


def test_an_incomplete_list_says_so_in_the_subject_and_first_of_all(
    mail: MailServer, webhook: WebhookServer
) -> None:
    """Whoever reads only the subject, or only the chat, must not take a part for the whole; reasons stay in the mail."""
    everywhere = settings(**MAIL, smtp_port=mail.port, slack_webhook_url=hook(webhook.port))

    notify(everywhere, report(asides=ASIDES))

    message = message_from_string(mail.messages[0])
    assert f"Upper circuits 2025-11-14: 423 predicted; {LACK}" == " ".join(message["Subject"].split())
    assert "failed: db-7 is away" in str(message.get_payload())
    text = json.loads(webhook.posts[0][1])["text"]
    assert f"Warning: {LACK}" == text.splitlines()[1]
    assert "db-7" not in text


def test_the_chat_hears_of_an_incomplete_list_without_sure_locks_too(webhook: WebhookServer) -> None:
    """Silence would mean that there are none, which nobody knows of the stocks that are missing."""
    calm = report(predictions=(prediction("1", probability=0.1),), asides=ASIDES)

    notify(settings(slack_webhook_url=hook(webhook.port)), calm)

    [(_, body)] = webhook.posts
    assert [
        "Upper circuits 2025-11-14, high confidence: 0",
        f"Warning: {LACK}",
    ] == json.loads(body)["text"].splitlines()


def test_redirects_are_not_followed(webhook: WebhookServer, caplog: pytest.LogCaptureFixture) -> None:
    """A webhook that sends elsewhere would take the list there."""
    with listening(WebhookServer(307, {"Location": hook(webhook.port)})) as elsewhere:
        notify(settings(slack_webhook_url=hook(elsewhere.port)), report())

    assert [] == webhook.posts
    assert "status 307" == caplog.records[-1].reason  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [403, 500])
def test_a_refusal_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture, status: int) -> None:
    """The run is written by then; the log says what happened, and not to which address."""
    with listening(WebhookServer(status)) as refusing, caplog.at_level(logging.INFO):
        notify(settings(slack_webhook_url=hook(refusing.port)), report())

    assert ["notification.failed"] == [record.message for record in caplog.records]
    assert "very-secret" not in str([record.__dict__ for record in caplog.records])


def test_servers_that_are_away_refuse_or_say_nothing_fail_no_run(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens, somebody refuses, somebody accepts and is silent: one line each, and on."""
    with socket.create_server(("127.0.0.1", 0)) as silent, listening(MailServer(refusing=True)) as refusing:
        port = silent.getsockname()[1]
        notify(settings(**MAIL, smtp_port=port, slack_webhook_url=hook(port)), report(), timeout=0.05)
        notify(settings(**MAIL, smtp_port=refusing.port), report())
    notify(settings(**MAIL, smtp_port=port, slack_webhook_url=hook(port)), report())

    told = [(record.message, record.channel) for record in caplog.records]  # type: ignore[attr-defined]
    failed = "notification.failed"
    assert [(failed, "mail"), (failed, "chat"), (failed, "mail"), (failed, "mail"), (failed, "chat")] == told


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_server_without_encryption_gets_no_mail(
    mail: MailServer, caplog: pytest.LogCaptureFixture, security: str
) -> None:
    """Encryption that was asked for and cannot be had is a failure, not a reason to go without."""
    notify(settings(**{**MAIL, "smtp_security": security}, smtp_port=mail.port), report(), timeout=2)

    assert [] == mail.messages
    assert ["notification.failed"] == [record.message for record in caplog.records]


@pytest.mark.parametrize(
    "odd",
    [
        {**LOGIN, "smtp_password": "pässword"},
        {"notify_email_to": ("=?utf-8?q??=@`a??éa?=",)},
        {"notify_email_from": "batch@bücher.example"},
    ],
    ids=["password", "address", "sender"],
)
def test_what_the_library_cannot_encode_is_a_line_in_the_log(
    mail: MailServer, caplog: pytest.LogCaptureFixture, odd: dict[str, Any]
) -> None:
    """The standard library raises errors of no common kind here; none of them may end a run that is written."""
    notify(settings(**{**MAIL, **odd}, smtp_port=mail.port), report())

    assert [] == mail.messages
    assert [("notification.failed", "mail")] == [
        (record.message, record.channel)  # type: ignore[attr-defined]
        for record in caplog.records
    ]
    assert "pässword" not in str([record.__dict__ for record in caplog.records])
