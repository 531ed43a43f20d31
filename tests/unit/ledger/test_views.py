from proxy.ledger.people import OPERATOR
from proxy.ledger.views import viewed


def test_a_look_is_one_act_for_each_person_looked_at():
    acts = viewed(OPERATOR, ["alice", "bob"], "invoice 17", {"report": "spend"}, 1_774_000_000_000_000, b"\x01\x02")
    assert [(act.actor, act.kind, act.subject, act.reason) for act in acts] == [
        ("operator", "rows_viewed", "alice", "invoice 17"),
        ("operator", "rows_viewed", "bob", "invoice 17"),
    ]
    assert len({act.id for act in acts}) == 2
    assert all(act.id.startswith("act_") and act.at_us == 1_774_000_000_000_000 for act in acts)
