"""POST /v1/events over HTTP, without a process: who is answered what, what is on record, and what it adds up to."""

import hashlib
import hmac
import json
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.app.ledger_wiring import Ledger
from proxy.app.mirror_reading import line_of
from proxy.model.identity import OwnerKind, Role
from proxy.model.service import NO_SERVICES
from proxy.model.told import CommitTold, DiffTold, ShippedTold, Told
from proxy.outcomes.events.signing import sign
from proxy.outcomes.folding import fold
from proxy.policy.keys import digest
from proxy.policy.types import Access, Key, Person, PolicySet
from proxy.settings import Settings
from proxy.web.events import Events
from tests.fakes import deliveries
from tests.fakes.clock import FakeClock
from tests.fakes.deliveries import DIGEST, HEAD, MERGE, NOW_US, PLACE, SECRET, TOKEN, TREE, Sent
from tests.fakes.github_shapes import CASES
from tests.fakes.journal import FakeJournal
from tests.flow.ledger_world import a_store, load

FINANCE = "outlay_finance"


class World:
    def __init__(self, folder, store):
        (folder / "secret").write_text(f"{SECRET}\n")
        (folder / "token").write_text(f"{TOKEN}\n")
        key = digest(FINANCE.encode())
        keys = {key: Key("k_f", key, "bob", OwnerKind.PERSON, (), Role.FINANCE)}
        self.policies = PolicySet("v1", keys=keys)
        self.register(deliveries.services())
        self.journal, self.clock, self.store = FakeJournal(), FakeClock(NOW_US), store
        given = Settings(data=folder, policies=folder), store, self.journal, lambda: self.policies
        self.ledger = Ledger(*given, clock=self.clock)
        self.application = self.ledger.application()

    def register(self, services):
        files = tuple(("file", name) for name in ("secret", "token"))
        sources = {name: replace(each, secrets=files) for name, each in services.sources.items()}
        self.policies = replace(self.policies, services=replace(services, sources=sources))

    async def send(self, sent, path="", **headers):
        transport = httpx.ASGITransport(app=self.application)
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
            given = {**sent.headers, **headers}
            return await client.post(path or f"/v1/events/{sent.kind}", content=sent.body, headers=given)

    async def get(self, path, key=FINANCE):
        transport = httpx.ASGITransport(app=self.application)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://ledger", headers=headers) as client:
            return await client.get(path)

    async def metric(self, **labels):
        text = (await self.get("/metrics")).text
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        lines = [line for line in text.splitlines() if line.startswith("outlay_ledger_events_total")]
        return sum(float(line.split()[-1]) for line in lines if all(each in line for each in wanted))

    @property
    def told(self):
        return self.journal.of(Told)


@pytest.fixture
def world(tmp_path):
    with a_store(tmp_path) as store:
        yield World(tmp_path, store)


ALL = [
    deliveries.github("deployment_status", deliveries.deployment_status()),
    deliveries.standard(deliveries.gitlab_deployment()),
    deliveries.ours("argocd", deliveries.argo()),
    deliveries.ours(
        "cdevents",
        deliveries.cdevent("service.deployed.0.2.0", "checkout", {"environment": {"id": "production"}}),
    ),
    deliveries.ours("generic", deliveries.generic()),
]


@pytest.mark.parametrize("sent", ALL, ids=lambda sent: sent.kind)
async def test_a_delivery_is_on_disk_before_it_is_answered_and_the_same_again_tells_nothing_new(world, sent):
    answer = await world.send(sent)
    assert answer.status_code == 200, answer.text
    assert world.journal.flushed_entries == len(world.told) == 1
    document = answer.json()
    assert document["ids"] == [world.told[0].id]
    assert (document["source"], document["duplicate"]) == (sent.kind, False)
    again = await world.send(sent, **{"x-github-delivery": "another"})
    assert (again.status_code, again.json()["ids"], again.json()["duplicate"]) == (200, document["ids"], True)
    assert len(world.told) == 1
    assert await world.metric(kind=sent.kind, source=sent.kind, result="told") == 1
    assert await world.metric(kind=sent.kind, source=sent.kind, result="duplicate") == 1


