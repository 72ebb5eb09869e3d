"""What both programs agree on agrees with the features and the protocol."""

from __future__ import annotations

from upper_circuit.features import FEATURE_NAMES
from upper_circuit.oip import contract


def test_the_tensor_of_features_is_as_wide_as_the_catalog() -> None:
    """The number stands twice because importing the features would double a predictor's memory at start."""
    assert len(FEATURE_NAMES) == contract.FEATURE_COUNT


def test_contributions_have_one_column_more_for_the_base_value() -> None:
    """XGBoost puts the base value last."""
    assert (-1, len(FEATURE_NAMES) + 1) == contract.CONTRIBUTIONS.shape


def test_the_largest_request_fits_into_the_largest_body_as_json() -> None:
    """A float32 widened to a double prints with at most 24 characters; a comma follows."""
    longest = len("-1.1754943508222875e-38") + 1

    assert contract.MOST_ROWS * contract.FEATURE_COUNT * longest + 1000 < contract.MOST_BYTES


def test_metadata_is_as_the_protocol_writes_it() -> None:
    """Name, datatype and a shape in which -1 is any size."""
    assert {"name": "features", "datatype": "FP32", "shape": [-1, 25]} == contract.FEATURES.metadata()
