"""Disks that are full or read-only, and folders that go, under real processes: what callers and operators see, and
what is on record."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.journal.codec import LineError, decode
from proxy.model.entry import Settled
from tests.servers.processes import ALICE_KEY, Answer, Deployment, StandIn, answers, post, until

DISK = "48m"
"""Room for the two reserves of 8 MiB, the database and little more."""
SAID = [{"role": "user", "content": "hello"}]


def mount(folder: Path, *options: str) -> bool:
    return subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def outlay(provider: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """With a small disk of its own for the data folder."""
    made = Deployment(tmp_path_factory.mktemp("o"), provider.url)
    made.data.mkdir(mode=0o700)
    if os.geteuid() != 0 or not mount(made.data, "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs"):
        pytest.skip("mounting a tmpfs needs privileges")
    yield made
    made.stop()
    subprocess.run(["umount", "-l", str(made.data)], check=True)


class Folder:
    """The data folder, to be filled, and who works in it."""

    def __init__(self, outlay: Deployment) -> None:
        self.outlay = outlay
        self.ballast = outlay.data / "ballast"

    def running(self, without_journal: str = "refuse", *, ledger: bool = True) -> Deployment:
        """The planes, with room on their disk; those that run already are taken as they are."""
        self.make_room()
        outlay, wanted = self.outlay, {"OUTLAY_WITHOUT_JOURNAL": without_journal}
        if outlay.gateway.process is None or not wanted.items() <= outlay.gateway.environ.items():
            outlay.gateway.stop()
            outlay.gateway.environ = {**outlay.gateway.environ, **wanted}
            outlay.start_gateway()
        if ledger and outlay.ledger.process is None:
            outlay.start_ledger()
        until("calls are taken", lambda: answers(f"{outlay.url}/readyz"), outlay.gateway)
        return outlay

    def call(self) -> Answer:
        body = json.dumps({"model": "gpt-4o", "messages": SAID}).encode()
        headers = {"authorization": f"Bearer {ALICE_KEY}", "content-type": "application/json"}
        return post(f"{self.outlay.url}/v1/chat/completions", body, headers)

    def fill(self) -> None:
        with suppress(OSError), self.ballast.open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(4096))

    def make_room(self) -> None:
        self.ballast.unlink(missing_ok=True)

    def details(self) -> dict[str, Any]:
        """What the gateway says of itself."""
        socket = str(self.outlay.data / "gateway-test.sock")
        with httpx.Client(transport=httpx.HTTPTransport(uds=socket)) as client:
            said: dict[str, Any] = client.get("http://gateway/readyz").json()
            metrics = client.get("http://gateway/metrics").text
        figures = (line.split(" ") for line in metrics.splitlines() if line[0] != "#" and line.count(" ") == 1)
        return {**said, **dict(figures)}

    def settled(self) -> list[str]:
        """Ids of the calls that the journal settles, in its order."""
        found = []
        for path in sorted((self.outlay.data / "journal" / "test").glob("*.jsonl")):
            for raw in path.read_bytes().splitlines():
                with suppress(LineError):
                    line = decode(raw)
                    found += [line.call.id] if isinstance(line, Settled) else []
        return found


@pytest.fixture
def folder(outlay: Deployment) -> Iterator[Folder]:
    yield Folder(outlay)
    (outlay.data / "ballast").unlink(missing_ok=True)


def until_status(folder: Folder, status: int) -> tuple[dict[str, Any], Any]:
    """Call until the answer has that status: a line or two may still fit on a full disk."""
    found: list[tuple[int, dict[str, Any], Any]] = []

    def has_it() -> bool:
        found.append(folder.call())
        return found[-1][0] == status

    until(f"a call is answered with {status}", has_it, folder.outlay.gateway)
    return found[-1][1], found[-1][2]


def answered(folder: Folder, calls: int) -> int:
    """Make so many calls, one after the other; how many were answered."""
    return sum(folder.call()[0] == 200 for _ in range(calls))


def test_a_full_disk_refuses_calls_in_words_and_nothing_of_what_passed_is_lost(folder: Folder) -> None:
    outlay = folder.running()
    before = folder.settled()
    passed = answered(folder, 3)
    folder.fill()
    statuses = []
    until("calls are refused", lambda: statuses.append(folder.call()[0]) or statuses[-1] == 503, outlay.gateway)
    headers, document = until_status(folder, 503)
    assert document["error"]["code"] == "metering_unavailable"
    assert "Nothing was sent to the provider" in document["error"]["message"]
    assert headers["retry-after"] == "5"
    assert not answers(f"{outlay.url}/readyz")
    assert answers(f"{outlay.url}/healthz")
    said = folder.details()
    assert (said["journal"], said["outlay_gateway_journal_accepting"]) == ("unavailable", "0.0")
    assert '"calls": "refused", "folder"' in outlay.gateway.said
    assert "No space left on device" in outlay.gateway.said
    outlay.ledger.check()
    outlay.gateway.check()

    folder.make_room()
    until("calls are taken again", lambda: answers(f"{outlay.url}/readyz"), outlay.gateway)
    passed += statuses.count(200) + answered(folder, 2)
    settled = folder.settled()
    assert len(settled) == len(set(settled)) == len(before) + passed
    until("all is in the database", lambda: outlay.report("")["total"]["calls"] == len(settled), outlay.ledger)


def test_a_journal_folder_that_is_removed_is_missed_at_once_and_calls_go_on_in_a_new_one(folder: Folder) -> None:
    outlay = folder.running()
    answered(folder, 2)
    before = len(folder.settled())
    until("all are loaded", lambda: outlay.report("")["total"]["calls"] == before, outlay.ledger)
    shutil.rmtree(outlay.data / "journal")
    until("it is missed", lambda: "the segment being written was removed" in outlay.gateway.said, outlay.gateway)
    until("calls are taken again", lambda: answers(f"{outlay.url}/readyz"), outlay.gateway)
    after = answered(folder, 2)
    assert after == 2
    until("all are loaded", lambda: outlay.report("")["total"]["calls"] == before + after, outlay.ledger)


def test_a_full_disk_lets_calls_pass_where_that_is_wanted_and_they_are_on_record_later(folder: Folder) -> None:
    outlay = folder.running("pass", ledger=False)
    before = folder.settled()
    folder.fill()
    passed = 0

    def one_more_in_memory() -> bool:
        nonlocal passed
        passed += answered(folder, 1)
        return float(folder.details()["outlay_gateway_calls_passed_without_journal"]) >= 3

    until("calls pass without the journal", one_more_in_memory, outlay.gateway)
    said = folder.details()
    assert said["journal"] == "passing"
    assert said["outlay_gateway_journal_accepting"] == "0.0"
    assert answers(f"{outlay.url}/readyz")
    assert '"calls": "kept in memory", "folder"' in outlay.gateway.said
    folder.make_room()
    until("the journal is written again", lambda: folder.details()["journal"] == "writing", outlay.gateway)
    assert folder.details()["journal_lines_waiting"] == 0
    passed += answered(folder, 1)
    settled = folder.settled()
    assert len(settled) == len(set(settled)) == len(before) + passed


def test_a_read_only_data_folder_stops_both_planes_at_their_start_with_its_name(folder: Folder) -> None:
    outlay = folder.outlay
    outlay.stop()
    assert mount(outlay.data, "-o", "remount,ro")
    try:
        for plane in (outlay.gateway, outlay.ledger):
            plane.start()
            assert plane.process is not None
            assert plane.process.wait(300) == 1
            assert "Read-only file system" in plane.said
            assert str(outlay.data) in plane.said
            assert "Traceback" not in plane.said
    finally:
        assert mount(outlay.data, "-o", "remount,rw")
