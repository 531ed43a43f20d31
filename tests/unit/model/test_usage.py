from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from proxy.model.usage import KINDS, NO_USAGE, Usage, total

UNITS = ("web_search", "input_audio_ms", "input_characters", "output_images")

usages = st.builds(Usage, **dict.fromkeys(KINDS, st.integers(0, 10**9)))


@given(usages)
def test_every_token_kind_is_counted_in_exactly_one_total(usage: Usage) -> None:
    totals = usage.prompt_tokens + usage.output_tokens
    assert totals == sum(getattr(usage, kind) for kind in KINDS if kind not in UNITS)


def test_a_fee_is_no_token() -> None:
    usage = replace(Usage(), web_search=3)
    assert usage.prompt_tokens == usage.output_tokens == 0


def test_a_total_sums_each_kind_by_itself() -> None:
    usages = [Usage(**{kind: number * power for power, kind in enumerate(KINDS)}) for number in (1, 10)]
    assert total(usages) == Usage(**{kind: 11 * power for power, kind in enumerate(KINDS)})
    assert total(()) == NO_USAGE
