"""
`python -m transformer`: the users' API, until told to stop.

Settings are read before kserve is imported, so that a wrong one is told within a second and not after three.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys

from transformer.settings import TransformerSettings
from upper_circuit.settings import SettingsRefused
from upper_circuit.telemetry import logs

USAGE = 2


def main() -> int:
    """Give the exit code: 0 after a signal, 2 when a setting is not allowed."""
    _end_when_told()
    _take_arguments()
    try:
        settings = TransformerSettings.read()
    except SettingsRefused as error:
        sys.stderr.write(f"transformer: {error}\n")
        return USAGE
    logs.configure(settings.log_level)
    if settings.workers > 1:
        from transformer import workers  # noqa: PLC0415  # Gunicorn, which one process does not need

        workers.serve(settings, settings.workers)
    else:
        _serve_alone(settings)
    return 0


def _serve_alone(settings: TransformerSettings) -> None:
    from prometheus_client import REGISTRY  # noqa: PLC0415

    from transformer import app, serving  # noqa: PLC0415

    serving.serve(app.build(settings, metrics=REGISTRY))


def _end_when_told() -> None:
    """Until the server takes signals itself: process 1 of a container otherwise hears none while kserve is imported."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def _take_arguments() -> None:
    """The arguments that KServe's controller gives every transformer; the environment counts more than they do."""
    parser = argparse.ArgumentParser(prog="python -m transformer", description=__doc__)
    parser.add_argument("--predictor_host", help="as PREDICTOR_HOST")
    parser.add_argument("--http_port", help="as API_PORT")
    parser.add_argument("--model_name", help="taken and not used: the model's name is part of the contract")
    given = parser.parse_args()
    is_named = os.environ.get("PREDICTOR_URLS") or os.environ.get("PREDICTOR_HOST")
    if given.predictor_host and not is_named:
        os.environ["PREDICTOR_HOST"] = given.predictor_host
    if given.http_port and not os.environ.get("API_PORT"):
        os.environ["API_PORT"] = given.http_port


if __name__ == "__main__":
    sys.exit(main())
