"""Tests: each says a behaviour in its name and the rule in its docstring."""
