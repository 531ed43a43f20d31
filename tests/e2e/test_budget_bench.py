"""Many clients on one cap, in real processes: the bench, shorter."""

import argparse
import asyncio
from decimal import Decimal
from pathlib import Path

from bench.budgets import held_to, played


def test_no_client_gets_anything_above_the_cap(tmp_path: Path) -> None:
    """Streams, hang-ups and whole answers at once, until everybody is refused; without a ledger."""
    asked = argparse.Namespace(clients=12, cap="0.05", seed=1, alone=True)
    witness, clients, enforced = asyncio.run(played(asked, tmp_path))
    assert held_to(witness, enforced), (witness.peak, witness.cap, witness.held, enforced, witness.spent)
    # Else nothing was tried.
    assert witness.refused[400] >= 12
    assert len(witness.settled) > 12
    assert clients.ended["status 200"] > 12
    assert Decimal(witness.spent) > Decimal(witness.cap) / 4
