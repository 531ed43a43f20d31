"""Months as pages: what finance sees in a browser, who sees it, and that no text in it is anything but text."""

import base64
import hashlib
import re
from dataclasses import replace
from html import unescape

import pytest

from proxy.model.identity import OwnerKind, Role
from proxy.model.usage import Usage
from proxy.policy.keys import digest
from proxy.policy.types import Key, PolicySet
from proxy.web.markup import HEADERS, STYLE
from tests.fakes import facts
from tests.flow.ledger_world import spent
from tests.flow.month_world import MonthWorld, at_us

PAGES = ("", "/corrections", "/verify", "/2026-10")


def call(number, day, **given):
    given = {"opened_us": at_us(day) + number, "project": "checkout", **given}
    return spent(f"call_{number}", Usage(input_text=100, output_text=number), **given)


def a_world(folder):
    keys = [
        Key(f"k_{role}", digest(f"outlay_{role}".encode()), "alice", OwnerKind.PERSON, (), role)
        for role in (Role.DEVELOPER, Role.FINANCE, Role.ADMIN)
    ]
    made = MonthWorld(folder, policies=PolicySet("v1", keys={key.hash: key for key in keys}))
    made.tell(call(1, "2026-10-01"), call(2, "2026-10-31", project="search", cost_center="CC-7"))
    return made


