"""Events cut out of a stream: the same whatever the chunking, and the bytes given on are the bytes that came."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.metering.sse import EventStream

NEWLINES = (b"\n", b"\r\n", b"\r")
HIDE_ME = b"hide me"

values = st.sampled_from(
    [
        b"one",
        b"",
        b" two",
        "grüße 😀".encode(),
        "a\u2028b\x85c\x0b\x0cd".encode(),
        b'{"a":"\\n\\n"}',
        HIDE_ME,
        b"[DONE]",
    ]
)
lines = st.one_of(
    st.builds(lambda value: b"data: " + value, values),
    st.builds(lambda value: b"data:" + value, values),
    st.sampled_from([b"event: x", b"id: 7", b"retry: 10", b": ping", b":", b"data", b"unknown: y", b"datax: z", b"x"]),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Any mix of line ends and any number of blank lines, the last event perhaps unfinished."""
    out = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for line in draw(st.lists(st.one_of(lines, st.just(b"")), max_size=14)):
        out += line + draw(st.sampled_from(NEWLINES))
    return out + draw(st.sampled_from([b"", b"data: rest", b"\r", b"\n", b"data: \xe2\x80"]))


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    data = draw(streams())
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@st.composite
def bursts(draw: st.DrawFn) -> list[bytes]:
    """Chunks of whole events in LF, as providers mostly send them."""
    block = st.lists(lines, min_size=1, max_size=4).map(lambda block: b"\n".join(block) + b"\n\n")
    return [b": begun\n\n", *draw(st.lists(st.lists(block, min_size=1, max_size=4).map(b"".join), max_size=4))]


def told(chunks: list[bytes], *, hiding: bool = False, **limits: int) -> tuple[list[bytes], bytes]:
    """What a stream tells of, and what it gives on."""
    seen: list[bytes] = []

    def see(data: bytes) -> bool:
        seen.append(data)
        return hiding and data == HIDE_ME

    stream = EventStream(see, hiding=hiding, **limits)
    out = b"".join([stream.feed(chunk) for chunk in chunks]) + stream.finish()
    return seen, out


def finished(data: bytes) -> list[bytes]:
    """Events that are at their end, without what begins one behind them."""
    seen: list[bytes] = []
    EventStream(lambda data: bool(seen.append(data)), hiding=False).feed(data)
    return seen


def by_the_standard(data: bytes) -> list[bytes]:
    """The data of each event by the letter of the HTML standard, on whole input; the unfinished last one too."""
    text = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events: list[bytes] = []
    fields: list[bytes] = []
    for line in [*text.split(b"\n"), b""]:
        if not line:
            events += [b"\n".join(fields)] if fields else []
            fields = []
        elif line.startswith(b"data:") or line == b"data":
            value = line[5:]
            fields.append(value[1:] if value.startswith(b" ") else value)
    return events


@given(chunked() | bursts())
@example([b"\xef\xbb\xbfdata: a\n\n"])
@example([b": begun\n\n", b"data: a\rdata: b\n\n"])
@example([b"data: a\r\n\r", b"\ndata: b\r\n\r\n"])
@example([b"data: a\n\r", b"\n\r\n"])
@example([b"\xef\xbb", b"\xbfdata: a\n\n"])
@example([b"event: x\ndata: a\ndata: b\n\n"])
@example([b"\n\nevent: x\ndata:a\ndata: b\n\n"])
def test_events_are_those_of_the_standard_in_any_chunking(chunks: list[bytes]) -> None:
    assert told(chunks)[0] == by_the_standard(b"".join(chunks))


@given(chunked())
def test_all_bytes_pass_by_reference_when_nothing_may_be_hidden(chunks: list[bytes]) -> None:
    stream = EventStream(lambda data: True, hiding=False)
    assert all(stream.feed(chunk) is chunk for chunk in chunks)
    assert stream.finish() == b""


@given(chunked())
def test_hiding_does_not_depend_on_chunking(chunks: list[bytes]) -> None:
    assert told(chunks, hiding=True) == told([b"".join(chunks)], hiding=True)


@given(chunked())
def test_bytes_out_are_bytes_in_where_nothing_is_hidden(chunks: list[bytes]) -> None:
    stream = EventStream(lambda data: False, hiding=True)
    out = b"".join([stream.feed(chunk) for chunk in chunks]) + stream.finish()
    assert out == b"".join(chunks)


