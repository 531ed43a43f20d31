"""A deployment is priced and bounded as the model that providers.yaml says it runs."""

from proxy.adapters.prices_litellm import price_book
from proxy.model.usage import Served, Usage
from proxy.policy.load import load

USAGE = Usage(input_text=1_000_000)


def book(**files):
    policies = load(
        {
            "providers.yaml": """
providers:
  azure:
    dialect: azure
    base_url: "https://acme.openai.azure.com"
    api_key: none
    deployments: {my-gpt: gpt-5-mini}
  other: {dialect: azure, base_url: "https://other.openai.azure.com", api_key: none}
""",
            **files,
        }
    )
    return price_book(policies)


def test_a_deployment_has_the_price_and_the_limits_of_its_model():
    prices = book()
    plain = prices.cost("azure", "gpt-5-mini", 0, USAGE, Served())
    assert prices.cost("azure", "my-gpt", 0, USAGE, Served()) == plain
    assert prices.cost("azure", "my-gpt", 0, USAGE, Served(model="my-gpt")) == plain
    assert not plain.unpriced
    assert prices.limits("azure", "my-gpt") == prices.limits("azure", "gpt-5-mini")
    assert prices.limits("azure", "my-gpt").output_tokens_max


def test_what_the_answer_says_goes_before_it():
    prices = book()
    served = Served(model="gpt-4o-2024-08-06")
    assert prices.cost("azure", "my-gpt", 0, USAGE, served) == prices.cost("azure", "gpt-4o", 0, USAGE, served)


def test_it_is_nobody_elses():
    assert book().cost("other", "my-gpt", 0, USAGE, Served()).unpriced


def test_a_price_rule_covers_a_deployment_by_its_name_and_by_its_model():
    for model in ("my-gpt", "gpt-5-mini"):
        rule = f"prices: [{{provider: azure, model: {model}, usd_per_million: {{input: 7, output: 9}}}}]"
        cost = book(**{"prices.yaml": rule}).cost("azure", "my-gpt", 0, USAGE, Served())
        assert cost.total_pico == 7 * 10**12, model


def test_a_sum_of_short_prompts_has_the_price_of_short_prompts():
    policies = load({"providers.yaml": 'providers: {o: {dialect: openai, base_url: "http://o.test", api_key: none}}'})
    prices = price_book(policies)
    many = Usage(input_text=10_000_000)
    batch = Served(model="gpt-5.4", service_tier="batch")
    short = prices.cost("o", "gpt-5.4", 0, many, batch, prompt_tokens=1000)
    long = prices.cost("o", "gpt-5.4", 0, many, batch)
    assert short.total_pico < long.total_pico