@pytest.fixture
def world(tmp_path):
    made = a_world(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """October is closed, and a call of it came late. Only read."""
    made = a_world(tmp_path_factory.mktemp("closed"))
    made.close_month("2026-10")
    made.tell(call(5, "2026-10-20"), node="late")
    yield made
    made.close()


def prompted(key, name="anything"):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


def page(world, rest="", headers=None, **parameters):
    return world.ask(f"/pages/months{rest}", headers=headers, local=headers is None, **parameters)


def followed(world, link):
    path, _, query = unescape(link).partition("?")
    return world.ask(path, **dict(each.split("=") for each in query.split("&") if each))


def text_of(answer):
    """What a reader sees, in one line."""
    body = answer.text.partition("</style>")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def joined_digits(text):
    return re.sub(r"(\.\d\d) (\d{10})", r"\1\2", text)


def test_a_browsers_prompt_takes_a_key_and_each_role_sees_what_its_key_may(closed):
    for rest in PAGES:
        asked = page(closed, rest, headers={})
        assert asked.status_code == 401
        assert asked.headers["www-authenticate"].startswith('Basic realm="outlay')
        for wrong in (prompted("outlay_wrong"), prompted(""), {"authorization": "Basic !"}):
            assert page(closed, rest, headers=wrong).status_code == 401
        assert page(closed, rest, headers=prompted("outlay_developer")).status_code == 403
        for shown in (prompted("outlay_finance"), prompted("outlay_admin"), prompted("outlay_finance", "")):
            assert page(closed, rest, headers=shown).status_code == 200
        assert page(closed, rest, headers={"authorization": "Bearer outlay_finance"}).status_code == 200
        assert page(closed, rest, headers=prompted("outlay_developer"), format="csv").status_code == 403


def test_the_prompts_key_opens_no_other_route_and_a_page_is_only_read(closed):
    headers = prompted("outlay_admin")
    assert closed.ask("/v1/months", headers=headers, local=False).status_code == 401
    assert closed.ask("/v1/months/2026-11/close", "POST", {}, headers=headers, local=False).status_code == 401
    for rest in PAGES:
        assert closed.ask(f"/pages/months{rest}", "POST", {}, headers=headers, local=False).status_code == 405
    assert closed.months()["2026-11"]["state"] == "open"


def test_a_page_runs_nothing_fetches_nothing_and_is_framed_nowhere(closed):
    for rest in PAGES:
        answer = page(closed, rest)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert not re.search(r"<script|<img|<link|<form|<iframe|javascript:| on\w+=| style=", answer.text)
        assert not any(name.startswith("access-control-") or name == "set-cookie" for name in answer.headers)
    allowed = re.search(r"style-src 'sha256-([^']+)'", HEADERS["content-security-policy"])
    assert base64.b64decode(allowed[1]) == hashlib.sha256(STYLE.encode()).digest()
    assert f"<style>{STYLE}</style>" in answer.text
    for said in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"):
        assert said in HEADERS["content-security-policy"]


def test_names_and_reasons_are_text_whatever_they_say(world):
    wild = "<script>alert('x')</script>\"&"
    world.tell(call(3, "2026-10-02", project=wild, cost_center=wild), node="wild")
    world.tell(facts.an_opened("call_9", opened_us=at_us("2026-10-31")), node="open")
    assert world.close_month("2026-10", wild).status_code == 201
    for rest in ("", "/2026-10"):
        answer = page(world, rest)
        assert "<script" not in answer.text
        assert wild in unescape(answer.text)


def test_an_open_month_says_what_is_in_the_way_and_a_free_one_how_it_is_closed(world):
    said = text_of(page(world))
    assert "2026-10 open, can be closed 2" in said
    assert "2026-10 : nothing. outlay months close 2026-10 closes it." in said
    assert "2026-11 open, can't be closed yet" in said
    assert "it is not over: wait until 2026-12-04 00:00 UTC." in said
    assert "No month is closed yet" in said
    world.tell(facts.an_opened("call_9", opened_us=at_us("2026-10-31")), node="open")
    said = text_of(page(world))
    assert "2026-10 open, can be closed for a reason" in said
    assert "1 call in flight" in said
    assert "With --reason it can be closed in spite of that." in said


def test_a_closed_month_shows_who_and_when_its_figures_its_hash_and_what_came_since(closed):
    row = closed.months()["2026-10"]
    sha256 = hashlib.sha256(closed.statement("2026-10")).hexdigest()

    said = joined_digits(text_of(page(closed)))
    assert f"2026-10 closed 2 {row['cost_usd']}" in said
    assert f"{row['unbooked_usd']} 2026-11-10 00:00 UTC operator" in said
    assert sha256 in said

    said = joined_digits(text_of(page(closed, "/2026-10")))
    assert "Closed 2026-11-10 00:00 UTC by operator." in said
    assert f"As stated, for 2 calls {row['cost_usd']}" in said
    assert f"Of this month, in no statement yet {row['unbooked_usd']}" in said
    assert f"{sha256} It is the hash that was put on record" in said
    assert "none, this is the first" in said
    assert "CC-7 search payments build 1" in said
    assert "openai gpt-5.1 2" in said
    assert "output_text 3" in said
    assert "Nothing was in the way." in said
    assert "nothing is compared with them" in said

    said = joined_digits(text_of(page(closed, "/corrections")))
    assert f"2026-10 checkout CC-42 openai gpt-5.1 1 {row['unbooked_usd']}" in said
    assert f"Together {row['unbooked_usd']} USD." in said


def test_links_lead_to_pages_and_to_the_same_files_as_the_api(closed):
    for rest in PAGES:
        links = re.findall(r'href="([^"]+)"', page(closed, rest).text)
        assert all(followed(closed, each).status_code == 200 for each in links)
    linked = [each for each in links if "format=" in each]
    assert [each.rpartition("=")[2] for each in linked] == ["json", "csv", "parquet", "xlsx"]
    for each in linked:
        file = followed(closed, each)
        assert file.content == closed.statement("2026-10", each.rpartition("=")[2])
        assert "attachment" in file.headers["content-disposition"]
    assert page(closed, format="csv").content == closed.ask("/v1/months", format="csv").content


def test_a_check_says_what_fails_and_what_a_statement_withholds_is_named(world):
    assert "No month is closed" in text_of(page(world, "/verify"))
    world.close_month("2026-10")
    assert "All hold . Worked out 2026-11-10 00:00 UTC." in text_of(page(world, "/verify"))
    with world.store.transaction() as change:
        change.execute("UPDATE statements SET document = replace(document, 'search', 'zearch')")
    said = text_of(page(world, "/verify"))
    assert "Something fails" in said
    assert "2026-10 FAILS its statement has the hash" in said
    assert "It is not the hash on record" in text_of(page(world, "/2026-10"))
    with world.store.transaction() as change:
        change.execute("UPDATE statements SET document = replace(document, '\"withheld\":false', '\"withheld\":true')")
    said = text_of(page(world, "/2026-10"))
    assert "Withheld: too few persons stand behind it" in said
    assert "Baselines" not in said


def test_what_is_not_there_is_told_as_a_page(closed):
    missing = page(closed, "/2026-09")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "2026-09 is not closed." in text_of(missing)
    assert page(closed, "/2026-13").status_code == 400


def test_a_month_that_was_closed_with_a_later_one_leads_there(world):
    world.tell(replace(call(20, "2026-08-05")), node="old")
    world.close_month("2026-10", "the books begin here")
    listed = page(world).text
    assert '<a href="/pages/months/2026-10">2026-08</a>' in listed
    assert "the books begin here" in text_of(page(world, "/2026-10"))
    assert "2026-08 1" in text_of(page(world, "/2026-10"))
