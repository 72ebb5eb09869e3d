"""The `upper-circuit` command: what a person types. A command imports what it needs, so that `--help` answers at once."""