@pytest.mark.parametrize("sent", ALL, ids=lambda sent: sent.kind)
@settings(max_examples=20)
@given(data=st.data())
async def test_one_forged_byte_is_refused_and_leaves_nothing_but_a_count(world, sent, data):
    before = await world.metric(kind=sent.kind, result="refused")
    at = data.draw(st.integers(0, len(sent.body) - 1))
    forged = bytearray(sent.body)
    forged[at] ^= data.draw(st.integers(1, 255))
    answer = await world.send(replace(sent, body=bytes(forged)))
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "unverified")
    assert world.journal.entries == []
    assert await world.metric(kind=sent.kind, result="refused") == before + 1


async def test_nobody_registered_is_refused_and_shown_what_to_do(world):
    world.register(NO_SERVICES)
    answer = await world.send(ALL[0])
    assert answer.status_code == 401
    assert "services.yaml has no such source of kind github" in answer.json()["error"]["message"]
    refused = (await world.get("/v1/events/quarantine")).json()["refused"]
    assert [(each["kind"], each["deliveries"]) for each in refused] == [("github", 1)]
    assert world.journal.entries == []


async def test_a_source_is_one_by_name_or_any_whose_secret_fits(world):
    services = world.policies.services
    second = replace(services.sources["github"], name="second", secrets=(("file", "second"),))
    world.policies = replace(world.policies, services=replace(services, sources={**services.sources, "second": second}))
    assert (await world.send(ALL[0], "/v1/events/github?source=second")).status_code == 401
    (world.ledger.settings.policies / "second").write_text("another secret")
    sent = deliveries.github("deployment_status", deliveries.deployment_status(), "another secret")
    assert (await world.send(sent)).json()["source"] == "second"
    assert (await world.send(sent, "/v1/events/github?source=second")).json()["duplicate"]
    assert (await world.send(sent, "/v1/events/github?source=github")).status_code == 401
    assert (await world.send(ALL[1], "/v1/events/gitlab?source=github")).status_code == 401


async def test_a_secret_that_changes_needs_no_restart(world):
    new = deliveries.github("deployment_status", deliveries.deployment_status(), "next")
    assert (await world.send(new)).status_code == 401
    (world.ledger.settings.policies / "secret").write_text("next and longer")
    assert (await world.send(ALL[0])).status_code == 401
    (world.ledger.settings.policies / "secret").write_text("next")
    assert (await world.send(new)).status_code == 200


async def test_what_nobody_registered_is_kept_listed_and_let_in_later(world):
    other = {"repository": {"full_name": "acme/refunds", "html_url": "https://github.com/acme/refunds"}}
    sent = deliveries.github("deployment_status", deliveries.deployment_status() | other)
    answer = await world.send(sent)
    assert answer.status_code == 202
    assert answer.json()["quarantine"] == ["no service in services.yaml has the repository github.com/acme/refunds"]
    await world.send(deliveries.ours("argocd", deliveries.argo(app="payouts")))
    await world.send(ALL[0])
    load(world.store, world.told, "ledger")
    rows = (await world.get("/v1/events/quarantine")).json()["rows"]
    assert {(each["repository"], each["service"], each["deployments"]) for each in rows} == {
        ("github.com/acme/refunds", "", 1),
        ("", "payouts", 1),
    }
    (shown,) = [each for each in rows if each["repository"]]
    assert 'repositories: ["github.com/acme/refunds"]' in shown["add"]
    assert 'environments: ["production"]' in shown["add"]
    (checkout,) = world.policies.services.services.values()
    refunds = replace(checkout, name="refunds", repositories=("github.com/acme/refunds",), names=("payouts",))
    world.register(replace(deliveries.services(), services={"checkout": checkout, "refunds": refunds}))
    assert (await world.get("/v1/events/quarantine")).json()["rows"] == []


