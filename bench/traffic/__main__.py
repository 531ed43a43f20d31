"""Makes labelled traffic: `python -m bench.traffic --seed 1 --waste 0.08 --users 200 --days 14 --out DIR/NAME`."""

import argparse
import time
from pathlib import Path

from .plan import HONEST, WASTE, made
from .writing import Spool


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.traffic", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--waste", type=float, default=0.08, help="share of all money, 0 up to 0.9")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument(
        "--out", type=Path, required=True, help="where the files go: a folder and the name they begin with"
    )
    options = parser.parse_args()
    if not 0 <= options.waste <= 0.9 or options.users < 2 or options.days < 1:
        parser.error("--waste from 0 to 0.9, at least 2 users, at least 1 day")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with Spool() as spool:
        company = made(spool, seed=options.seed, waste=options.waste, users=options.users, days=options.days)
        spool.write(options.out, company.kept)
        took_s = time.perf_counter() - start
        patterns = f"{len(HONEST)} honest patterns and {len(WASTE)} strategies"
        print(f"{options.out}: {len(spool)} calls of {patterns} in {took_s:.0f} s")


if __name__ == "__main__":
    main()
