"""Events at a real ledger process: what was answered with 2xx survives kill -9; scripts sign as the page says."""

import json
import subprocess
import threading
from pathlib import Path

import pytest

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_segments import FileSegments
from proxy.journal.codec import decode
from proxy.model.told import Told
from tests.fakes import deliveries
from tests.fakes.deliveries import MERGE, SECRET
from tests.flow.ledger_world import a_store
from tests.servers.processes import ADMIN_KEY, Deployment, fetch, post, until

pytestmark = pytest.mark.e2e
SERVICES = """
sources:
  acme-github: {kind: github, secrets: [{env: EVENTS_SECRET}]}
  pipelines: {kind: generic, secrets: [{file: next-secret}, {env: PIPELINE_SECRET}]}
services:
  checkout:
    repositories: [github.com/acme/checkout]
    environments: [production]
    registered: 2026-01-01
    deploy_actors: ["robot[bot]"]
"""
PIPELINES = "another secret of bob's"
PAGE = Path(__file__).resolve().parents[2] / "docs/outcomes.md"


@pytest.fixture
def outlay(tmp_path_factory):
    deployment = Deployment(
        tmp_path_factory.mktemp("e"), "http://127.0.0.1:9", {"EVENTS_SECRET": SECRET, "PIPELINE_SECRET": PIPELINES}
    )
    deployment.data.mkdir(mode=0o700)
    (deployment.folder / "policies/services.yaml").write_text(SERVICES)
    yield deployment
    deployment.stop()


def send(outlay, sent):
    """Status and document; 0 where nobody answers."""
    try:
        answer = post(f"{outlay.ledger_url}/v1/events/{sent.kind}", sent.body, sent.headers)
    except OSError:
        return 0, {}
    return answer.status, answer.document


def on_record(outlay):
    """Ids on the journal's disk."""
    segments = FileSegments(outlay.data / "journal")
    lines = (line for each in segments.list() for line in segments.read(each, 0, 1 << 30).splitlines())
    return [entry.id for line in lines if isinstance(entry := decode(line), Told)]


def deployed(number):
    return deliveries.github("deployment_status", deliveries.deployment_status(id_=number))


def test_what_was_answered_survives_kill_9_and_is_known_again(outlay):
    outlay.start_ledger()
    answered: dict[int, list[str]] = {}
    stop = threading.Event()

    def sender(first):
        for number in range(first, first + 100_000, 4):
            status, document = send(outlay, deployed(number))
            if status == 200:
                answered[number] = document["ids"]
            if stop.is_set() or not status:
                return

    threads = [threading.Thread(target=sender, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    until("some are answered", lambda: len(answered) >= 40, outlay.ledger)
    outlay.ledger.kill()
    stop.set()
    for thread in threads:
        thread.join()
    outlay.start_ledger()
    ids = on_record(outlay)
    assert {id_ for each in answered.values() for id_ in each} <= set(ids)
    number = next(iter(answered))
    status, document = send(outlay, deployed(number))
    assert (status, document["ids"]) == (200, answered[number])
    outlay.ledger.stop()
    with a_store(outlay.data) as store:
        rows = store.read("SELECT id FROM told")
    assert len(rows) == len(set(rows)) == len(set(ids))


def test_a_script_signs_as_the_page_says(outlay):
    outlay.start_ledger()
    script = PAGE.read_text().partition("### Anything else")[2].partition("```sh\n")[2].partition("```")[0]
    script = script.replace("https://outlay.example.com", outlay.ledger_url).replace("$(git rev-parse HEAD)", MERGE)
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        env={"SECRET": PIPELINES, "PATH": "/usr/bin:/bin", "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    document = json.loads(ran.stdout)
    assert (document["source"], document["ids"], document["quarantine"]) == (
        "pipelines",
        ["pipelines:build-4711:0"],
        [],
    )


def test_what_nobody_registered_is_listed_by_the_running_ledger(outlay):
    outlay.start_ledger()
    now_us = SystemClock().now_us()
    status, _ = send(
        outlay, deliveries.ours("generic", {**deliveries.generic(), "repository": "acme/x"}, PIPELINES, now_us)
    )
    assert status == 400
    sent = deliveries.ours(
        "generic", deliveries.generic(repository="github.com/acme/other", service=""), PIPELINES, now_us
    )
    status, document = send(outlay, sent)
    assert (status, len(document["quarantine"])) == (202, 1)
    url = f"{outlay.ledger_url}/v1/events/quarantine"
    until("it is listed", lambda: bool(fetch(url, ADMIN_KEY)["rows"]), outlay.ledger)
    found = fetch(url, ADMIN_KEY)
    assert [row["repository"] for row in found["rows"]] == ["github.com/acme/other"]
    assert {each["name"]: each["secrets_readable"] for each in found["sources"]} == {"acme-github": 1, "pipelines": 1}
