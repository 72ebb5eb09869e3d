"""
How every program reads what a person or a chart has set: environment and `.env`, once, at the start.

Kept here once, since each program has settings of its own but all of them must refuse a wrong value in the same one
line, and none may ever show a secret: neither in that line nor in the line that says what it was started with.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from upper_circuit.errors import BadInput
from upper_circuit.market.location import POSTGRESQL


class SettingsRefused(BadInput):
    """A setting has a value that is not allowed; the text names variable, value and what is allowed."""


def _postgresql(url: SecretStr) -> SecretStr:
    from sqlalchemy import make_url  # noqa: PLC0415  # the predictor reads settings too, and has no database

    told = "postgresql://user:password@host:port/database is allowed (unset: the SQLite files in FEATURE_DBS_PATH)"
    if not url.get_secret_value().startswith(POSTGRESQL):
        raise ValueError(told)
    try:
        make_url(url.get_secret_value())
    except ValueError:  # a port that is no number; its text may have the password in it
        raise ValueError(told) from None
    return url


def has_port(url: str) -> bool:
    """Whether what stands for a port in a URL is one, or nothing does."""
    try:
        urlsplit(url).port  # noqa: B018  # read to be checked
    except ValueError:
        return False
    return True


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgresql)]
"""Where a PostgreSQL is, with the password in it."""


class Settings(BaseSettings):
    """Environment variables of the fields' names in capitals, also from `.env`; an empty one counts as unset."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, use_attribute_docstrings=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the library calls it so
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # no program has such files
    ) -> tuple[Any, ...]:
        """As ever, but a variable that is set to nothing counts as unset also where `.env` has a line of its name."""
        given = {name.lower() for name in os.environ}

        def dotenv() -> dict[str, Any]:
            return {name: value for name, value in dotenv_settings().items() if name.lower() not in given}

        return init_settings, env_settings, dotenv

    @classmethod
    def read(cls, **given: Any) -> Self:
        """From environment and `.env`; SettingsRefused, in one line, when a value is not allowed.

        `given` are values of a command line, which go before; None is none.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False)
            raise SettingsRefused(
                "; ".join(cls._fault(fault["loc"], fault["input"], fault["msg"]) for fault in faults)
            ) from None

    @classmethod
    def _fault(cls, loc: tuple[int | str, ...], value: object, message: str) -> str:
        told = message.removeprefix("Value error, ")
        if not loc:
            return told  # of several settings together: it names them itself
        name = str(loc[0])
        shown = "'...'" if _is_secret(cls.model_fields[name].annotation) else repr(value)
        return f"{name.upper()}={shown} is not allowed: {told[0].lower()}{told[1:]}"


class MarketSettings(Settings):
    """Where market and predictions are: a folder of SQLite files, or a PostgreSQL."""

    feature_dbs_path: Path = Path("data/db")
    """Folder of market.db and predictions.db (SQLite)."""
    database_url: DatabaseUrl | None = None
    """A postgresql:// URL; takes the place of the folder."""

    @property
    def database(self) -> str | Path:
        """What `Database.at` takes."""
        return self.database_url.get_secret_value() if self.database_url else self.feature_dbs_path


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))
