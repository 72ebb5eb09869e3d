"""Tests: the protocol."""
