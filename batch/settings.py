"""
What a person or a chart may set, read once at the start.

The only place of the batch that knows environment variables. A wrong value stops the start with one line; without
that a misspelt number would mean a default, and the list would be made from another folder than the one meant.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from batch.extraction import default_workers
from upper_circuit.features import MIN_PRICE_SHARE
from upper_circuit.models.asked import OneVersion, PreferredVersion
from upper_circuit.settings import MarketSettings

_HERE = ("localhost", "127.0.0.1", "::1")
_ADDRESS = re.compile(r'[^\s@"(),:;<>\[\]\\]+@[^\s@"(),:;<>\[\]\\]+')
_LONGEST_LABEL = 63
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?")


class BatchSettings(MarketSettings):
    """What the morning run reads from the environment."""

    model_registry_path: Path = Path("data/models")
    """Root folder of the model registry."""
    output_dir: Path = Path("data/predictions")
    """Folder for predictions_{date}.csv, skipped_stocks_{date}.csv and report_{date}.txt; made where missing. A pod
    writes none unless it is set."""
    batch_workers: int = Field(default_factory=default_workers, ge=1, le=64)
    """Processes that compute features. More than there are CPUs only cost memory (about 40 MiB each)."""
    batch_min_price_share: float = Field(default=MIN_PRICE_SHARE, ge=0, le=1)
    """Share (0 to 1) of the stocks traded lately that must have a bar of the session before the run date."""
    preferred_model_version: PreferredVersion = None
    """Model version such as 1.3.0; unset or `latest`: the promoted one."""
    other_model_version: OneVersion | None = None
    """Another version, such as a canary's, to score on the same rows where its features are the same."""
    batch_job_name: str | None = None
    """Name of the Job that this process is a pod of; its end gives the run date. Unset: not a pod."""
    batch_job_uid: str | None = None
    """The Job's UID: a Job that is deleted and made again is another run."""
    job_completion_index: int = Field(default=0, ge=0)
    """Which shard is this pod's; Kubernetes sets it."""
    batch_shards: int = Field(default=1, ge=1, le=1000)
    """Shards of the run: the Job's completions."""
    batch_failures: int = Field(default=0, ge=0)
    """How often pods of this shard have failed before."""
    batch_failures_allowed: int = Field(default=0, ge=0)
    """How often they may fail and be tried again: the Job's backoffLimitPerIndex."""
    batch_run_deadline_seconds: int = Field(default=1800, ge=1)
    """Age at which the sweeper calls a run's open shards lost: the Job's activeDeadlineSeconds."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe lines that are logged."""
    notify_email_to: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses that get the report, with commas between; none: no mail is sent."""
    notify_email_from: str = "upper-circuit@localhost"
    """Sender of that mail: name@host, or Name <name@host>."""
    smtp_host: str = "localhost"
    """Mail server."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    """Its TCP port."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is encrypted; `none` is allowed with a mail server on this machine only."""
    smtp_username: str | None = None
    """Login at the mail server; unset: no login."""
    smtp_password: SecretStr | None = None
    """Password of that login."""
    slack_webhook_url: SecretStr | None = None
    """Where high-confidence predictions are posted; https, or http to this machine. Unset: nothing is posted."""

    @field_validator("notify_email_to", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("notify_email_to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            if not _is_address(address):
                raise ValueError(f"{address!r} is no mail address: name@host is allowed")
        return value

    @field_validator("notify_email_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if not value.isprintable() or not _is_address(parseaddr(value)[1]):
            raise ValueError("name@host, or Name <name@host>, is allowed")
        return value

    @field_validator("smtp_host")
    @classmethod
    def _host(cls, value: str) -> str:
        if not _is_host(value):
            raise ValueError("the name or IP address of a host is allowed, its port is SMTP_PORT")
        return value

    @field_validator("slack_webhook_url")
    @classmethod
    def _webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_safe(value.get_secret_value()):
            raise ValueError("https://, or http:// to localhost, is allowed")
        return value

    @model_validator(mode="after")
    def _two_models_are_two(self) -> Self:
        if self.other_model_version and self.other_model_version == self.preferred_model_version:
            raise ValueError(
                f"OTHER_MODEL_VERSION={self.other_model_version!r} is PREFERRED_MODEL_VERSION too: "
                "another version, or none, is allowed"
            )
        return self

    @model_validator(mode="after")
    def _a_job_has_a_uid(self) -> Self:
        if self.batch_job_name and not self.batch_job_uid:
            raise ValueError(
                f"BATCH_JOB_NAME={self.batch_job_name!r} without BATCH_JOB_UID: both or none are allowed"
            )
        return self

    @model_validator(mode="after")
    def _no_secret_in_the_clear(self) -> Self:
        if self.notify_email_to and self.smtp_security == "none" and self.smtp_host not in _HERE:
            raise ValueError(
                f"SMTP_SECURITY='none' with SMTP_HOST={self.smtp_host!r}: starttls or tls is allowed, "
                "none with localhost only"
            )
        return self

    @model_validator(mode="after")
    def _a_login_has_a_password(self) -> Self:
        if self.notify_email_to and self.smtp_username and not self.smtp_password:
            raise ValueError(
                f"SMTP_USERNAME={self.smtp_username!r} without SMTP_PASSWORD: both or none are allowed"
            )
        return self

    @property
    def output(self) -> Path | None:
        """Where files go; None in a pod for which no folder was set: the ledger has report and CSV."""
        is_set = "output_dir" in self.model_fields_set
        return self.output_dir if is_set or self.batch_job_name is None else None

    @property
    def output_of_sweeper(self) -> Path | None:
        """Where the sweeper writes files; None unless a folder was set."""
        return self.output_dir if "output_dir" in self.model_fields_set else None

    @property
    def notifies(self) -> bool:
        """Whether anybody is to be told."""
        return bool(self.notify_email_to or self.slack_webhook_url)


def _is_address(text: str) -> bool:
    """Whether mail can be sent to it, written as it stands: no names, no quotes, no second line."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None


def _is_host(text: str) -> bool:
    """Whether it can be looked up: a name that a socket can encode, or an IP address."""
    try:
        # Of ASCII only the lengths count, and the codec is no module to import at every start.
        if not text.isascii():
            text.encode("idna")
        elif any(len(label) > _LONGEST_LABEL for label in text.split(".")):
            return False
        return _HOST.fullmatch(text) is not None or bool(ip_address(text))
    except ValueError:  # of either; a UnicodeError is one
        return False


def _is_safe(url: str) -> bool:
    """Whether a URL can be posted to without showing a secret on the way."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a port may be no number
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in _HERE))
