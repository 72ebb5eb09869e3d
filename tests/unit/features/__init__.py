"""Tests: the 25 features."""
