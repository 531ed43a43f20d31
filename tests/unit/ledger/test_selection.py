import pytest

from proxy.ledger.dimensions import DIMENSIONS
from proxy.ledger.selection import BY_MAX, VALUES_MAX, ParameterError, selection

NOW_US = 1_774_000_000_000_000  # 2026-03-20
ALIASES = {"alice@example.com": "alice"}


def select(*parameters):
    return selection(parameters, ALIASES, NOW_US)


def test_dimensions_come_in_the_order_asked_for():
    assert [each.name for each in select(("by", "day, user,tags.env")).by] == ["day", "user", "tags.env"]


def test_nothing_asked_for_is_the_total_of_this_month():
    asked = select()
    assert asked.by == asked.filters == ()
    assert (asked.period.since.isoformat(), asked.period.until_us) == ("2026-03-01T00:00:00+00:00", NOW_US)


def test_a_repeated_filter_is_any_of_its_values():
    asked = select(("model", "a"), ("project", "p"), ("model", "b"), ("model", "a"))
    assert [(each.dimension.name, each.values) for each in asked.filters] == [
        ("model", ("a", "b")),
        ("project", ("p",)),
    ]


def test_an_alias_is_its_person():
    (only,) = select(("user", "alice@example.com"), ("user", "alice")).filters
    assert only.values == ("alice",)


@pytest.mark.parametrize(
    ("parameters", "parameter", "said"),
    [
        ([("by", "usr")], "by", "did you mean user"),
        ([("by", "modle,day")], "by", "did you mean model"),
        ([("by", "user,user")], "by", "twice"),
        ([("by", ",".join([f"tags.t{n}" for n in range(BY_MAX + 1)]))], "by", f"at most {BY_MAX}"),
        ([("by", "owner; DROP TABLE calls")], "by", "no dimension"),
        ([("by", "tags.a b")], "by", "a tag's name has"),
        ([("by", "tags.")], "by", "a tag's name has"),
        ([("by", "cost_pico")], "by", "no dimension"),
        ([("bye", "user")], "bye", "did you mean by"),
        ([("projects", "x")], "projects", "did you mean project"),
        ([("tags.'", "x")], "tags.'", "a tag's name has"),
        ([("day", "2026-03-01")], "day", "since and until"),
        ([("since", "soon")], "since/until", "'soon' is no time"),
        ([("since", "2026-04"), ("until", "2026-03")], "since/until", "empty"),
        ([("tz", "Berlin")], "tz", "IANA"),
        ([("since", "7d"), ("since", "8d")], "since", "twice"),
        ([("model", "x" * 301)], "model", "longer than"),
        ([("model", "a\x1b[31m")], "model", "control characters"),
        ([("model", str(n)) for n in range(VALUES_MAX + 1)], "model", "more than"),
        ([("reason", "  ")], "reason", "empty"),
        ([("compare", "yesterday")], "compare", "there is only previous"),
        ([("compare", "previous"), ("by", "model,day")], "compare", "rows of day have no counterpart"),
        ([("reason", "x" * 501)], "reason", "longer than"),
        ([("reason", "a\nb")], "reason", "control characters"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(parameters, parameter, said):
    with pytest.raises(ParameterError) as raised:
        select(*parameters)
    assert raised.value.parameter == parameter
    assert said in str(raised.value)


PERSONAL = ["user", "key", "session", "agent", "justification", "trace"]


@pytest.mark.parametrize("name", PERSONAL)
def test_what_belongs_to_one_person_is_personal(name):
    assert select(("by", name)).personal
    assert select((name, "x")).personal


def test_everything_else_is_not():
    others = [name for name in DIMENSIONS if not DIMENSIONS[name].personal]
    assert len(others) == len(DIMENSIONS) - len(PERSONAL)
    assert not any(select(("by", name)).personal for name in others)


def test_the_record_of_a_look_names_no_other_person():
    asked = select(
        ("by", "user,day"), ("user", "bob"), ("session", "s-1"), ("project", "checkout"), ("since", "2026-03")
    )
    assert asked.described() == {
        "report": "spend",
        "by": "user,day",
        "filters": "user; session; project=checkout",
        "since": "2026-03-01T00:00:00+00:00",
        "until": "2026-03-20T09:46:40+00:00",
    }
