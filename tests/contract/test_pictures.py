"""Pictures of reports: names that callers chose are text in them and nothing else."""

from xml.etree import ElementTree

import pytest

from proxy.adapters.charts_matplotlib import picture
from proxy.ledger.charts import Chart, Series

WILD = (
    "<script>alert(1)</script>",
    '"><svg onload="alert(1)">',
    "]]><!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "&xxe; --> <a href='javascript:alert(1)'>",
    "$\\frac{1}{0}$ \\input{/etc/passwd}",
    "café",
)


@pytest.mark.parametrize("over_time", [False, True])
def test_a_name_in_a_picture_is_text_and_nothing_else(over_time: bool) -> None:
    chart = Chart(
        WILD[0], WILD[1], WILD, (Series(WILD[2], tuple(range(1, 7))), Series(WILD[3], (1,) * 6)), over_time, WILD
    )
    drawn = picture(chart, "svg")
    tree = ElementTree.fromstring(drawn)
    allowed = {"svg", "g", "path", "use", "defs", "style", "text", "rect", "clipPath", "metadata", "title", "tspan"}
    for element in tree.iter():
        name = element.tag.rpartition("}")[2]
        assert name in allowed or element.tag.startswith(
            ("{http://www.w3.org/1999/02/22", "{http://creativecommons", "{http://purl")
        )
        for attribute, value in element.attrib.items():
            assert not attribute.lower().startswith("on")
            assert not attribute.endswith("href") or value.startswith("#")
    said = "".join(tree.itertext())
    assert "<script>alert(1)</script>" in said
    assert "<!ENTITY" not in drawn.decode()
