from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.visible import visible


def test_what_can_not_be_seen_is_escaped_wherever_it_stands():
    assert visible({"rows": [{"model": "gpt\u202e4\u200b", "calls": 3}], "note": "café 日本"}) == {
        "rows": [{"model": "gpt\\u202e4\\u200b", "calls": 3}],
        "note": "café 日本",
    }


@given(st.text())
def test_the_result_can_be_printed_and_is_the_same_a_second_time(text):
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)
