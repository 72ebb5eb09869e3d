"""Revisions of the predictions half, in order."""
