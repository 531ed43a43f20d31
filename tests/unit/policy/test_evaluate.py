"""What the rules say about a call."""

from dataclasses import replace

from proxy.model.call import Call
from proxy.model.decision import Decision, Reason
from proxy.policy.evaluate import evaluate
from proxy.policy.types import PolicySet, PricePolicy

CALL = Call(
    id="c",
    opened_us=0,
    dialect="openai",
    operation="chat",
    provider="openai",
    account="openai",
    model="gpt-99",
    stream=False,
    key_id="k_1",
    owner="alice",
    owner_kind="person",
    team="",
    project="checkout",
    cost_center="",
    purpose="build",
    policy="v",
)
REFUSE = PolicySet("v", prices=PricePolicy(unpriced="refuse", where="prices.yaml:5"))


def test_a_model_without_a_price_passes_unless_the_admin_refuses_it() -> None:
    assert evaluate(PolicySet("v"), CALL, priced=False) == Decision()
    assert evaluate(REFUSE, CALL, priced=True) == Decision()


def test_a_refused_model_is_told_what_refused_it_and_what_to_do() -> None:
    decision = evaluate(REFUSE, CALL, priced=False)
    refusal = decision.refusal
    assert refusal is not None
    assert decision.matched == ("unpriced",)
    assert (refusal.status, refusal.reason, refusal.rule) == (400, Reason.UNPRICED, "prices.yaml:5")
    for words in ("'gpt-99'", "'openai'", "prices.yaml:5", "ask an admin"):
        assert words in refusal.message
    assert not refusal.retryable


def test_a_secret_in_the_place_of_a_model_is_not_repeated() -> None:
    secret = "sk-proj-0123456789abcdef"
    refusal = evaluate(REFUSE, replace(CALL, model=secret), priced=False).refusal
    assert refusal is not None
    assert secret not in refusal.message
