from io import BytesIO, TextIOWrapper

import pytest
from rich.console import Console

from proxy.cli.charts import draw
from proxy.ledger.charts import spend_chart


def drawn(encoding, by, rows):
    document = {"by": by, "rows": rows, "tz": "UTC", "notes": []}
    document |= {"since": "2026-03-01T00:00:00+00:00", "until": "2026-03-02T00:00:00+00:00"}
    out = TextIOWrapper(BytesIO(), encoding)
    draw(spend_chart(document), Console(file=out, width=60))
    out.flush()
    return out.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("by", [["day", "project"], ["project"]])
def test_bars_are_drawn_and_told_apart_where_the_terminal_has_no_blocks(by):
    rows = [{"day": "2026-03-01", "project": name, "cost_usd": usd} for name, usd in (("a", "6.1"), ("b", "3"))]
    for encoding, first, second in (("ascii", "#", "="), ("latin-1", "#", "="), ("utf-8", "█", "▓")):
        shown = drawn(encoding, by, rows)
        assert first * 10 in shown
        assert (second * 10 in shown) == (by != ["project"])
