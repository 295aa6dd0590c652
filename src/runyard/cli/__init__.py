"""The command line: `runyard VERB`. Verbs import what they need when they are called, so that `--help` is quick."""

from runyard.cli.entry import app, main

__all__ = ["app", "main"]
