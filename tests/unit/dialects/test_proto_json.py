"""A governed key may stand once, in whichever spelling."""

import pytest

from proxy.dialects.proto_json import MessageReader, snake
from proxy.metering.json_object import LISTED_BYTES_MAX, UnreadableError

READER = MessageReader(("model", "generationConfig"))


@pytest.mark.parametrize("padding", [0, LISTED_BYTES_MAX])
@pytest.mark.parametrize("key", ["generationConfig", "generation_config"])
def test_either_spelling_is_read(key: str, padding: int) -> None:
    body = b'{"%b":{"a":1},"other":"%b"}' % (key.encode(), b"x" * padding)
    assert bytes(READER.read(body)["generationConfig"]) == b'{"a":1}'


@pytest.mark.parametrize("padding", [0, LISTED_BYTES_MAX])
@pytest.mark.parametrize(
    "body",
    [
        b'{"generationConfig":{},"generation_config":{}%b}',
        b'{"generation_config":{},"generation_config":{}%b}',
        b'{"generationConfig":{},"GenerationConfig":{}%b}',
        b'{"generationConfig":{},"generation\\u005fconfig":{}%b}',
        b'{"model":"a","MODEL":"b"%b}',
    ],
)
def test_a_key_in_two_spellings_is_refused(body: bytes, padding: int) -> None:
    with pytest.raises(UnreadableError, match="stands twice"):
        READER.read(body % (b',"x":"%b"' % (b"x" * padding)))


def test_other_keys_may_stand_as_they_like() -> None:
    assert set(READER.read(b'{"aB":1,"a_b":2,"model":"m"}')) == {"aB", "a_b", "model"}


def test_snake() -> None:
    assert snake("maxOutputTokens") == "max_output_tokens"
