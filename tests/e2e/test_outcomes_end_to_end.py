"""Spend against deployments from end to end, by real processes, git and webhooks; every figure is worked out by hand.

Money. A call asks 8 tokens and N come back, at 3,000,001 and 15,000,007 pico-dollars each: 24,000,008 + N * 15,000,007.

    what says whose it is                            N           pico-dollars  goes to
    `outlay run` on the branch of #1, merged later   1000      15,024,007,008  #1
    `outlay run` on the branch of #4                  200       3,024,001,408  #4, which is rolled back
    a session that two commits name                   101       1,539,000,715  #2: 769,500,358 and #3: 769,500,357
    the repository alone: what alice landed next       50         774,000,358  #1, estimated
    a project that is one service's                    40         624,000,288  search
    a repository in which nothing landed               30         474,000,218  claimed
    nothing                                            20         324,000,148  unattributed
    a running product                                 500       7,524,003,508  beside it, in no cost
                                            built          21,783,010,143

Deployments of checkout: #1; #2 and #3; #5 and #6; #4, after which the one before is put back. Of search: #7, as its
pipeline tells. So 5 groups are credited in checkout and 1 in search, each where 2 are normal by imported history:
2 * (1 + ln(5 / 2)) = 3.832581 and 1, together 4.832581; the index is that over the 4 of two normal weeks, 1.208145.
"""

import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from proxy.policy.keys import digest, mint
from tests.fakes import deliveries
from tests.fakes.deliveries import Json, Sent
from tests.fakes.git_repository import GitRepository
from tests.flow.ledger_world import a_store
from tests.servers.processes import (
    ADMIN_KEY,
    ALICE_KEY,
    BOB_KEY,
    Deployment,
    StandIn,
    base_environ,
    fetch,
    post,
    until,
)

PLACE = "github.com/acme/checkout"
ASSISTANT_KEY = mint(bytes(range(3, 43)))
PIPELINE = "the pipeline's own secret"
WAIT_S = 120.0
LOOK_S = 0.2
SERVICES = """
sources:
  acme-github: {{kind: github, secrets: [{{env: EVENTS_SECRET}}]}}
  pipelines: {{kind: generic, secrets: [{{env: PIPELINE_SECRET}}]}}
services:
  checkout:
    repositories: [{place}]
    paths: [pay/**]
    environments: [production]
    registered: {registered}
    deploy_actors: ["robot[bot]"]
    sources: [acme-github]
    soak: 3s
    owner: payments
  search:
    repositories: [{place}]
    paths: [search/**]
    environments: [search-production]
    registered: {registered}
    deploy_actors: [ci]
    trust: claimed
    soak: 3s
    owner: search
    projects: [search]
"""
MIRROR = """
mirrors:
  {place}: {{url: "file://{bare}"}}
"""
ACCESS = """
people:
  alice: {team: payments, aliases: [alice@acme.example]}
  bob: {team: payments, aliases: [bob@acme.example]}
service_accounts: {assistant: {team: payments}}
projects:
  checkout: {team: payments}
  search: {team: search}
  assistant: {team: payments, purpose: run}
"""
PRICES = """
prices:
  - {name: by-hand, provider: openai, model: gpt-4o, usd_per_million: {input: 3.000001, output: 15.000007}}
"""
PROGRAM = """
import json, subprocess, sys
from pathlib import Path
import openai
openai.OpenAI(max_retries=0).chat.completions.create(
    model="gpt-4o", messages=[{"role": "user", "content": "hi"}], extra_headers={"x-standin-tokens": sys.argv[1]}
)
for branch, text in json.loads(sys.argv[2]).items():
    subprocess.run(["git", "checkout", "-q", branch], check=True)
    Path("pay", branch + ".py").write_text(text)
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Work on " + branch], check=True)
"""
BRANCHES = {1: "refunds", 2: "rates", 3: "fees", 4: "holds", 5: "taxes", 6: "gifts", 7: "ranking"}
PAST = ((101, "alice", "bob"), (102, "bob", "alice"), (103, "alice", "bob"), (104, "bob", "alice"))
AUTHORS = {1: "alice", 2: "bob", 3: "bob", 4: "alice", 5: "alice", 6: "bob", 7: "bob"}


def code(name: str) -> str:
    return "".join(f"def {name}_{step}({step}):\n    return {step}.{name}({len(name)})\n" for step in ("ask", "give"))


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def monday(at: datetime) -> datetime:
    day = datetime(at.year, at.month, at.day, tzinfo=UTC)
    return day - timedelta(days=day.weekday())


