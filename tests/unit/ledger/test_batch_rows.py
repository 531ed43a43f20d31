import pytest

from proxy.journal.codec import encode
from proxy.journal.lines import Carried
from proxy.ledger.batch import sort
from proxy.ledger.batch_rows import BatchRows, Position
from proxy.model.entry import Extended
from proxy.ports.segments import Segment
from proxy.ports.store import RejectedRowsError, StoreError
from tests.fakes import facts

SEGMENT = Segment("n", 1, 1, 0, sealed=False)


class CountingChange:
    """A transaction that writes as many rows as it is told, whatever is staged."""

    def __init__(self, written):
        self.written = written
        self.statements = []
        self.staged = []

    def stage(self, name, content):
        self.staged.append(content)
        return name

    def execute(self, sql, parameters=None):
        self.statements.append(sql)
        return [] if "SELECT DISTINCT id" in sql or sql.startswith("SELECT id") else [(self.written,)]


def rows(change, *entries):
    return BatchRows(change, SEGMENT, sort(b"".join(map(encode, entries)), 0), load=1, now_us=0)


@pytest.mark.parametrize("written", [0, 1, 3])
@pytest.mark.parametrize("kind", [facts.a_settled, facts.a_refused, facts.an_act, facts.an_opened])
def test_fewer_or_more_rows_than_lines_are_rejected(kind, written):
    with pytest.raises(RejectedRowsError, match="of 2 lines"):
        rows(CountingChange(written), kind("id_1"), kind("id_2")).insert()


@pytest.mark.parametrize("before", [None, Position(10, 1)])
def test_a_position_that_did_not_move_is_an_error(before):
    with pytest.raises(StoreError, match="position"):
        rows(CountingChange(0), facts.an_act()).move(before)


def test_lines_that_say_nothing_any_more_are_never_read_by_the_store():
    change = CountingChange(2)  # a row for each refused line
    entries = [
        Carried(facts.a_call(), facts.a_hold()),
        facts.an_opened("call_2"),
        Extended("call_2", 5, facts.a_hold()),
    ]
    rows(change, *entries, facts.a_refused("call_1"), facts.a_refused("call_2")).insert()
    (staged,) = change.staged
    assert staged.count(b"\n") == 2
    assert b'"t":"refused"' in staged


def test_of_several_extensions_the_last_one_counts():
    change = CountingChange(1)
    steps = [Extended("call_1", at, facts.a_hold(at)) for at in (5, 9)]
    rows(change, facts.an_opened(), *steps).insert()
    _, staged = change.staged
    assert staged.count(b"\n") == 1
    assert b'"at_us":9' in staged
