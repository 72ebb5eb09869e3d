"""Revisions of the market half, in order."""
