"""Tests: the transformer."""
