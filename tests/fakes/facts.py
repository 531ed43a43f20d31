"""Calls and entries made up for tests: plain ones by hand, and hypothesis strategies for wild ones."""

from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from proxy.journal.lines import Carried, Head
from proxy.model.call import Call, Hold
from proxy.model.entry import Act, Attributed, Cost, Extended, Opened, Outcome, Refused, Settled, Stated, Timing
from proxy.model.squeeze import Squeeze
from proxy.model.told import Told
from proxy.model.usage import KINDS, Served, Usage

OPENED_US = 1_800_000_000_000_000


def a_call(call_id: str = "call_1", **given: Any) -> Call:
    plain = dict.fromkeys(("dialect", "provider"), "openai") | {
        "id": call_id,
        "opened_us": OPENED_US,
        "operation": "chat",
        "account": "main",
        "model": "gpt-5.1",
        "stream": True,
        "key_id": "k_1",
        "owner": "alice",
        "owner_kind": "person",
        "team": "payments",
        "project": "checkout",
        "cost_center": "CC-42",
        "purpose": "build",
        "policy": "p" * 64,
        "session": "01234567-89ab-cdef-0123-456789abcdef",
        "repository": "github.com/acme/checkout",
        "branch": "main",
        "commit": "c" * 40,
        "client": "OpenAI/Python",
        "fingerprint": "f" * 32,
        "hash_key": "h1",
        "tags": {"ticket": "PAY-1"},
    }
    return Call(**(plain | given))


def a_hold(cost_pico: int = 3_000_000_000) -> Hold:
    return Hold(cost_pico, input_tokens=1000, output_tokens=500)


def an_opened(call_id: str = "call_1", **given: Any) -> Opened:
    return Opened(a_call(call_id, **given), a_hold())


def a_settled(call_id: str = "call_1", **given: Any) -> Settled:
    return Settled(
        call=a_call(call_id, **given),
        settled_us=OPENED_US + 2_000_000,
        outcome=Outcome.OK,
        status=200,
        usage=Usage(input_text=1200, cache_read=4096, output_text=300),
        served=Served(model="gpt-5.1-2026-03-01", service_tier="default", request_id="req_0123456789abcdef"),
        cost=Cost(5_012_000_000, {"input_text": 1_500_000_000, "output_text": 3_512_000_000}, "list:gpt-5.1"),
        estimated=False,
        timing=Timing(1_000, 400_000, 2_000_000),
        edits=("include_usage",),
        matched=("payments-month", "per-key-burst"),
        shadow=("no-big-models: refuse",),
        ask={
            "hold_pico": 9_000_000_000,
            "hold_input": 9000,
            "hold_output": 1000,
            "expected": 2500,
            "input_bytes": 7976,
        },
    )


def a_refused(call_id: str = "call_1") -> Refused:
    return Refused(a_call(call_id), 400, "refused_by_policy", "budgets.yaml:3", "The budget is used up.")


def an_attributed() -> Attributed:
    return Attributed("c_1", "exact_repeat", OPENED_US, ("call_1", "call_2"))


def an_act(act_id: str = "act_1") -> Act:
    return Act(act_id, OPENED_US, "bob", "rows_viewed", "alice", "invoice 17", {"report": "spend"})


def a_stated(act_id: str = "act_1") -> Stated:
    return Stated(act_id, "2027-01", 0, 1, "a" * 64, '{"month":"2027-01"}')


def a_told(id_: str = "github:d1:0", **given: Any) -> Told:
    plain: dict[str, Any] = {
        "id": id_,
        "at_us": OPENED_US,
        "source": "github",
        "delivery": "d1",
        "kind": "artifact",
        "occurred_us": OPENED_US - 1_000_000,
        "trust": "signed",
        "payload": "a" * 64,
        "facts": {"digest": "sha256:1", "repository": "github.com/acme/checkout", "sha": "c" * 40},
    }
    return Told(**(plain | given))


strings = st.text(alphabet=st.characters(), max_size=12) | st.text(
    alphabet=st.sampled_from(
        [
            *map(chr, range(0x20)),
            *"\x7f\x80\x85\x9f\xa0\u2028\u2029\ufeff\ufffe\uffff\ud800\udfff\U0001f600\"\\'{},:[]é",
        ]
    ),
    max_size=30,
)
"""Lone surrogates, NUL, every control character, line separators, quotes."""

integers = st.integers(0, 2**40) | st.integers()


def texts(long: bool = False) -> st.SearchStrategy[str]:
    return strings | st.builds(lambda text, times: text * times, strings, st.integers(0, 400)) if long else strings


def _whole(kind: type, **given: Any) -> st.SearchStrategy[Any]:
    """A dataclass whose every string, integer and flag is wild, save those given."""
    by_name: dict[Any, st.SearchStrategy[Any]] = {str: texts(long=True), int: integers, bool: st.booleans()}
    wild = {field.name: by_name[field.type] for field in fields(kind) if field.name not in given}
    return st.builds(kind, **wild, **given)


pairs = st.dictionaries(strings, strings, max_size=25)
names = st.lists(strings, max_size=110).map(tuple)
calls = _whole(Call, tags=pairs)
holds = _whole(Hold)
asks = st.fixed_dictionaries(
    {}, optional={"hold_pico": integers, "output_max": integers, "output_images": integers, "tier": texts(long=True)}
)
squeezes = st.lists(_whole(Squeeze), max_size=8).map(tuple)
finds = st.fixed_dictionaries(
    {}, optional={"class": texts(long=True), "score": integers, "flagged": integers, "campaign": strings}
)
costs = _whole(Cost, by_kind=st.dictionaries(st.sampled_from(KINDS), integers))
entries = st.one_of(
    st.builds(Opened, calls, holds),
    _whole(Extended, hold=holds),
    _whole(
        Settled,
        call=calls,
        outcome=st.sampled_from(Outcome),
        usage=_whole(Usage),
        served=_whole(Served),
        cost=costs,
        timing=_whole(Timing),
        edits=names,
        matched=names,
        names=pairs,
        shadow=names,
        ask=asks,
        found=finds,
        repeats=names,
        squeezed=squeezes,
    ),
    _whole(Refused, call=calls, matched=names, shadow=names, ask=asks, found=finds, repeats=names, squeezed=squeezes),
    _whole(Attributed, call_ids=names),
    _whole(Act, details=pairs),
    _whole(Told, facts=pairs),
    _whole(Stated),
)
lines = st.one_of(entries, _whole(Head), st.builds(Carried, calls, holds))
"""Any line with any strings and integers, within bounds or not."""
