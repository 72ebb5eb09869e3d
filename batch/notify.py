"""
Telling people that the list is there.

Off unless set up. A mail server or a chat that is away must not cost the morning's run, which is written by then: every
failure here, whatever the libraries call it, ends as one line in the log. Redirects are not followed, secrets are not
sent in the clear, and the address of a webhook, which is itself a secret, reaches no log.
"""

from __future__ import annotations

import http.client
import json
import logging
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import urlsplit

from batch.publishing import INCOMPLETE
from batch.report import BatchReport
from batch.settings import BatchSettings

TIMEOUT_SECONDS = 10.0
MOST_LINES = 20
"""Predictions that one chat message lists."""

log = logging.getLogger(__name__)


class _Refused(http.client.HTTPException):
    """The other side answered, and not with yes."""


def notify(settings: BatchSettings, report: BatchReport, *, timeout: float = TIMEOUT_SECONDS) -> None:
    """Send what is set up: the report by mail, and to the chat the predicted circuits of high confidence.

    The chat hears nothing where there are none, unless stocks are missing: then silence would say too much. A failure is
    logged and nothing else. `timeout` in seconds, for each step of a conversation.
    """
    if settings.notify_email_to:
        _attempt("mail", lambda: _mail(settings, report, timeout))
    is_worth_a_post = any(p.is_sure_lock for p in report.predictions) or _lack(report) is not None
    if settings.slack_webhook_url is not None and is_worth_a_post:
        url = settings.slack_webhook_url.get_secret_value()
        _attempt("chat", lambda: _post(url, _message(report), timeout))


def _attempt(channel: str, send: Callable[[], None]) -> None:
    try:
        send()
    # Whatever it is, the list is written, and an exit code for it would score the market again. The standard library
    # raises ValueError for a password that is not ASCII, and IndexError for some addresses. No stack: it shows secrets.
    except Exception as error:  # noqa: BLE001
        reason = str(error) if isinstance(error, _Refused) else type(error).__name__
        log.warning("notification.failed", extra={"channel": channel, "reason": reason})
    else:
        log.info("notification.sent", extra={"channel": channel})


def _mail(settings: BatchSettings, report: BatchReport, timeout: float) -> None:
    mail = EmailMessage()
    lack = _lack(report)
    mail["Subject"] = f"Upper circuits {report.run_date}: {len(report.locks):,} predicted" + (
        f"; {lack}" if lack else ""
    )
    mail["From"] = settings.notify_email_from
    mail["To"] = ", ".join(settings.notify_email_to)
    mail.set_content(report.text)
    where = (settings.smtp_host, settings.smtp_port)
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(*where, timeout=timeout, context=ssl.create_default_context())
    else:
        server = smtplib.SMTP(*where, timeout=timeout)
    with server:
        if settings.smtp_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_username and settings.smtp_password:
            server.login(settings.smtp_username, settings.smtp_password.get_secret_value())
        server.send_message(mail)


def _lack(report: BatchReport) -> str | None:
    """How much of the list is missing, in words; None: nothing is."""
    return next((aside for aside in report.asides if aside.startswith(INCOMPLETE)), None)


def _message(report: BatchReport) -> str:
    # Without the reasons that the report has: they may name machines, and a chat is somebody else's.
    lack = _lack(report)
    warnings = (*report.notes, *([lack] if lack else []))
    sure = [p for p in report.predictions if p.is_sure_lock]
    lines = [
        f"{rank}. {p.nse_symbol or p.bse_code} {p.company_name or ''} ({p.probability:.2f})"
        for rank, p in enumerate(sure[:MOST_LINES], 1)
    ]
    more = [f"... and {len(sure) - MOST_LINES:,} more"] if len(sure) > MOST_LINES else []
    head = f"Upper circuits {report.run_date}, high confidence: {len(sure):,}"
    return "\n".join([head, *(f"Warning: {warning}" for warning in warnings), *lines, *more])


def _post(url: str, text: str, timeout: float) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        body = json.dumps({"text": text}).encode()
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if not 200 <= answer.status < 300:
            raise _Refused(f"status {answer.status}")
    finally:
        connection.close()
