"""Members put into JSON texts, and taken out, with every other byte as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.tools.json_text import DEPTH_MAX, BrokenError, drop, get, parsed, put

NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
TABLES = st.dictionaries(NAMES, VALUES, max_size=5)
LAYOUTS = st.sampled_from(
    [{}, {"indent": 2}, {"indent": 4}, {"indent": "\t"}, {"separators": (",", ":")}, {"ensure_ascii": False}]
)

COMMENTED = """// mine
{
  "a": 1, // one
  /* a block */
  "url": "http://x//y", // not a comment inside
  "t": {"k": [1, 2,], },
}
"""


@given(TABLES, LAYOUTS)
def test_what_json_reads_is_read_the_same(table, layout):
    assert parsed(json.dumps(table, **layout)) == table


@given(TABLES, LAYOUTS, st.lists(NAMES, min_size=1, max_size=3), VALUES)
def test_putting_sets_one_member_and_changes_no_other(table, layout, path, value):
    text = json.dumps(table, **layout)
    wanted = json.loads(text)
    here = wanted
    for name in path[:-1]:
        here = here.setdefault(name, {}) if isinstance(here, dict) else None
        if not isinstance(here, dict):
            with pytest.raises(BrokenError):
                put(text, path, value)
            return
    there = path[-1] in here
    here[path[-1]] = value
    after = put(text, path, value)
    assert json.loads(after) == wanted
    if not there:
        assert json.loads(drop(after, path)) == {**json.loads(text), **_parents(json.loads(text), path)}


def _parents(table, path):
    """What stays of a member that was taken out again: the tables on the way to it."""
    top = {path[0]: table.get(path[0], {})} if len(path) > 1 else {}
    here = top
    for name in path[:-1]:
        here = here.setdefault(name, {})
    return top


def test_comments_and_trailing_commas_stay():
    after = put(put(COMMENTED, ["b"], {"x": 1}), ["a"], 2)
    assert after == COMMENTED.replace('"a": 1', '"a": 2').replace(
        '"t": {"k": [1, 2,], },', '"t": {"k": [1, 2,], },\n  "b": {\n    "x": 1\n  },'
    )
    assert drop(put(COMMENTED, ["b"], 1), ["b"]) == COMMENTED
    assert drop(COMMENTED, ["a"]) == COMMENTED.replace('\n  "a": 1,', "")
    assert parsed(drop(COMMENTED, ["t"])) == {"a": 1, "url": "http://x//y"}


@pytest.mark.parametrize("text", ['{"a": 1}', '{\n\t"a": 1\n}\n', '{\r\n  "a": 1\r\n}', '{"a":{"b":[]}}', "\ufeff{\n}"])
def test_a_new_member_is_laid_out_like_the_file(text):
    after = put(text, ["n", "m"], True)
    assert get(after, ["n", "m"]) == (True, True)
    assert ("\r\n" in after) == ("\r\n" in text)
    assert "\n" not in after.replace("\r\n", "") if "\r\n" in text else True
    assert drop(put(text, ["n"], True), ["n"]).split() == text.split()


def test_the_last_of_two_members_of_a_name_counts():
    assert get('{"a": 1, "a": 2}', ["a"]) == (True, 2)
    assert put('{"a": 1, "a": 2}', ["a"], 3) == '{"a": 1, "a": 3}'


def test_an_empty_file_becomes_a_table():
    assert put("", ["a", "b"], 1) == '{\n  "a": {\n    "b": 1\n  }\n}\n'
    assert get("{}", ["a"]) == (False, None)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{\n"a": 1\n"b": 2}', 3),
        ('{\n"a" 1}', 2),
        ("{\n\n", 3),
        ('{"a": }', 1),
        ('{"a": [1 2]}', 1),
        ("{a: 1}", 1),
        ("{} {}", 1),
        ('{"a": "\\q"}', 1),
        ('{"a": "x\n"}', 1),
        ("[" * (DEPTH_MAX + 2), 1),
        ("<<<<<<< HEAD\n{}", 1),
        ("", 1),
    ],
)
def test_what_is_broken_is_named_by_its_line(text, line):
    with pytest.raises(BrokenError) as raised:
        parsed(text)
    assert raised.value.line == line


def test_a_value_in_the_way_is_no_table():
    with pytest.raises(BrokenError, match="env is no table"):
        put('{"env": 1}', ["env", "X"], "y")
