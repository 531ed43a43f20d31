"""The token-counting process: frames in on stdin, counts out on stdout. Started by tokens_tiktoken as a script.

It is a process of its own because an encoding takes 60 to 100 MiB and counting holds the interpreter: the gateway can
afford neither. It imports nothing of outlay. Texts live in its memory only: it logs nothing, leaves no core dump, and
ends when its parent does (end of stdin), when nobody asks for a while, or when one count takes too long.
"""

import re
import resource
import select
import signal
import struct
import sys
from typing import BinaryIO, Final

import msgspec
import tiktoken

LENGTH: Final = struct.Struct(">I")
"""Before each frame: how many bytes follow."""
CHUNK_CHARS_MAX: Final = 64 * 1024
"""Encoded at a time, since one long word takes more than its share of time. A cut adds at most a token or two."""

_BREAK: Final = re.compile(r"(?<=\w) (?=\w)")
"""Between two words, where a token ends in any case."""
_BREAK_WITHIN_CHARS: Final = 256


class Question(msgspec.Struct, array_like=True):
    encoding: str
    texts: list[bytes]
    """UTF-8."""


def tokens(encoding: tiktoken.Encoding, text: str) -> int:
    """Tokens of a text as ordinary text: what looks like a special token is counted by its letters."""
    count, start = 0, 0
    while start < len(text):
        end = _cut(text, start)
        count += len(encoding.encode_ordinary(text[start:end]))
        start = end
    return count


def _cut(text: str, start: int) -> int:
    """Where the chunk that begins at `start` ends: at the last break, if there is one near its full length."""
    end = start + CHUNK_CHARS_MAX
    if end >= len(text):
        return len(text)
    return max((gap.start() for gap in _BREAK.finditer(text, end - _BREAK_WITHIN_CHARS, end)), default=end)


def serve(source: BinaryIO, sink: BinaryIO, idle_s: float, count_s: int) -> None:
    """Answer until the parent is gone or silent. A count that takes longer than `count_s` kills the process.

    The parent sends one question at a time, so that nothing waits in `source`'s buffer where `select` would not see it.
    """
    questions = msgspec.msgpack.Decoder(Question)
    while select.select([source], [], [], idle_s)[0]:
        head = source.read(LENGTH.size)
        if len(head) < LENGTH.size:
            return
        signal.alarm(count_s)
        question = questions.decode(source.read(LENGTH.unpack(head)[0]))
        encoding = tiktoken.get_encoding(question.encoding)
        answer = msgspec.msgpack.encode(sum(tokens(encoding, text.decode()) for text in question.texts))
        sink.write(LENGTH.pack(len(answer)) + answer)
        sink.flush()
        signal.alarm(0)


def main(idle_s: str, count_s: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.modules["requests"] = None  # type: ignore[assignment]  # a missing encoding is an error, not a download
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, float(idle_s), int(count_s))
    except BrokenPipeError:
        return  # nobody is left to answer


if __name__ == "__main__":
    main(*sys.argv[1:])