async def test_what_a_source_tells_in_vain_is_listed_with_what_to_add_and_heard_from_then_on(world):
    """Signed with a pipeline's secret: somebody approves and merges, where the service's GitHub alone may say so."""
    known = deliveries.services(sources=("github",))
    world.register(known)
    custom = {"repository": PLACE, "reviewer": "bob", "state": "approved", "commit": HEAD}
    forged = [
        deliveries.ours("cdevents", deliveries.cdevent("change.reviewed.0.2.0", "12", {}, custom, id="e-1")),
        deliveries.ours("generic", deliveries.generic()),
    ]
    for turn in range(2):
        for sent in forged:
            answer = await world.send(sent)
            assert (answer.status_code, answer.json()["duplicate"]) == ((200, True) if turn else (202, False))
    assert (await world.send(ALL[0])).status_code == 200
    assert len(world.told) == 3
    load(world.store, world.told, "ledger")
    rows = (await world.get("/v1/events/quarantine")).json()["rows"]
    assert {(each["source"], each["why"], each["add"].splitlines()[-1].strip()) for each in rows} == {
        ("cdevents", "source cdevents may not tell of changes and reviews",
         "changes: true  # whoever has its secret can then say who approved what"),
        ("generic", "source generic is not among the sources of checkout", 'sources: ["github", "generic"]'),
    }  # fmt: skip
    more = {**known.sources, "cdevents": replace(known.sources["cdevents"], changes=True)}
    world.register(replace(deliveries.services(sources=("github", "generic", "cdevents")), sources=more))
    assert (await world.get("/v1/events/quarantine")).json()["rows"] == []


async def test_the_list_is_for_finance_and_admins(world):
    assert (await world.get("/v1/events/quarantine", "outlay_nobody")).status_code == 401
    sources = (await world.get("/v1/events/quarantine")).json()["sources"]
    assert {"name": "github", "kind": "github", "secrets": 2, "secrets_readable": 2} in sources


async def test_what_tells_nothing_is_taken(world):
    answer = await world.send(deliveries.github("ping", {"zen": "x"}))
    assert (answer.status_code, answer.json()["told"]) == (200, 0)
    assert "tells nothing" in answer.json()["message"]
    assert world.journal.entries == []


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (deliveries.ours("generic", deliveries.generic(state="done")), "state is one of"),
        (deliveries.ours("cdevents", {"x": 1}), "no CDEvent"),
        (deliveries.ours("argocd", {}), "uid and trigger"),
    ],
)
async def test_what_is_signed_and_unreadable_is_told_what_is_wrong(world, sent, says):
    answer = await world.send(sent)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "unreadable")
    assert says in answer.json()["error"]["message"]
    assert world.journal.entries == []


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_above_the_limit_is_refused_whether_it_says_so_or_not(world, declared):
    body = b"x" * (1024 * 1024 + 1)
    content = body if declared else _pieces(body)
    transport = httpx.ASGITransport(app=world.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        answer = await client.post("/v1/events/generic", content=content)
    assert (answer.status_code, answer.json()["error"]["type"]) == (413, "too_large")


async def _pieces(body):
    yield body[:700_000]
    yield body[700_000:]


async def test_without_room_for_bodies_it_is_to_be_sent_again(world):
    events = Events(world.journal, deliveries.services, lambda _: (SECRET,), lambda: NOW_US, lambda *_: None)
    events._room.bytes_max = len(ALL[4].body) + 10
    world.application = replace(world.ledger.plane(), events=events).application()
    assert [(await world.send(ALL[4])).status_code for _ in range(3)] == [200, 200, 200]
    events._room.bytes_max = 10
    answer = await world.send(ALL[4])
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert events._room.taken == 0


async def test_a_full_disk_is_said_and_the_same_delivery_is_taken_later(world):
    world.journal.break_()
    answer = await world.send(ALL[0])
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "not_on_record")
    world.journal.heal()
    again = await world.send(ALL[0])
    assert (again.status_code, again.json()["duplicate"], len(world.told)) == (200, False, 1)


async def test_an_unknown_kind_is_no_path(world):
    answer = await world.send(ALL[0], "/v1/events/bitbucket")
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "unknown_path")
    assert "/v1/events/github" in answer.json()["error"]["message"]


