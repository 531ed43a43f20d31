"""Policies that change under load, in real processes: the bench, shorter."""

import argparse
from pathlib import Path

from bench.reload import measure


def test_no_change_of_policies_drops_or_misjudges_a_call(tmp_path: Path) -> None:
    """A model denied, a broken file, a service registered, one misspelt, a budget used up, a copy that pauses."""
    ended, verdict = measure(argparse.Namespace(changes=6, clients=4, seed=1), tmp_path)
    assert verdict.misjudged == ()
    assert verdict.strangers == ()
    assert verdict.ruled > 2
    assert verdict.good(ended), ended
