"""
The predictor of the peers: what KServe's own XGBoost server (`xgbserver`, 76 lines) does, on the SDK's defaults.

Written out here because xgbserver pins another XGBoost; a `DMatrix` a request and a synchronous `predict` are its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import kserve
import xgboost
from kserve.errors import InferenceError
from kserve.utils.utils import get_predict_input, get_predict_response


class XGBoostModel(kserve.Model):  # type: ignore[misc]  # the SDK has no types
    """One booster."""

    def __init__(self, name: str, model_dir: Path) -> None:
        super().__init__(name)
        self._booster = xgboost.Booster({"nthread": 1}, model_file=str(model_dir / "model.ubj"))
        self.ready = True

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """Probabilities of the first tensor's rows."""
        try:
            rows = xgboost.DMatrix(get_predict_input(payload), nthread=1)
            return get_predict_response(payload, self._booster.predict(rows), self.name)
        except Exception as error:
            raise InferenceError(str(error)) from error


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--model_dir", required=True, type=Path)
    arguments, _ = parser.parse_known_args()
    if arguments.configure_logging:
        kserve.logging.configure_logging(arguments.log_config_file)
    kserve.ModelServer().start([XGBoostModel(arguments.model_name, arguments.model_dir)])


if __name__ == "__main__":
    main()