NOW = datetime.now(UTC)
QUARTER = datetime(NOW.year, (NOW.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)
REGISTERED = monday(QUARTER) - timedelta(weeks=5)
"""No whole week lies between the end of the 30 days of probation and the quarter, and two before it are imported."""


class World:
    """A repository with a remote, outlay in front of a provider, and whoever works with them."""

    def __init__(self, folder: Path, provider: StandIn) -> None:
        self.work = GitRepository(folder / "work")
        self.bare = folder / "remote.git"
        self.home = folder / "home"
        self.home.mkdir()
        self.work.git("init", "-q", "--bare", str(self.bare))
        self.work.git("remote", "add", "origin", f"https://{PLACE}.git")
        self.heads: dict[int, str] = {}
        self.merges: dict[int, str] = {}
        self.server = Deployment(
            folder / "outlay", provider.url, {"EVENTS_SECRET": deliveries.SECRET, "PIPELINE_SECRET": PIPELINE}
        )
        policies = self.server.folder / "policies"
        self.services = SERVICES.format(place=PLACE, registered=f"{REGISTERED:%Y-%m-%d}")
        (policies / "services.yaml").write_text(self.services)
        (policies / "access.yaml").write_text(ACCESS)
        (policies / "prices.yaml").write_text(PRICES)
        (policies / "keys.yaml").write_text(
            f"""keys:
  - {{id: k_alice, hash: "{digest(ALICE_KEY.encode())}", user: alice, projects: [checkout]}}
  - {{id: k_bob, hash: "{digest(BOB_KEY.encode())}", user: bob, projects: [checkout, search]}}
  - {{id: k_run, hash: "{digest(ASSISTANT_KEY.encode())}", service_account: assistant, projects: [assistant]}}
"""
        )

    # --- who works

    def outlay(self, *words: str, key: str = ADMIN_KEY, **more: str) -> str:
        """What a command printed, in the work tree."""
        who = {f"GIT_{role}_{name}": "alice" for role in ("AUTHOR", "COMMITTER") for name in ("NAME", "EMAIL")}
        here = {"HOME": str(self.home), "OUTLAY_URL": self.server.ledger_url, "OUTLAY_KEY": key, **who, **more}
        ran = subprocess.run(
            [sys.executable, "-m", "proxy", *words],
            env={**base_environ(), "GIT_CONFIG_NOSYSTEM": "1", **here},
            cwd=self.work.folder,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert ran.returncode == 0, (words, ran.stderr)
        return ran.stdout

    def run(self, key: str, tokens: int, *numbers: int) -> None:
        """A program that asks a model and commits to the branches of these changes, by `outlay run`."""
        texts = json.dumps({BRANCHES[each]: code(BRANCHES[each]) for each in numbers})
        self.outlay("run", "--install-hook", "--", sys.executable, "-c", PROGRAM, f"{tokens}", texts, key=key)

    def call(self, key: str, tokens: int, **headers: str) -> None:
        named = {f"x-outlay-{name}": value for name, value in headers.items()}
        plain = {"authorization": f"Bearer {key}", "content-type": "application/json", "x-standin-tokens": f"{tokens}"}
        body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).encode()
        assert post(f"{self.server.url}/v1/chat/completions", body, plain | named)[0] == 200

    def merge(self, number: int, message: str) -> str:
        self.heads[number] = self.work.head(BRANCHES.get(number, f"past-{number}"))
        self.merges[number] = self.work.merge(BRANCHES.get(number, f"past-{number}"), message=message)
        return self.merges[number]

    def push(self) -> None:
        tips = [f"{head}:refs/pull/{number}/head" for number, head in self.heads.items()]
        self.work.git("push", "-q", str(self.bare), "main", *tips)

    def mirror(self) -> None:
        """Once the repository has something to read: it is fetched again only a quarter of a minute later."""
        whole = self.services + MIRROR.format(place=PLACE, bare=self.bare)
        (self.server.folder / "policies" / "services.yaml").write_text(whole)

    # --- what is told

    def send(self, sent: Sent, kind: str = "") -> int:
        return post(f"{self.server.ledger_url}/v1/events/{kind or sent.kind}", sent.body, sent.headers)[0]

    def webhooks(self, now_s: int) -> list[Sent]:
        """GitHub's, of the changes and deployments of this test, in the order in which things happened."""
        told = [each for number in BRANCHES for each in self._change(number, now_s)]
        ships = {"1": 1, "2": 3, "3": 6, "4": 4, "5": 6}
        told += [self._deployed(name, self.merges[number], now_s + int(name)) for name, number in ships.items()]
        return [deliveries.github(event, body, delivery=f"d-{at}") for at, (event, body) in enumerate(told)]

    def _change(self, number: int, now_s: int) -> Iterator[tuple[str, Json]]:
        author = AUTHORS[number]
        approved = deliveries.review(
            id=number,
            user={"login": "bob" if author == "alice" else "alice"},
            commit_id=self.heads[number],
            submitted_at=iso(now_s),
        )
        approved["pull_request"] = {"number": number, "updated_at": iso(now_s)}
        yield "pull_request_review", approved
        merged = deliveries.pull_request(
            number=number,
            user={"login": author, "type": "User"},
            title=f"Work on {BRANCHES[number]}",
            body="",
            head={"sha": self.heads[number], "ref": BRANCHES[number], "repo": {"id": 1}},
            merge_commit_sha=self.merges[number],
            merged_at=iso(now_s),
            updated_at=iso(now_s),
        )
        yield "pull_request", merged | {"action": "closed"}

    def _deployed(self, name: str, sha: str, at_s: int) -> tuple[str, Json]:
        body = deliveries.deployment_status(id_=int(name), sha=sha, created_at=iso(at_s))
        body["deployment_status"]["created_at"] = iso(at_s)
        return "deployment_status", body

    # --- what is reported

    def report(self, **parameters: str) -> Any:
        asked = {"by": "service", "since": f"{monday(NOW):%Y-%m-%d}", "reason": "checked by hand"} | parameters
        query = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in asked.items())
        return fetch(f"{self.server.ledger_url}/v1/reports/deployments?{query}", ADMIN_KEY)


