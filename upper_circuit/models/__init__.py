"""
Models as things with a version, a proof and a score.

A model goes one way: training publishes it into the `registry`, `verification` proves it (files, hash, structure,
fingerprint, golden rows in a process of their own), `scorer` answers with it. Nothing here knows how it was trained.
"""
