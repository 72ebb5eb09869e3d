"""Builders of test inputs: each shows only what matters to its test."""
