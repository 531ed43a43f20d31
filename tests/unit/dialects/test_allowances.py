"""What a rate limit leaves, in the headers of each dialect."""

from proxy.dialects import anthropic_allowances, openai_allowances
from proxy.dialects.anthropic import Anthropic
from proxy.dialects.azure import Azure
from proxy.dialects.bedrock import Bedrock
from proxy.dialects.dialect import HeadedAllowances
from proxy.dialects.gemini import Gemini
from proxy.dialects.openai import OpenAI
from proxy.model.allowance import Allowance, Measure

AT_US = 1_800_000_000_000_000
LEFT = (
    Allowance(Measure.REQUESTS, 600, 599, 60_200_000, AT_US + 60_200_000),
    Allowance(Measure.TOKENS, 2_000_000, 0, 1_000_000, AT_US + 1_000_000),
)


def test_openai_tells_limit_rest_and_the_time_until_all_is_there_again_rounded_up() -> None:
    assert openai_allowances.headers(LEFT) == [
        (b"x-ratelimit-limit-requests", b"600"),
        (b"x-ratelimit-remaining-requests", b"599"),
        (b"x-ratelimit-reset-requests", b"1m1s"),
        (b"x-ratelimit-limit-tokens", b"2000000"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-tokens", b"1s"),
    ]


def test_anthropic_tells_limit_rest_and_the_moment_at_which_all_is_there_again_rounded_up() -> None:
    assert anthropic_allowances.headers(LEFT) == [
        (b"anthropic-ratelimit-requests-limit", b"600"),
        (b"anthropic-ratelimit-requests-remaining", b"599"),
        (b"anthropic-ratelimit-requests-reset", b"2027-01-15T08:01:01Z"),
        (b"anthropic-ratelimit-tokens-limit", b"2000000"),
        (b"anthropic-ratelimit-tokens-remaining", b"0"),
        (b"anthropic-ratelimit-tokens-reset", b"2027-01-15T08:00:01Z"),
    ]


def test_every_header_begins_as_the_dialect_says_and_the_others_have_none() -> None:
    for dialect in (OpenAI(), Azure(), Anthropic()):
        assert isinstance(dialect, HeadedAllowances)
        lines = dialect.allowance_headers(LEFT)
        assert len(lines) == 6
        assert all(name.startswith(dialect.allowance_prefix) for name, _ in lines)
    assert not any(isinstance(dialect, HeadedAllowances) for dialect in (Gemini(), Bedrock()))