@pytest.mark.parametrize("newline", NEWLINES)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_exactly_the_hidden_event_is_missing(newline: bytes, size: int) -> None:
    events = [b"data: one", b"event: x" + newline + b"data: " + HIDE_ME, b": ping", b"data: two"]
    blocks = [event + newline * 2 for event in events]
    data = b"".join(blocks)
    seen, out = told([data[at : at + size] for at in range(0, len(data), size)], hiding=True)
    assert seen == [b"one", HIDE_ME, b"two"]
    assert out == blocks[0] + blocks[2] + blocks[3]


def test_whole_events_go_on_at_once_and_only_the_unfinished_one_is_held() -> None:
    stream = EventStream(lambda data: data == HIDE_ME, hiding=True)
    chunk = b"data: one\n\ndata: two\n\n"
    assert stream.feed(chunk) is chunk
    assert stream.feed(b"data: three\n\ndata: fo") == b"data: three\n\n"
    assert stream.feed(b"ur\n") == b""
    assert stream.feed(b"\ndata: hide") == b"data: four\n\n"
    assert stream.feed(b" me\n\n") == b""
    assert stream.finish() == b""


def test_what_was_held_at_the_end_is_given_on() -> None:
    stream = EventStream(lambda data: False, hiding=True)
    assert stream.feed(b"data: one\n\ndata: half") == b"data: one\n\n"
    assert stream.finish() == b"data: half"
    assert stream.finish() == b""


def test_an_event_too_long_to_be_hidden_is_not_held_back() -> None:
    seen: list[bytes] = []
    stream = EventStream(lambda data: not seen.append(data), hiding=True, hidden_bytes_max=20)
    chunks = [b"data: " + b"x" * 10, b"y" * 10, b"z" * 10, b"\n\ndata: short\n\n"]
    assert [stream.feed(chunk) for chunk in chunks] == [b"", chunks[0] + chunks[1], chunks[2], b"\n\n"]
    assert seen == [b"x" * 10 + b"y" * 10 + b"z" * 10, b"short"]


@pytest.mark.parametrize("newline", NEWLINES)
@pytest.mark.parametrize("hiding", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_above_the_limit_passes_unread(newline: bytes, hiding: bool, size: int) -> None:
    events = [b"data: a", b"data: " + b"x" * 200, b"data: b", b"data: " + b"y" * 300]
    data = b"".join([event + newline * 2 for event in events])
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    for begun in ([], [b": begun\n\n"]):
        seen, out = told([*begun, *chunks], hiding=hiding, event_bytes_max=100, hidden_bytes_max=50)
        assert seen == [b"a", b"b"]
        assert out == b"".join(begun) + data


@pytest.mark.parametrize("newline", NEWLINES)
def test_the_end_of_an_event_above_the_limit_is_seen_wherever_it_comes(newline: bytes) -> None:
    for length in range(40):
        data = b"data: " + b"x" * length + newline * 2 + b"data: b" + newline * 2
        seen, out = told(
            [data[at : at + 1] for at in range(len(data))], hiding=True, event_bytes_max=9, hidden_bytes_max=3
        )
        assert seen == [b"x" * length, b"b"][length > 3 :]
        assert out == data


def test_memory_of_an_endless_event_is_bounded() -> None:
    stream = EventStream(lambda data: False, hiding=False, event_bytes_max=1000)
    stream.feed(b"data: ")
    for _ in range(1000):
        stream.feed(b"x" * 64)
        assert sum(map(len, stream._pending)) <= 1000 + 64 + 4


def test_an_event_that_lacks_only_its_blank_line_is_read_at_the_end() -> None:
    assert told([b'data: {"usage"', b":1}"])[0] == [b'{"usage":1}']


@given(chunked())
@example([b"data: a\n", b"\ndata: b\n\n"])
@example([b"data: a\r\n\r", b"\ndata: b\r\n\r\n"])
def test_what_joins_a_part_that_has_gone_on_ends_its_event(chunks: list[bytes]) -> None:
    stream, passed = EventStream(lambda data: False, hiding=False), b""
    for chunk in filter(None, chunks):
        stream.feed(chunk)
        joint = stream.joint
        if joint is None:
            assert finished(passed + chunk) == finished(passed)
        else:
            assert chunk.startswith(joint)
            assert finished(passed + joint + b"data: ours\n\n") == [*finished(passed + joint), b"ours"]
            assert len(finished(passed + joint)) <= len(finished(passed)) + 1
        passed += chunk


def test_of_a_stream_that_hides_nothing_waits_to_be_joined() -> None:
    stream = EventStream(lambda data: False, hiding=True)
    assert stream.feed(b"data: one\n\ndata: t") == b"data: one\n\n"
    stream.feed(b"wo\n\n")
    assert stream.joint == b""
