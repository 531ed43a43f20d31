"""The gateway of `outlay demo`: the real one, under a clock that plays the past weeks first."""

import sys
from pathlib import Path

from proxy.adapters.clock_played import played_clock
from proxy.app.gateway import main

if __name__ == "__main__":
    begin_s, started, play_s = sys.argv[1:]
    sys.exit(main(played_clock(float(begin_s), Path(started), float(play_s))))
