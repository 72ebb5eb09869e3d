"""Tests: the predictor."""
