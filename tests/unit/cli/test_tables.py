import pytest

from proxy.cli import tables

FIGURES = dict.fromkeys(
    (
        "calls",
        "refused",
        "input_tokens",
        "cache_read_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "estimated_calls",
        "unpriced_calls",
    ),
    0,
)


def document(rows, by=("project",), **more):
    total = {**FIGURES, "cost_usd": "0.00"} | {
        name: sum(row[name] for row in rows) for name in FIGURES if all(name in row for row in rows)
    }
    return {
        "by": list(by),
        "since": "2026-03-01T00:00:00+01:00",
        "until": "2026-04-01T00:00:00+02:00",
        "tz": "Europe/Berlin",
        "data_until": "2026-04-01T08:15:00+00:00",
        "definition": "spend 1: as defined",
        "notes": [],
        "rows": [{**FIGURES, **row} for row in rows],
        "total": {**total, **more},
    }


def printed(capsys, shown):
    tables.spend(shown)
    return capsys.readouterr().out


def test_numbers_stand_right_with_separators_and_a_total(capsys):
    rows = [
        {"project": "checkout", "calls": 1_234_567, "input_tokens": 10, "output_tokens": 5, "cost_usd": "1234.5"},
        {"project": "", "calls": 3, "input_tokens": 2, "output_tokens": 1, "cost_usd": "0.0625"},
    ]
    out = printed(capsys, document(rows, cost_usd="1234.5625"))
    assert "Spend by project, 2026-03-01 00:00 to 2026-04-01 00:00 (Europe/Berlin)" in out
    lines = [[cell.strip() for cell in line.replace("┃", "│").split("│")] for line in out.splitlines()]
    assert ["checkout", "1,234,567", "10", "5", "1,234.5000"] in lines
    assert ["(none)", "3", "2", "1", "0.0625"] in lines
    assert ["total", "1,234,570", "12", "6", "1,234.5625"] in lines
    assert "Data until 2026-04-01 08:15 UTC. spend 1: as defined." in out


def test_columns_that_hold_nothing_are_left_out(capsys):
    row = {"project": "p", "calls": 1, "cost_usd": "0.00"}
    assert "refused" not in printed(capsys, document([row]))
    assert "refused" in printed(capsys, document([{**row, "refused": 2}]))


def test_money_beyond_six_decimals_is_rounded_and_said_to_be(capsys):
    out = printed(capsys, document([{"project": "p", "calls": 1, "cost_usd": "0.1234567"}], cost_usd="0.1234567"))
    assert "0.123457" in out
    assert "rounded to 6 decimals" in out


def test_names_are_no_markup(capsys):
    out = printed(capsys, document([{"project": "[bold]x[/bold] [/]", "calls": 1, "cost_usd": "0.00"}]))
    assert "[bold]x[/bold] [/]" in out


def test_no_rows_are_said_to_be_none(capsys):
    assert "No calls in this period." in printed(capsys, document([]))


def test_notes_are_shown(capsys):
    assert "- Your own calls only." in printed(capsys, {**document([]), "notes": ["Your own calls only."]})


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (False, "no"), (1234, "1,234"), ([], "none"), (["a", "b"], "a, b"), ({"k": 1}, "k=1"), ("", "-")],
)
def test_facts_are_written_for_people(capsys, value, text):
    tables.sections([("Title", {"some_name": value})])
    out = capsys.readouterr().out
    assert "some name" in out
    assert text in out


def price_row(**given):
    texts = ("asked_model", "variant", "list", "last_used", "previous_price", "not_compared", "add")
    money = ("cost_usd", "unpriced_cost_usd", "cost_at_previous_price_usd", "cost_change_usd")
    plain = {**dict.fromkeys(texts, ""), **dict.fromkeys(money, "0.00"), "calls": 1, "unpriced_calls": 0}
    return {
        **plain,
        "provider": "openai",
        "model": "m",
        "price": "litellm-1:openai/m:aaaaaaaa",
        "first_used": "2026-03-02T10:00:00+00:00",
        **given,
    }


