"""Prices of Bedrock out of the installed list, against figures computed by hand from AWS's pricing page.

aws.amazon.com/bedrock/pricing, dollars per million tokens, as litellm's list of the installed version repeats them.
"""

import pytest

from proxy.adapters.prices_litellm import price_book
from proxy.finance.pricebook import PriceBook
from proxy.model.usage import Served, Usage
from proxy.policy.load import load
from proxy.policy.types import PolicySet

USAGE = Usage(input_text=1_000, cache_read=2_000, cache_write_5m=400, cache_write_1h=100, output_text=500)
PLAIN = Usage(input_text=1_000, output_text=500)
US = "https://bedrock-runtime.us-east-1.amazonaws.com"
GOV = "https://bedrock-runtime.us-gov-west-1.amazonaws.com"
SONNET = "anthropic.claude-sonnet-5-5"
AT_US = 1_790_000_000_000_000


@pytest.mark.parametrize(
    ("base_url", "model", "usage", "tier", "dollars_1e6"),
    [
        # 2.00 in, 0.10 read, 2.50 and 4.00 written, 10.00 out: 2000 + 200 + 1000 + 400 + 5000
        (US, f"global.{SONNET}", USAGE, "", 8_600),
        # a tenth more in a geography
        (US, f"us.{SONNET}", USAGE, "", 9_460),
        (US, f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.{SONNET}", USAGE, "", 9_460),
        # a fifth more in GovCloud
        (GOV, SONNET, USAGE, "", 10_320),
        # 0.80 in, 3.20 out, flex half of it: 800 + 1600; 400 + 800
        (US, "us.amazon.nova-pro-v1:0", PLAIN, "default", 2_400),
        (US, "us.amazon.nova-pro-v1:0", PLAIN, "flex", 1_200),
        # 0.62 in, 1.85 out: 620 + 925
        (US, "deepseek.v3.2", PLAIN, "", 1_545),
        # 0.02 in
        (US, "amazon.titan-embed-text-v2:0", Usage(input_text=1_000), "", 20),
        # 0.06 an image
        (US, "amazon.nova-canvas-v1:0", Usage(output_images=2), "", 120_000),
    ],
)
def test_costs_computed_by_hand(base_url: str, model: str, usage: Usage, tier: str, dollars_1e6: int) -> None:
    cost = book(base_url).cost("bedrock", model, AT_US, usage, Served(service_tier=tier))
    assert (cost.total_pico, cost.unpriced) == (dollars_1e6 * 1_000_000, False)


@pytest.mark.parametrize("kind", ["application-inference-profile", "provisioned-model", "imported-model"])
def test_an_id_that_tells_no_model_is_unpriced(kind: str) -> None:
    cost = book(US).cost("bedrock", f"arn:aws:bedrock:us-east-1:123456789012:{kind}/abc", AT_US, PLAIN, Served())
    assert cost.unpriced
    assert cost.total_pico > 0


def test_an_application_profile_that_an_admin_explains_has_the_price_of_what_it_runs() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc"
    cost = book(US, f', deployments: {{"{arn}": us.{SONNET}}}').cost("bedrock", arn, AT_US, USAGE, Served())
    assert (cost.total_pico, cost.unpriced) == (9_460_000_000, False)


def book(base_url: str, more: str = "") -> PriceBook:
    text = f'providers: {{bedrock: {{dialect: bedrock, base_url: "{base_url}", api_key: {{aws: environment}}{more}}}}}'
    policies = load({"providers.yaml": text})
    assert isinstance(policies, PolicySet)
    return price_book(policies)
