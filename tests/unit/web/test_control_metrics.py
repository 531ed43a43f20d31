import asyncio

from prometheus_client.parser import text_string_to_metric_families

from proxy.ledger.loader import Progress
from proxy.web.control_metrics import LedgerMetrics, Metrics
from proxy.web.gateway_metrics import GatewayMetrics
from tests.fakes import facts


def gateway_text(calls):
    metrics = GatewayMetrics()
    for _ in range(calls):
        metrics.settled(facts.a_settled())
    return metrics.render().decode()


def shown(texts, progress=None):
    """The families of /metrics, by name, and the ledger's own figures."""
    own = LedgerMetrics(lambda: progress or Progress(), lambda: 3, lambda: 5_000_000)

    async def gateways():
        return texts

    metrics = Metrics(own, gateways, lambda _: None)
    answer = asyncio.run(metrics.show(None))
    text = answer.body.decode()
    return {family.name: family for family in text_string_to_metric_families(text)}, text


def test_a_family_of_several_gateways_stands_once_with_its_samples_told_apart():
    families, text = shown({"a": gateway_text(2), "b": gateway_text(5)})
    values = {sample.labels["node"]: sample.value for sample in families["outlay_gateway_calls"].samples}
    assert values == {"a": 2.0, "b": 5.0}
    assert text.count("# TYPE outlay_gateway_calls_total counter") == 1
    assert families["outlay_gateway_first_byte_seconds"].type == "histogram"


def test_a_gateway_that_does_not_answer_is_counted_and_the_others_are_shown():
    families, _ = shown({"a": None, "b": gateway_text(1)})
    assert {sample.labels["node"] for sample in families["outlay_gateway_calls"].samples} == {"b"}
    failures = families["outlay_ledger_gateway_scrape_failures"].samples
    assert [(sample.labels["node"], sample.value) for sample in failures if sample.name.endswith("_total")]


def test_a_gateway_that_talks_nonsense_spoils_nothing():
    families, _ = shown({"a": "{{{ not metrics", "b": gateway_text(1)})
    assert "outlay_gateway_calls" in families


def test_the_ledger_tells_how_far_it_is():
    progress = Progress(current_until_us=2_000_000, lines=10, quarantined=1, lost=("x",), waiting=("y", "z"))
    families, _ = shown({}, progress)
    values = {name: family.samples[0].value for name, family in families.items() if family.samples}
    assert values["outlay_ledger_behind_seconds"] == 3.0
    assert values["outlay_ledger_lines_loaded"] == 10
    assert values["outlay_ledger_quarantined_lines"] == 1
    assert (values["outlay_ledger_segments_lost"], values["outlay_ledger_segments_waiting"]) == (1, 2)
    assert values["outlay_policy_mistakes"] == 3
    assert {sample.labels["node"] for sample in families["outlay_ledger_lines_loaded"].samples} == {"ledger"}


def test_before_the_first_pass_nothing_is_said_about_being_behind():
    assert "outlay_ledger_behind_seconds" not in shown({})[0]
