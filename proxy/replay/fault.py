"""Faults: why a replay can't be run."""


class FactsError(Exception):
    """The facts can't be replayed. The message says why, for whoever asked."""