@pytest.fixture
def world(tmp_path: Path, provider: StandIn) -> Iterator[World]:
    if shutil.which("git") is None:
        pytest.skip("no git command")
    made = World(tmp_path, provider)
    try:
        made.server.start_server()
        yield made
    finally:
        made.server.stop()


def import_the_past(world: World) -> None:
    """Two weeks of two reviewed changes and one release each, before the services were registered."""
    work = world.work
    (work.folder / "pay").mkdir()
    (work.folder / "search").mkdir()
    work.at_s = int((REGISTERED - timedelta(days=13)).timestamp())
    work.commit({"README.md": "checkout\n"}, "First")
    for number, author, reviewer in PAST:
        work.branch(f"past-{number}")
        work.commit({f"pay/past_{number}.py": code(f"p{number}")}, "Work", author=f"{author}@acme.example")
        reviewed = f"Reviewed-by: {reviewer} <{reviewer}@acme.example>"
        world.merge(number, f"Merge pull request #{number} from acme/past-{number}\n\n{reviewed}")
        if number % 2 == 0:
            work.git("tag", f"v{number}")
            work.at_s += 7 * 86_400
    world.push()
    said = world.outlay("deployments", "import", "--git", str(work.folder), "--tags", "refs/tags/v*")
    assert "on record, labelled imported" in said


def work_a_little(world: World) -> None:
    """Calls through the gateway, and the changes they went into, merged."""
    work = world.work
    work.at_s = int(time.time())
    for branch in BRANCHES.values():
        work.git("branch", branch)
    work.checkout(BRANCHES[1])
    world.run(ALICE_KEY, 1000, 1)
    work.checkout(BRANCHES[4])
    world.run(ALICE_KEY, 200, 4)
    work.checkout("main")
    world.run(BOB_KEY, 101, 2, 3)
    world.call(ALICE_KEY, 50, repo=PLACE)
    world.call(ALICE_KEY, 30, repo="github.com/acme/elsewhere", branch="anything")
    world.call(ALICE_KEY, 20)
    world.call(BOB_KEY, 40, project="search")
    world.call(ASSISTANT_KEY, 500)
    for number, folder in ((5, "pay"), (6, "pay"), (7, "search")):
        work.checkout(BRANCHES[number])
        work.commit({f"{folder}/{BRANCHES[number]}.py": code(BRANCHES[number])})
    for number in (1, 2, 3, 5, 6, 7, 4):
        world.merge(number, f"Merge pull request #{number} from acme/{BRANCHES[number]}")
    world.push()


