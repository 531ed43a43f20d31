"""YAML text as a tree: what is kept, what is refused, what is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.document import FILE_BYTES_MAX, Listing, Node, Table, Word, read_document
from proxy.policy.mistakes import Mistakes


def read(text: bytes | str) -> tuple[Table | None, list[str]]:
    mistakes = Mistakes("x.yaml")
    document = read_document(text, mistakes)
    return document, [str(mistake) for mistake in mistakes.found]


def plain(node: Node) -> object:
    if isinstance(node, Word):
        return node.text
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.pairs}


def test_words_stay_as_they_are_written() -> None:
    document, mistakes = read("no: yes\nversion: 1.10\nzero: 0042\nday: 2027-01-01\n")
    assert not mistakes
    assert document is not None
    assert plain(document) == {"no": "yes", "version": "1.10", "zero": "0042", "day": "2027-01-01"}


def test_every_node_knows_its_place() -> None:
    document, _ = read("a:\n  - b\n  - {c: d}\n")
    assert document is not None
    (key, value) = document.pairs[0]
    assert (key.line, key.column) == (1, 1)
    assert isinstance(value, Listing)
    assert [(item.line, item.column) for item in value.items] == [(2, 5), (3, 5)]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~\n", "null\n", b"\xef\xbb\xbf"])
def test_a_file_without_settings_is_empty_and_no_mistake(text: bytes | str) -> None:
    assert read(text) == (None, [])


def test_an_alias_stands_for_what_it_names() -> None:
    document, mistakes = read("a: &x {team: payments}\nb: *x\n")
    assert not mistakes
    assert document is not None
    assert plain(document) == {"a": {"team": "payments"}, "b": {"team": "payments"}}


def test_an_alias_within_itself_is_a_mistake() -> None:
    _, mistakes = read("a: &x [*x]\n")
    assert len(mistakes) == 1
    assert mistakes[0].startswith("x.yaml:1:8: nothing is defined")


def test_a_file_above_the_limit_is_not_read() -> None:
    document, mistakes = read(b"#" * (FILE_BYTES_MAX + 1))
    assert document is None
    assert mistakes == ["x.yaml: the file is larger than 16 MiB"]


def test_a_mistake_in_the_middle_keeps_what_is_around_it() -> None:
    document, mistakes = read("a: 1\na: 2\nb: 3\n")
    assert document is not None
    assert plain(document) == {"a": "1", "b": "3"}
    assert mistakes == ["x.yaml:2:1: 'a' stands twice, first in line 1"]


def test_absent_is_what_has_nothing_behind_its_name() -> None:
    document, _ = read("a:\nb: ~\nc: ''\nd: 'null'\n")
    assert document is not None
    assert [value.absent for _, value in document.pairs if isinstance(value, Word)] == [True, True, False, False]


names = st.text(alphabet="abcdef", min_size=1, max_size=3)
trees = st.recursive(names, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3))


def flow(tree: object) -> str:
    if isinstance(tree, list):
        return "[" + ", ".join(map(flow, tree)) + "]"
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    return str(tree)


@given(st.dictionaries(names, trees, max_size=4))
def test_a_tree_is_read_as_it_was_meant(tree: dict[str, object]) -> None:
    document, mistakes = read(flow(tree))
    assert not mistakes
    assert plain(document) == tree if document else not tree


@given(st.dictionaries(names, st.lists(trees, max_size=4) | st.dictionaries(names, trees, max_size=4), max_size=4))
def test_long_collections_are_handed_over_entry_by_entry_and_nothing_else_changes(tree: dict[str, object]) -> None:
    taken: list[tuple[str | None, object]] = []
    mistakes = Mistakes("x.yaml")
    document = read_document(
        flow(tree), mistakes, {"a": lambda key, value: taken.append((key.text if key else None, plain(value)))}
    )
    assert not mistakes.found
    expected = tree.get("a", [])
    assert taken == (list(expected.items()) if isinstance(expected, dict) else [(None, each) for each in expected])
    rest = plain(document) if document else {}
    assert rest == {**tree, **({"a": type(tree["a"])()} if "a" in tree else {})}


def test_keys_of_a_long_table_are_unique_too() -> None:
    taken: list[str] = []
    mistakes = Mistakes("x.yaml")
    read_document(
        "a:\n  one: 1\n  two: 2\n  one: 3\n", mistakes, {"a": lambda key, _: taken.append(key.text if key else "")}
    )
    assert taken == ["one", "two"]
    assert [str(mistake) for mistake in mistakes.found] == ["x.yaml:4:3: 'one' stands twice, first in line 2"]


def test_a_long_collection_under_another_name_is_kept() -> None:
    taken: list[object] = []
    document = read_document("b: {a: [1, 2]}\n", Mistakes("x"), {"a": lambda _, value: taken.append(value)})
    assert document is not None
    assert plain(document) == {"b": {"a": ["1", "2"]}}
    assert not taken


@given(st.text(max_size=200))
def test_any_text_is_read_or_explained(text: str) -> None:
    document, mistakes = read(text)
    assert document is None or isinstance(document, Table)
    assert all(line.startswith("x.yaml") for line in mistakes)
