"""Entries spliced into keys.yaml: everything else keeps its bytes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.model.identity import OwnerKind, Role
from proxy.policy.keys import digest
from proxy.policy.keys_edit import (
    UneditableError,
    entry_lines,
    keys_in,
    moment_text,
    with_expiry,
    with_key,
    with_revoked,
)
from proxy.policy.types import Key

NEW = Key(
    id="k_new",
    hash=digest(b"new"),
    owner="alice",
    owner_kind=OwnerKind.PERSON,
    projects=("checkout", "search"),
    role=Role.FINANCE,
    team="payments",
    expires=datetime(2027, 1, 1, tzinfo=UTC),
)
A, B = digest(b"a"), digest(b"b")

LAYOUTS = {
    "nothing": "",
    "a comment": "# who holds which key\n",
    "a comment without a line's end": "# who",
    "no list": "keys:\n",
    "no list and a comment": "keys:  # none yet\n# the end\n",
    "null": "keys: ~ # none\n",
    "empty brackets": "keys: []   # none yet\n",
    "block": f"keys:\n  - id: k_a\n    hash: {A}   # bob's\n    user: bob\n    projects: [ads]\n\n# the end\n",
    "not indented": f"keys:\n- id: k_a\n  hash: {A}\n  user: bob\n  projects:\n  - ads # trailing\n# the end\n",
    "deeply indented": f"keys:\n     -   id: k_a\n         hash: {A}\n         user: bob\n         projects: [ads]\n",
    "without a line's end": f"keys:\n  - id: k_a\n    hash: {A}\n    user: bob\n    projects: [ads]",
    "braces in a block": f"keys:\n  - {{id: k_a, hash: '{A}', user: bob, projects: [ads]}}  # bob\n  # end\n",
    "braces over lines": f"keys:\n  - {{id: k_a, hash: '{A}',\n     user: bob, projects: [ads],\n    }} # bob\n",
    "one line": f"keys: [{{id: k_a, hash: '{A}', user: bob, projects: [ads]}}]\n",
    "brackets over lines": f"keys: [\n  {{id: k_a, hash: '{A}', user: bob, projects: [ads]}},  # bob\n]\n",
    "braces as a whole": f"{{keys: [{{id: k_a, hash: '{A}', user: bob, projects: [ads]}}]}}\n",
    "empty in braces": "{keys: []}\n",
    "quotes": f"\"keys\":\n  - 'id': \"k_a\"\n    hash: \"{A}\"\n    user: 'bob'\n    projects: ['ads']\n",
    "windows": f"keys:\r\n  - id: k_a\r\n    hash: {A}\r\n    user: bob\r\n    projects: [ads]\r\n",
    "two": f"keys:\n  # first\n  - id: k_a\n    hash: {A}\n    user: bob\n    projects: [ads]\n\n  # second\n"
    f"  - id: k_b\n    hash: {B}\n    user: bob\n    projects: [ads]\n"
    "    expires: 2030-01-01 # later\n    revoked: false\n",
    "other letters": f"# für bób\nkeys:\n  - id: k_a\n    hash: {A}\n    user: bób\n    projects: [größe]\n",
}  # fmt: skip


def lines_of(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def is_subsequence(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(letter in rest for letter in part)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_a_key_is_added_to_a_file_of_any_layout(text: str) -> None:
    edited = with_key(text, NEW)
    assert keys_in(edited) == {**keys_in(text), "k_new": NEW}
    kept = text.replace("[]", "").replace("~", "").replace("keys:  #", "keys: #").replace(":    #", ":   #")
    assert is_subsequence(kept.replace(" ", "").strip(), edited.replace(" ", ""))


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_a_second_key_goes_below_the_first(text: str) -> None:
    second = replace(NEW, id="k_2", hash=digest(b"2"))
    assert list(keys_in(with_key(with_key(text, NEW), second)))[-2:] == ["k_new", "k_2"]


@pytest.mark.parametrize("text", [text for text in LAYOUTS.values() if "k_a" in text])
def test_a_key_is_revoked_in_any_layout_and_no_line_of_others_changes(text: str) -> None:
    edited = with_revoked(text, "k_a")
    assert keys_in(edited) == {**keys_in(text), "k_a": replace(keys_in(text)["k_a"], revoked=True)}
    assert is_subsequence(text, edited)
    assert len(edited) - len(text) < 30


@pytest.mark.parametrize("text", [text for text in LAYOUTS.values() if "k_a" in text])
def test_an_expiry_is_written_in_any_layout(text: str) -> None:
    until = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    edited = with_expiry(text, "k_a", until)
    assert keys_in(edited)["k_a"].expires == until
    assert is_subsequence(text, edited)


def test_settings_that_stand_there_are_replaced_in_their_place() -> None:
    text = LAYOUTS["two"]
    assert with_revoked(text, "k_b") == text.replace("revoked: false", "revoked: true")
    later = with_expiry(text, "k_b", datetime(2027, 1, 1, tzinfo=UTC))
    assert later == text.replace("2030-01-01 #", "2027-01-01 #")


def test_comments_stand_where_they_stood() -> None:
    text = LAYOUTS["block"]
    assert with_key(text, NEW) == text.replace(
        "    projects: [ads]\n", "    projects: [ads]\n" + "".join(f"  {line}\n" for line in entry_lines(NEW))
    )


def test_windows_line_ends_stay() -> None:
    assert all(line.endswith("\r\n") for line in lines_of(with_key(LAYOUTS["windows"], NEW)))


@pytest.mark.parametrize(
    "text",
    [
        "keys: 1\n",
        "keyz: []\n",
        "keys: [\n",
        f"x: &a [{{id: k_a, hash: '{A}', user: bob, projects: [ads]}}]\nkeys: *a\n",
        "- 1\n",
        "{}\n",
    ],
)
def test_a_file_that_can_not_be_edited_safely_is_left_alone(text: str) -> None:
    with pytest.raises(UneditableError):
        with_key(text, NEW)


def test_mistakes_in_the_file_come_with_the_error() -> None:
    with pytest.raises(UneditableError, match="has mistakes") as caught:
        with_key("keys: [{id: k_a}]", NEW)
    assert caught.value.mistakes


def test_an_id_that_is_taken_is_never_written_twice() -> None:
    with pytest.raises(UneditableError):
        with_key(LAYOUTS["block"], replace(NEW, id="k_a"))


@pytest.mark.parametrize("name", ["revoke", "expire"])
def test_an_unknown_id_is_a_key_error(name: str) -> None:
    with pytest.raises(KeyError, match="k_x"):
        with_revoked(LAYOUTS["two"], "k_x") if name == "revoke" else with_expiry(
            LAYOUTS["two"], "k_x", datetime.now(UTC)
        )


owners = st.sampled_from(
    ["alice", "no", "null", "1e3", "2026-01-01", "true", "a@b.example", "0x1f", "bób", "a/b", "1.10"]
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
keys = st.builds(
    Key,
    id=st.from_regex(r"k_[0-9a-f]{8}", fullmatch=True),
    hash=st.binary(min_size=2).map(digest),
    owner=owners,
    owner_kind=st.just(OwnerKind.PERSON),
    projects=st.lists(owners, min_size=1, max_size=3, unique=True).map(tuple),
    role=st.sampled_from(Role),
    team=st.just("") | owners,
    expires=st.none() | moments.map(lambda moment: moment.replace(microsecond=0)),
    revoked=st.booleans(),
)


@settings(max_examples=60)
@given(st.lists(keys, unique_by=(lambda key: key.id, lambda key: key.hash), max_size=5), st.sampled_from(list(LAYOUTS)))
def test_whatever_is_written_is_read_back(entries: list[Key], layout: str) -> None:
    text = LAYOUTS[layout]
    expected = keys_in(text)
    for key in entries:
        text = with_key(text, key)
        expected[key.id] = key
    assert keys_in(text) == expected


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2027, 1, 1, tzinfo=UTC), "2027-01-01"),
        (datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC), "2027-01-01T00:00:01Z"),
        (datetime(2027, 1, 1, 0, 0, 0, 5, tzinfo=UTC), "2027-01-01"),
    ],
)
def test_a_moment_is_written_as_short_as_it_can_be(moment: datetime, text: str) -> None:
    assert moment_text(moment) == text
