"""
`python -m predictor`: serve the model of a registry until told to stop.

Settings are read before kserve is imported, so that a wrong one is told within a second and not after three.
"""

from __future__ import annotations

import logging
import os
import signal
import sys

from predictor.settings import PredictorSettings
from upper_circuit.settings import SettingsRefused
from upper_circuit.telemetry import logs

USAGE = 2
ERROR_LOG = "model_load_errors.log"


def main() -> int:
    """Give the exit code: 0 after a signal, 2 when a setting is not allowed."""
    _end_when_told()
    try:
        settings = PredictorSettings.read()
        logs.configure(settings.log_level)
        _also_to_file(settings)
    except SettingsRefused as error:
        sys.stderr.write(f"predictor: {error}\n")
        return USAGE

    from prometheus_client import REGISTRY  # noqa: PLC0415
    from stamina import instrumentation  # noqa: PLC0415

    from predictor import app, serving  # noqa: PLC0415

    instrumentation.set_on_retry_hooks([instrumentation.LoggingOnRetryHook])
    predictor = app.build(settings, metrics=REGISTRY)
    serving.serve(predictor)
    if predictor.keeper.loading:
        # A verification may take a minute, and at its end the interpreter would wait for that thread.
        logging.shutdown()
        os._exit(0)
    return 0


def _end_when_told() -> None:
    """Until the server takes signals itself: process 1 of a container otherwise hears none while kserve is imported."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def _also_to_file(settings: PredictorSettings) -> None:
    """Why models were not loaded, beside stderr in a file that outlives the process."""
    if settings.log_dir is None:
        return
    try:
        settings.log_dir.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(settings.log_dir / ERROR_LOG, encoding="utf-8")
    except OSError as error:
        raise SettingsRefused(f"LOG_DIR={str(settings.log_dir)!r} is not allowed: {error}") from error
    handler.setLevel(logging.ERROR)
    handler.setFormatter(logging.getLogger().handlers[0].formatter)
    logging.getLogger("upper_circuit.models.loader").addHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
