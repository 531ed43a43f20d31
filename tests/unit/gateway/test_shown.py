"""What the detector is shown of a call with very many messages, or very long ones."""

import msgspec
import pytest

from proxy.dialects.openai import OpenAI
from proxy.gateway.watching import MESSAGE_CHARS_MAX, MESSAGES_FOLDED, MESSAGES_MAX, Seen, _messages
from proxy.model.call import Request


def shown(texts: list[str]) -> list[tuple[str, str]]:
    said = [{"role": "user", "content": text} for text in texts]
    content = b'"messages":' + msgspec.json.encode(said)
    return _messages(Seen(OpenAI(), Request("m", content=(content,)), b"{%b}" % content))


def numbered(many: int) -> list[str]:
    return [f"Message {number}." for number in range(many)]


def test_messages_are_shown_as_they_are() -> None:
    assert shown(numbered(MESSAGES_MAX)) == [("user", text) for text in numbered(MESSAGES_MAX)]


@pytest.mark.parametrize("more", [1, MESSAGES_FOLDED, MESSAGES_FOLDED + 1, 3 * MESSAGES_FOLDED])
def test_of_very_many_messages_the_oldest_stand_together(more: int) -> None:
    said = numbered(MESSAGES_MAX + more)
    found = shown(said)
    folds = -(-more // MESSAGES_FOLDED)
    left = len(said) - folds * MESSAGES_FOLDED
    assert len(found) == folds + left <= folds + MESSAGES_MAX
    assert found[folds:] == [("user", text) for text in said[-left:]]
    assert not any("Message" in text for _, text in found[:folds])


def test_an_old_message_that_changes_is_seen_in_its_fold() -> None:
    said = numbered(MESSAGES_MAX + 2 * MESSAGES_FOLDED)
    before = shown(said)
    said[3] = "Message of others."
    after = shown(said)
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [0]


def test_what_grows_goes_on_from_what_it_was_until_a_fold_is_full() -> None:
    short = shown(numbered(MESSAGES_MAX + 10))
    assert shown(numbered(MESSAGES_MAX + 12))[: len(short)] == short


def test_of_a_very_long_message_both_ends_are_shown() -> None:
    ((_, text),) = shown(["a" * MESSAGE_CHARS_MAX + "b" * MESSAGE_CHARS_MAX])
    assert len(text) < MESSAGE_CHARS_MAX + 100
    assert text.startswith("a" * (MESSAGE_CHARS_MAX // 2))
    assert text.endswith("b" * (MESSAGE_CHARS_MAX // 2))
