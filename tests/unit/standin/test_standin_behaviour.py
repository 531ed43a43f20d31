"""Behaviour: the headers are read strictly, so that a misspelt one fails its test at once."""

import pytest

from proxy.standin.behaviour import HEADERS, Behaviour, UnknownBehaviourError, read


def test_without_headers_of_ours_nothing_special_is_asked() -> None:
    assert read({"authorization": "Bearer x", "user-agent": "y"}) == Behaviour()


def test_each_header_sets_its_field() -> None:
    values = {
        "x-standin-tokens": "5",
        "x-standin-chunk-ms": "2",
        "x-standin-delay-ms": "3",
        "x-standin-stall-after": "4",
        "x-standin-cut-after": "6",
        "x-standin-error-event-after": "7",
        "x-standin-status": "529",
        "x-standin-retry-after": "0",
        "x-standin-usage": "none",
        "x-standin-encoding": "zstd",
        "x-standin-cached": "8",
        "x-standin-cache-write-5m": "9",
        "x-standin-cache-write-1h": "10",
        "x-standin-reasoning": "11",
        "x-standin-aws-secret": "s",
        "x-standin-tier": "flex",
        "x-standin-geo": "us",
        "x-standin-speed": "fast",
        "x-standin-newline": "crlf",
        "x-standin-comments": "1",
        "x-standin-input-audio": "12",
        "x-standin-input-image": "13",
        "x-standin-tool-prompt": "14",
        "x-standin-searches": "15",
        "x-standin-polls": "16",
        "x-standin-served": "gpt-5",
        "x-standin-marker": "m-1",
    }
    assert read(values) == Behaviour(
        tokens=5,
        chunk_ms=2,
        delay_ms=3,
        stall_after=4,
        cut_after=6,
        error_event_after=7,
        status=529,
        retry_after=0,
        usage="none",
        encoding="zstd",
        cached=8,
        cache_write_5m=9,
        cache_write_1h=10,
        reasoning=11,
        aws_secret="s",
        tier="flex",
        geo="us",
        speed="fast",
        newline="crlf",
        comments=1,
        input_audio=12,
        input_image=13,
        tool_prompt=14,
        searches=15,
        polls=16,
        served="gpt-5",
        marker="m-1",
    )
    assert set(values) == set(HEADERS)


@pytest.mark.parametrize(
    ("header", "text", "said"),
    [
        ("x-standin-tokens", "many", "whole number from 0 to 1000000"),
        ("x-standin-tokens", "-1", "whole number"),
        ("x-standin-tokens", "1" * 5000, "whole number"),
        ("x-standin-tokens", "²", "whole number"),
        ("x-standin-status", "200", "from 400 to 599"),
        ("x-standin-encoding", "deflate", "gzip, br, zstd"),
        ("x-standin-stall", "1", "unknown header x-standin-stall; there are x-standin-tokens"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused_by_name(header: str, text: str, said: str) -> None:
    with pytest.raises(UnknownBehaviourError, match=said) as caught:
        read({header: text})
    assert header in str(caught.value)