def test_spend_stands_against_what_was_delivered_to_the_last_digit(world: World) -> None:
    import_the_past(world)
    work_a_little(world)
    world.mirror()
    webhooks = world.webhooks(int(time.time()))

    # What is told last happened first.
    assert {world.send(each) for each in reversed(webhooks)} == {200}
    told = ("--environment", "search-production", "--service", "search", "--actor", "ci", "--sha", world.merges[7])
    recorded = world.outlay("deployments", "record", *told, "--strict", "--json", OUTLAY_EVENTS_SECRET=PIPELINE)
    assert json.loads(recorded)["recorded"] is True

    def is_settled() -> bool:
        time.sleep(LOOK_S)
        total = world.report()["total"]
        return [total[name] for name in ("deployments", "delivered", "voided", "not_counted")] == [6, 4, 1, 1]

    until("all is told, read from the mirror, and has lasted", is_settled, world.server.server, WAIT_S)
    before = world.report()
    check(before)
    check_withheld(world)
    check_commands(world)
    meddle(world, webhooks, json.loads(recorded)["event"])
    after = world.report()
    assert [after[part] for part in ("rows", "total", "baselines")] == [
        before[part] for part in ("rows", "total", "baselines")
    ]
    check_calls(world, after)
    assert world.server.server.stop() == 0
    check_shares(world)


def check(report: Any) -> None:
    nothing, checkout, search = sorted(report["rows"], key=lambda row: row["service"])
    total = report["total"]
    assert [row["service"] for row in (nothing, checkout, search)] == ["", "checkout", "search"]
    counted = ("deployments", "delivered", "pending", "voided", "unverified", "not_counted")
    assert [[row[name] for name in counted] for row in (checkout, search, total)] == [
        [5, 3, 0, 1, 0, 1],
        [1, 1, 0, 0, 0, 0],
        [6, 4, 0, 1, 0, 1],
    ]
    assert (checkout["voided_because"], checkout["not_counted_because"]) == ("redeploy older 1", "ran there before 1")
    earned = ("credits", "normal", "credited", "index")
    assert [[row[name] for name in earned] for row in (checkout, search, total)] == [
        ["5", "2", "3.832581", "1.916291"],
        ["1", "2", "1", "0.5"],
        ["6", "4", "4.832581", "1.208145"],
    ]
    # One of four deployments that were new failed; the next one is the old one again.
    assert (checkout["change_fail_rate"], total["review_load"]) == ("0.25", "1")

    spent = (
        *("spend_usd", "header_usd", "session_usd", "project_usd", "estimated_usd"),
        *("claimed_usd", "unattributed_usd", "attributed_usd", "run_usd"),
    )
    assert [total[name] for name in spent] == [
        *("0.021783010143", "0.018048008416", "0.001539000715", "0.000624000288", "0.000774000358"),
        *("0.000474000218", "0.000324000148", "0.020985009777", "0.007524003508"),
    ]
    assert [checkout[name] for name in spent] == [
        *("0.020361009489", "0.018048008416", "0.001539000715", "0.00", "0.000774000358"),
        *("0.00", "0.00", "0.020361009489", "0.00"),
    ]
    assert search["spend_usd"] == search["project_usd"] == "0.000624000288"
    assert (nothing["spend_usd"], nothing["run_usd"]) == ("0.000798000366", "0.007524003508")
    # All that alice's and bob's team spent, and nothing is known of, may be checkout's.
    assert checkout["within_reach_usd"] == "0.000798000366"

    # 20,985,009,777 of 21,783,010,143; that over 4.832581; by chance 6 may be 2.2019 to 13.0595 of Poisson's tables.
    assert total["attributed_share"] == "0.963366"
    assert (total["cost_per_credited_usd"], total["cost_basis"]) == ("0.004508", "chance")
    assert (total["cost_low_usd"], total["cost_high_usd"]) == ("0.002071", "0.012283")
    # 21,159,009,855 over 3.832581; 5 may be 1.6235 to 11.6683.
    assert (checkout["cost_per_credited_usd"], checkout["cost_basis"]) == ("0.005521", "chance")
    assert (checkout["cost_low_usd"], checkout["cost_high_usd"]) == ("0.002366", "0.017003")
    assert search["cost_basis"] == "too few"
    assert not [each for each in report["not_yet_known"] if "can't be read" in each]
    # Built by hand from imported history, and on no record before that has been read in peace.
    assert [(each["imported"], each["on_record"]) for each in report["baselines"][-1:]] == [(1, 0)]


def check_withheld(world: World) -> None:
    """Two people are too few to tell of without a reason; their money is whole all the same."""
    shown = world.report(reason="")
    assert [row["delivered"] for row in shown["rows"] if row["service"]] == [None, None]
    assert (shown["total"]["delivered"], shown["total"]["spend_usd"]) == (None, "0.021783010143")


