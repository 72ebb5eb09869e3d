"""Tests of the batch, part by part."""
