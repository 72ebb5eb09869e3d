"""`upper-circuit serve`: the online pair on this machine, until Ctrl-C."""

from __future__ import annotations

import json
import signal
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from cli.places import DatabaseOption, RegistryOption, database, registry_path
from upper_circuit.market.location import is_postgresql
from upper_circuit.settings import Settings


class ServeSettings(Settings):
    """What this command needs to know of the programs' own settings."""

    api_port: int = Field(default=8000, ge=1, le=65535)
    """TCP port of the API."""
    log_dir: Path = Path("data/logs")
    """Folder of what the two programs write on stderr, and of model_load_errors.log."""


def serve(
    port: Annotated[int | None, typer.Option(help="Where the API listens [API_PORT, 8000]")] = None,
    logs: Annotated[Path | None, typer.Option(help="Folder of all logs [LOG_DIR, data/logs]")] = None,
    where: DatabaseOption = None,
    registry: RegistryOption = None,
) -> None:
    """Start transformer and predictor, wait until they answer, and say how to ask them. Ctrl-C stops both."""
    from cli.pair import pair
    from upper_circuit.market.calendar import load_calendar
    from upper_circuit.market.master import Master
    from upper_circuit.models.registry import Registry

    settings = ServeSettings.read(api_port=port, log_dir=logs)
    found = database(where)
    models = Registry(registry_path(registry))
    models.latest()  # say now which command is missing, not after half a minute
    calendar = load_calendar(found)
    morning = calendar.next_session(calendar.newest + timedelta(days=1))
    codes = [stock.bse_code for stock in Master.load(found).active()]
    found.dispose()

    signal.signal(signal.SIGTERM, _as_ctrl_c)
    with pair(settings_of(where, models.root), port=settings.api_port, logs=settings.log_dir) as running:
        answer = running.first_answer(codes, morning)
        question = json.dumps({"bse_code": answer["bse_code"], "prediction_date": str(morning)})
        typer.echo(f"{running.url}  (docs: {running.url}/docs, logs: {settings.log_dir}, Ctrl-C stops)")
        typer.echo(
            f"curl -s {running.url}/api/v1/predict -H 'content-type: application/json' -d '{question}'"
        )
        try:
            running.wait()
        except KeyboardInterrupt:
            typer.echo("stopping")


def settings_of(where: str | None, registry: Path) -> dict[str, str]:
    """Database and registry as the two programs read them; what is not given here they take from where we did."""
    settings = {"MODEL_REGISTRY_PATH": str(registry)}
    if where is not None and is_postgresql(where):
        settings["DATABASE_URL"] = where
    elif where is not None:
        settings |= {"FEATURE_DBS_PATH": where, "DATABASE_URL": ""}
    return settings


def _as_ctrl_c(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