def check_commands(world: World) -> None:
    words = ("--by", "service", "--since", f"{monday(NOW):%Y-%m-%d}", "--reason", "checked by hand", "--format", "csv")
    rows = {row["service"]: row for row in csv.DictReader(world.outlay("report", "deployments", *words).splitlines())}
    assert (rows["checkout"]["credited"], rows["checkout"]["header_usd"]) == ("3.832581", "0.018048008416")
    voided = world.outlay("deployments", "explain", world.merges[4], COLUMNS="100")
    for part in ("voided", "redeploy older", f"Change {PLACE}#4", "approved by reviewer 1"):
        assert part in voided, voided
    named = world.outlay("deployments", "explain", world.merges[4], "--reason", "checked by hand", COLUMNS="100")
    assert "approved by bob" in named, named
    lasting = fetch(f"{world.server.ledger_url}/v1/deployments/2", ADMIN_KEY)
    assert lasting["standing"] == "delivered"
    assert {each["group"]: each["credit"] for each in lasting["groups"]} == {f"{PLACE}#2": "1", f"{PLACE}#3": "1"}


def meddle(world: World, webhooks: list[Sent], event: Mapping[str, str]) -> None:
    """Sent twice, under other names, in another order, forged, and late."""
    again = [Sent(each.kind, each.body, {**each.headers, "x-github-delivery": "other"}) for each in webhooks]
    assert {world.send(each) for each in (*webhooks, *again[::2], *again[1::2])} == {200}
    now_s = int(time.time())
    more = world._deployed("77", world.merges[7], now_s)
    assert world.send(deliveries.github(*more, secret="of mallory's")) == 401
    true = deliveries.github(*world._deployed("1", world.merges[1], now_s))
    assert world.send(Sent(true.kind, true.body.replace(b'"success"', b'"failure"'), true.headers)) == 401
    assert world.send(true, "gitlab") == 401
    at_us = now_s * 1_000_000
    assert world.send(deliveries.ours("generic", dict(event), PIPELINE, at_us)) == 200
    assert world.send(deliveries.ours("generic", dict(event), PIPELINE, at_us - 600_000_000)) == 401
    assert world.send(deliveries.ours("generic", dict(event), "of mallory's", at_us)) == 401
    # True and signed, of a repository that nobody registered: once it is listed, so is all that came before it.
    stranger = {"repository": {"full_name": "acme/other", "html_url": "https://github.com/acme/other"}}
    assert world.send(deliveries.github(more[0], {**more[1], **stranger})) == 202
    url = f"{world.server.ledger_url}/v1/events/quarantine"
    until("it is listed", lambda: bool(fetch(url, ADMIN_KEY)["rows"]), world.server.server, WAIT_S)


def check_calls(world: World, report: Any) -> None:
    """The report of deployments and that of spend are of the same money, by purpose and by team."""
    spent = world.server.report("purpose", since=f"{monday(NOW):%Y-%m-%d}")
    assert {row["purpose"]: (row["calls"], row["cost_usd"]) for row in spent["rows"]} == {
        "build": (7, report["total"]["spend_usd"]),
        "run": (1, report["total"]["run_usd"]),
    }
    teams = {row["team"]: row["spend_usd"] for row in world.report(by="team")["rows"]}
    assert teams == {"payments": "0.021159009855", "search": "0.000624000288"}


def check_shares(world: World) -> None:
    """What each change group was charged, by which proof, as the tables hold it."""
    with a_store(world.server.data) as store:
        shares = store.read("SELECT method, service, group_id, cost_pico FROM outcome_shares ORDER BY ALL")
        ((calls,),) = store.read("SELECT sum(cost_pico) FROM calls")
    assert [(method, service, group.removeprefix(PLACE), cost) for method, service, group, cost in shares] == [
        ("claimed", "", "", 474_000_218),
        ("estimated", "checkout", "#1", 774_000_358),
        ("header", "checkout", "#1", 15_024_007_008),
        ("header", "checkout", "#4", 3_024_001_408),
        ("project", "search", "", 624_000_288),
        ("run", "", "", 7_524_003_508),
        ("session", "checkout", "#2", 769_500_358),
        ("session", "checkout", "#3", 769_500_357),
        ("unattributed", "", "", 324_000_148),
    ]
    assert sum(cost for *_, cost in shares) == calls == 29_307_013_651