@pytest.fixture(scope="module")
def of_shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    with a_store(folder) as store:
        yield World(folder, store)


@pytest.mark.parametrize(("event", "document", "kinds"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_what_github_really_sends_is_taken_and_read(of_shapes, event, document, kinds):
    before = len(of_shapes.told)
    body = json.dumps(document).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-hub-signature-256": f"sha256={signature}",
    }
    answer = await of_shapes.send(Sent("github", body, headers))
    assert (answer.status_code, answer.json()["quarantine"]) == (200, [])
    lines = of_shapes.told[before:]
    assert (tuple(each.kind for each in lines), answer.json()["told"]) == (kinds, len(kinds))
    assert {(each.facts["repository"], each.clamped) for each in lines} <= {(PLACE, False)}


# --- what it adds up to

STORY = [
    deliveries.github("pull_request", deliveries.pull_request()),
    deliveries.github("pull_request_review", deliveries.review()),
    deliveries.github("pull_request", deliveries.merged()),
    deliveries.github("push", deliveries.push()),
    deliveries.github("deployment_status", deliveries.deployment_status("in_progress", seconds=-30)),
    deliveries.github("deployment_status", deliveries.deployment_status()),
    deliveries.github("deployment_status", deliveries.deployment_status("success", seconds=20)),
    deliveries.ours("argocd", deliveries.argo(commit=MERGE, repository=f"https://{PLACE}", at=deliveries.at(40))),
    deliveries.ours(
        "generic", {"event_id": "a", "kind": "artifact", "digest": DIGEST, "repository": PLACE, "sha": MERGE}
    ),
    deliveries.ours(
        "generic", {"event_id": "i", "kind": "incident", "service": "checkout", "occurred_at": deliveries.at(60)}
    ),
]


async def history(folder, sequence, again=()):
    """What a ledger with these deliveries in its database knows. Those in `again` come to a process that was restarted:
    it knows none of them."""
    folder.mkdir()
    with a_store(folder) as store:
        world = World(folder, store)
        for sent in sequence:
            assert (await world.send(sent)).status_code == 200
        restarted = World(folder, store)
        restarted.clock.advance(60_000_000)
        for sent in again:
            assert (await restarted.send(sent)).status_code == 200
        load(store, [*world.told, *restarted.told], "ledger")
        names = "id, at_us, source, delivery, kind, occurred_us, trust, payload, clamped, imported, quarantine, facts"
        lines = [Told(*row) for row in store.read(f"SELECT {names} FROM told")]
        return fold(lines, world.policies.services, {"alice": "alice", "bob": "bob"})


@settings(max_examples=8)
@given(data=st.data())
async def test_replayed_reordered_and_duplicated_deliveries_add_up_to_the_same(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("history")
    straight = await history(folder / "straight", STORY)
    (change,) = straight.changes.values()
    assert (change.merge, [each.person for each in change.approvals]) == (MERGE, ["bob"])
    assert {each.succeeded for each in straight.deployments} == {True}
    order = data.draw(st.permutations([*STORY, *data.draw(st.lists(st.sampled_from(STORY), max_size=5))]))
    again = data.draw(st.lists(st.sampled_from(STORY), max_size=5))
    assert await history(folder / "shuffled", order, again) == straight


async def test_a_replay_under_another_event_name_adds_nothing(tmp_path):
    straight = await history(tmp_path / "straight", STORY)
    forged = [
        replace(sent, headers={**sent.headers, "x-github-event": event})
        for sent in STORY
        if sent.kind == "github"
        for event in (
            "push",
            "deployment",
            "pull_request",
            "pull_request_review",
            "deployment_status",
            "issues",
            "workflow_run",
        )
    ]
    assert await history(tmp_path / "forged", STORY, forged) == straight


# --- and what is reported of it

OTHERS_SECRET = "what somebody took it for"
TOLD = [
    *[each for each in STORY if "incident" not in each.body.decode()],
    deliveries.ours("generic", deliveries.generic(event_id="staging", environment="staging")),
]
MIRRORED = (
    DiffTold(PLACE, "12", MERGE, patch_id="p", substance="substantive"),
    ShippedTold("checkout", PLACE, MERGE, "", (MERGE,)),
    CommitTold(PLACE, MERGE, tree=TREE),
)


def bent(sent, number):
    """What somebody without the secret makes of a true delivery: each of these is refused."""
    forged = sent.body.replace(b"alice", b"carol").replace(b"success", b"failure").replace(b"production", b"elsewhere!")
    if sent.kind == "github":
        sha1 = {"x-hub-signature": "sha1=" + hmac.new(SECRET.encode(), forged, hashlib.sha1).hexdigest()}
        plain = {name: text for name, text in sent.headers.items() if name != "x-hub-signature-256"}
        other = hmac.new(OTHERS_SECRET.encode(), sent.body, hashlib.sha256).hexdigest()
        wrong = {**sent.headers, "x-hub-signature-256": f"sha256={other}"}
        return (
            replace(sent, body=forged + b" "),
            Sent("github", forged, plain | sha1),
            Sent("github", sent.body, wrong),
        )[number]
    wrong = {"x-outlay-signature": sign(OTHERS_SECRET, sent.body, NOW_US)}
    old = {"x-outlay-signature": sign(SECRET, sent.body, NOW_US - 301_000_000)}
    return (replace(sent, body=forged + b" "), Sent(sent.kind, sent.body, wrong), Sent(sent.kind, sent.body, old))[
        number
    ]


async def reported(folder, sequence, again=()):
    """Bytes of the report and of the deployment's story. Each of the sequence is a delivery and how it is answered;
    those in `again` come to a process that was started anew."""
    folder.mkdir()
    with a_store(folder) as store:
        world, restarted = World(folder, store), World(folder, store)
        restarted.clock.advance(60_000_000)
        for process, sequence_ in ((world, sequence), (restarted, again)):
            process.register(deliveries.services(deploy_actors=("robot[bot]",)))
            people = {name: Person(name) for name in ("alice", "bob", "carol")}
            process.policies = replace(process.policies, access=Access(people))
            for sent, status in sequence_:
                assert (await process.send(sent)).status_code == status
        mirrored = [line_of(fact, PLACE, NOW_US) for fact in MIRRORED]
        load(store, [*world.told, *restarted.told, *mirrored], "ledger")
        restarted.clock.advance(16 * 86_400_000_000 - 60_000_000)
        period = "since=2027-01&until=2027-02&by=service,week&reason=audit"
        answers = [await restarted.get(f"/v1/reports/deployments?{period}"), await restarted.get("/v1/deployments/7")]
        assert [each.status_code for each in answers] == [200, 200], [each.text for each in answers]
        return [each.content for each in answers]


@pytest.fixture
async def straight(tmp_path):
    """What is reported of true deliveries, each sent once, in the order in which it happened."""
    found = await reported(tmp_path / "straight", [(sent, 200) for sent in TOLD])
    (row,) = [each for each in json.loads(found[0])["rows"] if each["delivered"]]
    assert row["credits"] == "1"
    return found


@settings(max_examples=4)
@given(data=st.data())
async def test_forged_replayed_reordered_and_duplicated_deliveries_change_no_byte_of_the_report(
    straight, tmp_path_factory, data
):
    """Those of GitHub and of the generic kind, through the endpoint, beside what was truly told."""
    few = st.lists(st.sampled_from(TOLD), max_size=4)
    twice = [(sent, 200) for sent in data.draw(few)]
    renamed = [(replace(sent, headers={**sent.headers, "x-github-delivery": "x"}), 200) for sent in data.draw(few)]
    forged = [(bent(sent, data.draw(st.integers(0, 2))), 401) for sent in data.draw(few) if sent.kind != "argocd"]
    shuffled = data.draw(st.permutations([*((sent, 200) for sent in TOLD), *twice, *renamed, *forged]))
    later = [(sent, 200) for sent in data.draw(few)] + [(bent(sent, 0), 401) for sent in data.draw(few)]
    assert await reported(tmp_path_factory.mktemp("bent") / "data", shuffled, later) == straight
