"""
What a person or a chart may set, read once at the start.

The only place of the transformer that knows environment variables. A wrong value stops the start with one line that
names it; a transformer that guesses would answer from another database than the one meant.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from upper_circuit.features import MIN_PRICE_SHARE
from upper_circuit.settings import MarketSettings, has_port


def _parts(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]


class TransformerSettings(MarketSettings):
    """What the transformer reads from the environment."""

    predictor_urls: Texts = ("http://127.0.0.1:8080",)
    """Addresses of the predictor's replicas, with commas between."""
    predictor_host: str | None = None
    """Name of a headless Service, also with :port; every address it resolves to is a replica. Takes the place of
    PREDICTOR_URLS."""
    predictor_deadline_seconds: float = Field(default=1.0, gt=0, le=30)
    """After so long a request is answered with 504. Both tries of a call lie within it."""
    predictor_calls: int = Field(default=4, ge=1, le=64)
    """Calls to predictors under way at most. More than there are predictors to answer them only make small batches."""
    api_listen_host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in a container."""
    api_port: int = Field(default=8000, ge=1, le=65535)
    """TCP port to listen on."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes; more than one are kept by Gunicorn. In Kubernetes 1: scale pods."""
    worker_max_requests: int = Field(default=1_000, ge=1)
    """Answers after which one of several processes makes way for a fresh one; up to a tenth more, not all at once."""
    drain_seconds: float = Field(default=1.0, ge=0, le=20)
    """After SIGTERM, seconds of not being ready while requests are still taken: time to be seen and left alone."""
    connection_seconds: float = Field(default=0, ge=0)
    """After so long the next answer on a connection is its last: clients follow a Service that points elsewhere. 0:
    a connection is kept as long as the client likes."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe lines that are logged; WARNING leaves out the summary line of every request."""
    rate_limit_per_second: int = Field(default=100, ge=0)
    """Requests of one client address; a batch counts once. 0: no limit."""
    redis_url: SecretStr | None = None
    """redis://... counts the requests of all processes together; unset: each process counts its own."""
    trusted_proxies: Texts = ()
    """Networks such as 10.0.0.0/8 whose X-Forwarded-For is believed; none: the peer is the client."""
    cors_origins: Texts = ()
    """Origins such as https://desk.example whose pages may call the API; none by default, never `*`."""
    admin_token: SecretStr | None = None
    """Bearer token of the admin routes, the same as the predictor's; unset: they are off."""
    data_poll_seconds: float = Field(default=10.0, ge=0.05, le=300)
    """How often the database is asked whether the market changed; an answer is at most so much older than it."""
    mornings_kept: int = Field(default=8, ge=1, le=256)
    """Run dates in memory, 1.5 MB each for 11,000 stocks."""
    min_price_share: float = Field(default=MIN_PRICE_SHARE, ge=0, le=1)
    """Share of the stocks traded lately that must have a bar of the session before the date asked for."""
    allow_missing_tables: bool = False
    """True: answer without the features of tables that are not loaded, as the batch's --allow-missing-tables."""

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        url = value.get_secret_value()
        if not url.startswith(("redis://", "rediss://")) or not has_port(url):
            raise ValueError("redis://host:port or rediss://host:port is allowed (unset: counted in memory)")
        return value

    @field_validator("predictor_urls")
    @classmethod
    def _urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("at least one http://host:port is needed")
        for url in value:
            parts = urlsplit(url)
            is_address = parts.scheme in ("http", "https") and parts.hostname and not parts.path.strip("/")
            if not is_address or not has_port(url):
                raise ValueError(f"{url!r} is no address of a predictor: http://host:port is allowed")
        return tuple(url.rstrip("/") for url in value)

    @field_validator("predictor_host")
    @classmethod
    def _host(cls, value: str | None) -> str | None:
        is_name = value is None or re.fullmatch(r"[A-Za-z0-9._-]+(:\d{1,5})?", value)
        if not is_name or not has_port(f"//{value}"):
            raise ValueError("a name, also with :port, is allowed")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"{error}: networks such as 10.0.0.0/8 are allowed") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            exact = f"{parts.scheme}://{parts.netloc}"
            is_exact = parts.scheme in ("http", "https") and parts.hostname and origin == exact
            if not is_exact or "*" in origin or not has_port(origin):
                raise ValueError(f"{origin!r} is no origin: https://host, also with :port, is allowed")
        return value

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """TRUSTED_PROXIES as networks."""
        return tuple(ip_network(network) for network in self.trusted_proxies)
