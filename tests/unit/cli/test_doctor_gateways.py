"""What `outlay doctor` makes of what gateways say of themselves."""

from proxy.cli.doctor_network import gateways
from proxy.ledger.conditions import GatewayState


def test_a_gateway_without_its_journal_is_named_with_what_becomes_of_calls() -> None:
    refusing, passing = gateways([GatewayState("a", accepting=False), GatewayState("b", passing=True)])
    assert refusing.what == "gateway a can't write its journal, and refuses all calls"
    assert passing.what == "gateway b can't write its journal, and lets calls pass that a kill would lose"
    assert {refusing.state, passing.state} == {"wrong"}
    assert "make room" in refusing.mend


def test_a_gateway_that_is_well_is_not_mentioned() -> None:
    assert list(gateways([GatewayState("a")])) == []
