"""
What a person or a chart may set, read once at the start.

The only place of the predictor that knows environment variables. A wrong value stops the start with one line that
names it; a predictor that guesses would serve another model than the one meant.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from upper_circuit.models.asked import PreferredVersion
from upper_circuit.settings import Settings

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+) ?([KMG]?)(i?B)?", value.strip(), re.IGNORECASE)
    if match is None:
        raise ValueError("a number of bytes is allowed, also as 512M or 1G")
    return int(match[1]) * _UNITS[match[2].upper()]


class PredictorSettings(Settings):
    """What the predictor reads from the environment."""

    model_registry_path: Path = Path("data/models")
    """Root folder of the model registry."""
    preferred_model_version: PreferredVersion = None
    """Model version such as 1.3.0 that is served whatever is promoted; unset or `latest`: the promoted one."""
    model_strict: bool = False
    """True: the version asked for or none. Such a process never gets ready when that version is damaged."""
    model_memory_limit: Annotated[int, BeforeValidator(_bytes), Field(ge=1 << 20)] = 1 << 30
    """Bytes one model may take (also 512M, 1G); a larger one is refused like a damaged one."""
    model_load_before_ready: bool = False
    """True: load at the start and be ready afterwards (in Kubernetes). False: load at the first request."""
    predictor_listen_host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 in a container."""
    predictor_port: int = Field(default=8080, ge=1, le=65535)
    """TCP port to listen on."""
    predictor_drain_seconds: float = Field(default=1.0, ge=0, le=20)
    """After SIGTERM, seconds of not being ready while requests are still taken: time to be seen and left alone."""
    admin_token: SecretStr | None = None
    """Bearer token of the reload route; unset: reloading is off."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe lines that are logged."""
    log_dir: Path | None = None
    """Folder of model_load_errors.log, made where missing; unset: those lines go to stderr only."""
