"""
What transformer and predictor agree on: names, types, shapes, limits, paths.

Each stands here once. A tensor that is called one thing in one program and another in the other is found by users,
since either side's own tests are content with its own name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MODEL_NAME = "upper-circuit"
"""Of transformer and predictor: KServe's hop wants one name on both sides."""

INFER_PATH = f"/v2/models/{MODEL_NAME}/infer"
READY_PATH = f"/v2/models/{MODEL_NAME}/ready"
RELOAD_PATH = f"/v2/models/{MODEL_NAME}/reload"
"""POST with a bearer token, on the predictor: take the version that is promoted now."""
BINS_PATH = f"/v2/models/{MODEL_NAME}/bins"
"""Where a predictor tells how everything was spread when the model that answers was trained."""
REGISTRY_PATH = f"/v2/models/{MODEL_NAME}/registry"
"""GET, on the predictor: the manifests of every version, and which one answers."""

HEADER_LENGTH = "inference-header-content-length"
"""Header of the binary extension: bytes of JSON at the head of the body, raw tensors follow."""
CORRELATION_ID = "x-correlation-id"
CORRELATION_IDS = "x-correlation-ids"
"""Of the requests whose rows travel in a call, with commas, so that its log line is found from each of them."""
TRACEPARENT = "traceparent"

MOST_ROWS = 4096
MOST_EXPLAINED = 128
"""Rows of one request with contributions: each costs some milliseconds, a plain one some microseconds."""
MOST_BYTES = 4 << 20
"""Of a body; 4,096 rows of 25 features take 2 MB as JSON, 0.4 MB raw."""


class Datatype(StrEnum):
    """The protocol's tensor types that we speak."""

    FP32 = "FP32"
    INT32 = "INT32"
    BYTES = "BYTES"
    """Text in UTF-8."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor both sides know; -1 in `shape` is any number of rows."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def metadata(self) -> dict[str, object]:
        """As the protocol's model metadata has it."""
        return {"name": self.name, "datatype": self.datatype.value, "shape": list(self.shape)}


FEATURE_COUNT = 25

FEATURES = TensorSpec("features", Datatype.FP32, (-1, FEATURE_COUNT))
"""Columns in the order of `upper_circuit.features.FEATURE_NAMES`; NaN (null in JSON) is missing."""
PROBABILITY = TensorSpec("probability", Datatype.FP32, (-1,))
"""Calibrated."""
CONTRIBUTIONS = TensorSpec("contributions", Datatype.FP32, (-1, FEATURE_COUNT + 1))
"""SHAP values in log-odds, the base value last; a row sums to its margin."""
MARGIN = TensorSpec("margin", Datatype.FP32, (-1,))
"""Log-odds before calibration."""

BSE_CODE = TensorSpec("bse_code", Datatype.BYTES, (-1,))
PREDICTION_DATE = TensorSpec("prediction_date", Datatype.BYTES, (-1,))
"""ISO dates, one a row or one for all rows."""
LABEL = TensorSpec("label", Datatype.INT32, (-1,))
CONFIDENCE = TensorSpec("confidence", Datatype.BYTES, (-1,))

PREDICTOR_INPUTS = (FEATURES,)
PREDICTOR_OUTPUTS = (PROBABILITY, CONTRIBUTIONS, MARGIN)
TRANSFORMER_INPUTS = (BSE_CODE, PREDICTION_DATE)
TRANSFORMER_OUTPUTS = (PROBABILITY, LABEL, CONFIDENCE)

FINGERPRINT = "feature_fingerprint"
"""Request parameter, required: which formulas made the features."""
EXPLAIN = "contributions"
"""Request parameter, bool: answer `contributions` and `margin` too."""
REQUESTED_VERSION = "requested_version"
"""Response parameter: the version that should have answered."""
FALLBACK_BECAUSE = "fallback_because"
"""Response parameter, only where another version than the requested one answered: why."""
