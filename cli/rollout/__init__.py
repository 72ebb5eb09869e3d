"""
`upper-circuit rollout`: a new model's way into production, step by step.

Helm and the values of the release do everything; these commands know which value to change next, say so, and refuse
what would hurt. Planning talks to nobody and is a table of sentences; doing prints each command it runs.
"""
