"""Figures of one gateway that labels divide."""

from dataclasses import replace

from proxy.web.gateway_metrics import GatewayMetrics
from tests.fakes.facts import a_settled


def test_each_attempt_that_failed_counts_for_its_provider() -> None:
    metrics = GatewayMetrics()
    metrics.settled(replace(a_settled(), edits=("include_usage", "fallback openai 503", "fallback local open")))
    metrics.settled(replace(a_settled(), edits=("fallback openai connect",)))
    shown = metrics.render().decode()
    assert 'outlay_gateway_fallbacks_total{provider="openai"} 2.0' in shown
    assert 'outlay_gateway_fallbacks_total{provider="local"} 1.0' in shown


def test_a_figure_by_provider_is_asked_for_when_it_is_read() -> None:
    metrics, values = GatewayMetrics(), {"openai": 0.0}
    metrics.by_provider("outlay_out", "left out", lambda: values)
    assert 'outlay_out{provider="openai"} 0.0' in metrics.render().decode()
    values["local"] = 1.0
    assert 'outlay_out{provider="local"} 1.0' in metrics.render().decode()
