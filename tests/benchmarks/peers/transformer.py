"""
A transformer on the KServe SDK, as its documentation shows one: `preprocess`, the SDK's own hop, `postprocess`.

The request is the one our transformer takes on the same path: `bse_code` and `prediction_date` as BYTES.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import kserve
import numpy as np
from kserve import InferInput, InferOutput, InferRequest, InferResponse


class StockTransformer(kserve.Model):  # type: ignore[misc]  # the SDK has no types
    """From stock codes to scores."""

    def __init__(self, name: str, stocks: Any, *, binary: bool) -> None:
        super().__init__(name)
        self._stocks = stocks
        self._binary = binary
        self.ready = True

    def preprocess(self, payload: InferRequest, headers: Any = None) -> InferRequest:  # noqa: ARG002
        """Codes to features."""
        codes, dates = (tensor.data for tensor in payload.inputs)
        rows = np.stack([self._stocks.row(code, dates[0]) for code in codes])
        features = InferInput("features", list(rows.shape), "FP32")
        features.set_data_from_numpy(rows, binary_data=self._binary)
        return InferRequest(self.name, [features], request_id=payload.id)

    def postprocess(self, result: InferResponse, headers: Any = None, response_headers: Any = None) -> Any:  # noqa: ARG002
        """Scores to the tensors that callers know."""
        [output] = result.outputs
        probability = output.as_numpy().astype(np.float32)
        label = (probability >= 0.5).astype(np.int32)
        made = []
        for name, datatype, values in (("probability", "FP32", probability), ("label", "INT32", label)):
            tensor = InferOutput(name, list(values.shape), datatype)
            tensor.set_data_from_numpy(values, binary_data=False)
            made.append(tensor)
        return InferResponse(result.id, self.name, made)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--features", required=True, choices=["numpy", "pandas"])
    parser.add_argument("--database", required=True, type=Path)
    arguments, _ = parser.parse_known_args()
    if arguments.configure_logging:
        kserve.logging.configure_logging(arguments.log_config_file)
    if arguments.features == "numpy":
        from tests.benchmarks.peers.stock_numpy import Stocks
    else:
        from tests.benchmarks.peers.stock_pandas import Stocks  # type: ignore[assignment]
    model = StockTransformer(
        arguments.model_name,
        Stocks(arguments.database),
        binary=arguments.predictor_protocol == "grpc-v2",
    )
    kserve.ModelServer().start([model])


if __name__ == "__main__":
    main()
