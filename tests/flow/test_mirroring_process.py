"""Signed webhooks at a real ledger process, and what its mirror of the repository adds to them."""

import httpx
import pytest

from proxy.adapters.journal_segments import FileSegments
from proxy.journal.codec import decode
from proxy.model.told import Told
from tests.fakes import deliveries
from tests.fakes.deliveries import SECRET
from tests.fakes.git_repository import GitRepository
from tests.servers.processes import ADMIN_KEY, Deployment, fetch, post, until

pytestmark = pytest.mark.e2e
PLACE = "github.com/acme/checkout"
SERVICES = f"""
sources:
  acme-github: {{kind: github, secrets: [{{env: EVENTS_SECRET}}]}}
services:
  checkout:
    repositories: [{PLACE}]
    environments: [production]
    registered: 2026-01-01
    deploy_actors: ["robot[bot]"]
mirrors:
  {PLACE}:
    url: %s
"""


@pytest.fixture
def repository(tmp_path):
    made = GitRepository(tmp_path / "checkout")
    made.commit({"a.py": "a = 1\n"}, "First")
    return made


@pytest.fixture
def outlay(tmp_path, repository):
    deployment = Deployment(tmp_path / "e", "http://127.0.0.1:9", {"EVENTS_SECRET": SECRET})
    deployment.data.mkdir(mode=0o700, parents=True)
    (deployment.folder / "policies/services.yaml").write_text(SERVICES % repository.url)
    yield deployment
    deployment.stop()


def send(outlay, name, event, document):
    sent = deliveries.github(event, document, delivery=name)
    answer = post(f"{outlay.ledger_url}/v1/events/github", sent.body, sent.headers)
    assert answer.status == 200, answer
    return answer.document


def mirrored(outlay):
    """What the mirror told, on the journal's disk."""
    segments = FileSegments(outlay.data / "journal")
    lines = (line for each in segments.list() for line in segments.read(each, 0, 1 << 30).splitlines())
    return [entry for line in lines if isinstance(entry := decode(line), Told) and entry.source == "mirror"]


def test_the_diff_and_the_commits_behind_webhooks_are_on_record(outlay, repository):
    first = repository.head()
    repository.branch("refunds")
    head = repository.commit({"refunds.py": "refund = 1\n"}, "Refunds\n\nAI-Session: s-1")
    repository.pull("12", head)
    merge = repository.squash("refunds", "Refunds in parts (#12)")
    outlay.start_ledger()
    tip = {"sha": head, "ref": "refunds", "repo": {"id": 1}}
    send(outlay, "d1", "deployment_status", deliveries.deployment_status(id_=1, sha=first, seconds=-7200))
    change = deliveries.pull_request(
        merged_at=deliveries.at(-1800), updated_at=deliveries.at(-1800), merge_commit_sha=merge, head=tip
    )
    send(outlay, "d2", "pull_request", change)
    send(outlay, "d3", "deployment_status", deliveries.deployment_status(id_=2, sha=merge))
    until("the mirror has told", lambda: len(mirrored(outlay)) >= 6, outlay.ledger)
    told = {(each.kind, each.facts["sha"]): each.facts for each in mirrored(outlay)}
    assert told["diff", merge]["substance"] == "substantive"
    assert told["diff", head]["number"] == "12"
    assert told["commit", head]["sessions"] == "s-1"
    assert (told["shipped", merge]["before"], told["shipped", merge]["commits"]) == (first, merge)
    state = fetch(f"{outlay.ledger_url}/readyz")["mirrors"][PLACE]
    assert (state["failing"], state["missing"]) == (None, [])
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    shown = httpx.get(f"{outlay.ledger_url}/metrics", headers=headers, timeout=300, trust_env=False).text
    assert f'outlay_ledger_mirror_failing{{node="ledger",repository="{PLACE}"}} 0.0' in shown
    assert outlay.ledger.stop() == 0
