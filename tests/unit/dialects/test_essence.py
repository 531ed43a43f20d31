"""The essence of a body is the same for bodies that must have the same answer, and for no others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.essence import NOISE, essence

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
BODIES = st.dictionaries(
    st.sampled_from(("model", "messages", "user", "metadata", "a", "")) | st.text(max_size=3), VALUES
)


def wire(said: dict[str, Any], **how: Any) -> bytes:
    return json.dumps(said, **how).encode()


@given(said=BODIES, chance=st.randoms(), indent=st.sampled_from((None, 1)))
def test_neither_order_nor_space_between_members_matters(said: dict[str, Any], chance: Any, indent: int | None) -> None:
    keys = list(said)
    chance.shuffle(keys)
    parts = [f"{json.dumps(key)}{' ' * bool(indent)}:{json.dumps(said[key])}" for key in keys]
    shuffled = "{" + ("\n," if indent else ",").join(parts) + "}"
    assert essence("chat", shuffled.encode()) == essence("chat", wire(said))


@given(one=BODIES, two=BODIES, operation=st.sampled_from(("chat", "messages", "responses")))
def test_two_bodies_are_the_same_only_where_all_but_noise_is(
    one: dict[str, Any], two: dict[str, Any], operation: str
) -> None:
    def without(said: dict[str, Any]) -> dict[str, str]:
        noise = NOISE.get(operation, frozenset())
        return {key: json.dumps(value) for key, value in said.items() if key not in noise}

    assert (essence(operation, wire(one)) == essence(operation, wire(two))) is (without(one) == without(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (b'{"a": 1, "a": 2}', b'{"a": 2}'),
        (b'{"a": 1, "a": 2}', b'{"a": 2, "a": 1}'),
        (b'{"a": {"b": 1, "c": 2}}', b'{"a": {"c": 2, "b": 1}}'),
        (b'{"a": "x y"}', b'{"a": "x  y"}'),
        (b'{"ab": 1}', b'{"a": 1}'),
        (b'{"a": 1, "b": 2}', b'{"a": 12}'),
        (b"[1]", b"[2]"),
        (b"", b"{"),
    ],
)
def test_what_could_be_read_otherwise_is_another_body(one: bytes, two: bytes) -> None:
    assert essence("chat", one) != essence("chat", two)


def test_what_comes_back_in_the_answer_is_no_noise() -> None:
    assert essence("responses", b'{"user": "a"}') != essence("responses", b'{"user": "b"}')
    assert essence("chat", b'{"user": "a"}') == essence("chat", b'{"user": "b"}')
