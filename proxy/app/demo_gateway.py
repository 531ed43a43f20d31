"""The gateway of `outlay demo`: the real one, under a clock that plays the past weeks first."""

import sys

from proxy.adapters.clock_played import played_clock
from proxy.app.gateway import main

if __name__ == "__main__":
    begin_s, start_s, play_s = map(float, sys.argv[1:])
    sys.exit(main(played_clock(begin_s, start_s, play_s)))