def prices_printed(capsys, *rows, **total):
    shown = {**document(rows), "price_lists": ["litellm-1"], "total": {**price_row(), **total}}
    tables.prices(shown)
    out = capsys.readouterr().out
    return [[cell.strip() for cell in line.replace("┃", "│").split("│")] for line in out.splitlines()], out


def test_prices_stand_with_their_change_and_the_entries_to_add(capsys):
    entry = "{provider: openai, model: n, usd_per_million: {input: 30}}"
    lines, out = prices_printed(
        capsys,
        price_row(cost_usd="1.50", variant="hd/1024-x-1024"),
        price_row(cost_usd="2.25", cost_change_usd="0.75", previous_price="old"),
        price_row(model="n", unpriced_calls=1, unpriced_cost_usd="0.25", cost_usd="0.25", add=entry),
        price_row(model="n", unpriced_calls=1, unpriced_cost_usd="0.25", cost_usd="0.25", add=entry),
        calls=4,
        cost_usd="4.25",
    )
    price, first = "litellm-1:openai/m:aaaaaaaa", "2026-03-02 10:00"
    assert ["openai", "hd/1024-x-1024/m", price, first, "1", "1.50", "", ""] in lines
    assert ["openai", "m", price, first, "1", "2.25", "", "0.75"] in lines
    assert ["openai", "n", price, first, "1", "0.25", "0.25", ""] in lines
    assert out.count(f"prices:\n  - {entry}\n") == 1
    assert out.count(entry) == 1
    assert "Price lists: litellm-1." in out


def test_an_entry_to_copy_stands_on_one_line_in_a_narrow_terminal(capsys):
    entry = "{provider: openai, model: a-model-with-a-long-name, usd_per_million: {input: 30, output: 180}}"
    shown = {**document([price_row(add=entry)]), "price_lists": ["litellm-1"], "total": price_row()}
    tables.prices(shown, 40)
    assert f"\nprices:\n  - {entry}\n" in capsys.readouterr().out


def test_no_prices_are_said_to_be_none(capsys):
    _, out = prices_printed(capsys)
    assert "No calls in this period." in out
    assert "prices:\n" not in out


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_a_figure_is_whole_in_a_narrow_terminal_or_said_to_be_left_out(capsys, columns):
    big = {"calls": 2_652, "input_tokens": 363_698, "cache_read_tokens": 164_042_885, "output_tokens": 3_201_111}
    big |= {"cache_write_tokens": 6_674_238, "reasoning_tokens": 3_172_116, "cost_usd": "101.585391"}
    rows = [{"team": "payments", "project": "checkout", **big}]
    tables.spend(document(rows, by=("team", "project"), cost_usd="101.585391"), columns)
    out = capsys.readouterr().out
    assert "…" not in out
    assert all(text in out for text in ("payments", "checkout", "2,652", "101.585391"))
    for name, figure in (("cache read", "164,042,885"), ("reasoning", "3,172,116"), ("output", "3,201,111")):
        assert (figure in out) != (name in out.partition("Left out")[2])


def test_facts_have_no_blanks_behind_them(capsys):
    tables.sections([("Title", {"short": "x", "long": "y" * 70})])
    assert all(line == line.rstrip() for line in capsys.readouterr().out.splitlines())


def test_the_id_of_an_increase_stays_whole_in_80_columns(capsys):
    row = dict.fromkeys(("revoked_by", "revoked_because"), "") | {
        "id": "gr_019a1b2c3d4e01234567",
        "budget": "payments-team-month",
        "instance": ["alice"],
        "amount": "50.00 USD",
        "until": "2027-01-01T00:00:00+00:00",
        "state": "in force",
        "actor": "operator",
        "reason": "the release needs it",
    }
    tables.increases({"rows": [row]}, width=80)
    out = capsys.readouterr().out
    assert "gr_019a1b2c3d4e01234567" in out
    assert max(map(len, out.splitlines())) <= 80
