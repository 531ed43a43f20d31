"""Names of Bedrock's models: by region and geography, out of ARNs, and none where the id tells no model."""

import pytest

from proxy.finance.bedrock_names import bedrock_candidates

NOVA = "amazon.nova-pro-v1:0"


@pytest.mark.parametrize(
    ("asked", "region", "names"),
    [
        (NOVA, "", [NOVA]),
        (NOVA, "us-east-1", [f"us-east-1/{NOVA}", NOVA]),
        (f"us.{NOVA}", "us-east-1", [f"us.{NOVA}", f"us-east-1/{NOVA}", f"us.{NOVA}", NOVA]),
        (f"ca.{NOVA}", "", [f"ca.{NOVA}", f"us.{NOVA}", NOVA]),
        (f"global.{NOVA}", "us-east-1", [f"global.{NOVA}", NOVA]),
        ("anthropic.claude-3-sonnet-20240229-v1:0:200k", "", ["anthropic.claude-3-sonnet-20240229-v1:0"]),
        (f"arn:aws:bedrock:eu-west-1::foundation-model/{NOVA}", "us-east-1", [f"eu-west-1/{NOVA}", NOVA]),
        (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.{NOVA}", "", [f"global.{NOVA}", NOVA]),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc", "us-east-1", []),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc", "us-east-1", []),
        ("", "us-east-1", []),
    ],
)
def test_names_to_look_for(asked: str, region: str, names: list[str]) -> None:
    assert list(bedrock_candidates("", asked, region)) == names


def test_what_answered_counts_only_where_what_was_asked_for_tells_nothing() -> None:
    router = "arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/x"
    chosen = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{NOVA}"
    assert next(bedrock_candidates(chosen, router, "")) == f"us.{NOVA}"
    assert next(bedrock_candidates("amazon.nova-lite-v1:0", NOVA, "")) == NOVA
