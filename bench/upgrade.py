"""Records what a version leaves on disk: `python -m bench.upgrade COMMIT NAME` writes tests/upgrade/NAME.tar.xz.

The version's own code, taken from git into a scratch folder, runs as real processes: calls of two people, streams, a
refusal, a look at other people's rows, an ordinary stop, and a kill in the middle of a call. What it leaves in its data
folder is packed with what its own reports said; tests/flow/test_upgrade.py opens it with the program of today. With
--ledger OTHER the journal is today's and the ledger is that commit's: what an old ledger makes of newer lines. With
--closed the same calls were made in the month before, too, which that version closes before more of them come late.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from proxy.adapters.clock import SystemClock
from proxy.adapters.journal_file import FileJournal
from tests.fakes import facts
from tests.servers.processes import ADMIN_KEY, ALICE_KEY, BOB_KEY, ROOT, Deployment, digest, fetch, stand_in, until

FOLDER: Final = ROOT / "tests/upgrade"
REPORTS: Final = ("user", "project,model,day", "outcome,estimated,operation")
WHOLE: Final = {"since": "2026-01-01", "until": "2028-01-01", "reason": "fixture"}
LEFT_OUT: Final = ("scratch", "reserve", "headroom", "lock")
"""Made anew by a start."""
FIGURES_JSON: Final = "expected.json"
SLOW_MS: Final = 30_000
CALLS: Final = 6
"""That `traffic` makes."""
GATEWAY: Final = "test"
_AT: Final = re.compile(rb'(_us":)([0-9]{16})\b')


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("name")
    parser.add_argument("--ledger", default="", help="another commit, whose ledger loads what the gateway writes")
    parser.add_argument("--closed", action="store_true", help="close the month before")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        gateway = code_of(asked.commit, place / "gateway-code")
        ledger = code_of(asked.ledger, place / "ledger-code") if asked.ledger else gateway
        with recorded(place, gateway, ledger, told=bool(asked.ledger), closed=asked.closed) as (data, figures):
            file = pack(data, figures, asked.name)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes, {figures['total']['calls']} calls on record")
    return 0


def code_of(commit: str, into: Path) -> Path:
    into.mkdir()
    archive = subprocess.run(["git", "archive", commit, "proxy"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "x", "-C", into], input=archive, check=True)
    return into


@contextmanager
def recorded(
    place: Path, gateway: Path, ledger: Path, *, told: bool, closed: bool
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A data folder that these versions wrote, and what the ledger's reports said."""
    with stand_in(place) as provider:
        there = Deployment(place / "there", provider.url)
        write_policies(there, gateway)
        there.gateway.environ = {**there.gateway.environ, "PYTHONPATH": str(gateway)}
        there.ledger.environ = {**there.ledger.environ, "PYTHONPATH": str(ledger)}
        try:
            there.start_gateway()
            traffic(there)
            there.gateway.stop()
            if closed:
                earlier(there.data, "past", b"f")
                late = place / "late"
                shutil.copytree(there.data / "journal", late / "journal")
            there.start_gateway()
            killed_in_a_call(there)
            if told:
                tell(there.data)
            there.start_ledger()
            figures = months(there, late) if closed else reports(there, CALLS)
        finally:
            there.stop()
        yield there.data, figures


def write_policies(there: Deployment, code: Path) -> None:
    """As much of them as the first version understood."""
    folder = there.folder / "policies"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "providers.yaml").write_text(
        f'providers:\n  openai: {{dialect: openai, base_url: "{there.upstream}", api_key: {{env: OPENAI_API_KEY}}}}\n'
    )
    (folder / "access.yaml").write_text(
        "people: {alice: {team: payments}, bob: {team: search}}\n"
        "projects: {checkout: {team: payments, cost_center: CC-42, members: [alice, bob]}}\n"
    )
    keys = [("alice", ALICE_KEY), ("bob", BOB_KEY)]
    (folder / "keys.yaml").write_text(
        "keys:\n"
        + "".join(
            f'  - {{id: k_{name}, hash: "{digest(key.encode())}", user: {name}, projects: [checkout]}}\n'
            for name, key in keys
        )
    )
    if (code / "proxy/policy/budgets_yaml.py").exists():
        (folder / "budgets.yaml").write_text(
            "budgets: [{name: each-month, per: user, limit: 500 USD, window: month}]\n"
        )


def traffic(there: Deployment) -> None:
    for number in range(6):
        key = (ALICE_KEY, BOB_KEY)[number % 2]
        model = ("stand-in-small", "stand-in-large")[number % 3 == 0]
        ask(there, key, {"model": model, "stream": number % 2 == 1, "messages": [said(f"question {number}")]})
    with suppress(urllib.error.HTTPError):
        ask(there, ALICE_KEY, {"model": "stand-in-small", "messages": [said("no")]}, project="another")


def killed_in_a_call(there: Deployment) -> None:
    def slow() -> None:
        with suppress(OSError):
            ask(there, BOB_KEY, {"model": "stand-in-small", "messages": [said("slow")]}, delay=str(SLOW_MS))

    calling = threading.Thread(target=slow)
    calling.start()
    journal = there.data / "journal"
    until("the call is open", lambda: b'"t":"opened"' in sorted(journal.glob("*/*.jsonl"))[-1].read_bytes())
    there.gateway.kill()
    calling.join()


def tell(data: Path) -> None:
    """A line of a type that the older ledger may not know."""
    journal = FileJournal(data / "journal", "teller", SystemClock())
    journal.open()
    journal.append(facts.a_told())
    journal.close()


def earlier(data: Path, node: str, begin: bytes) -> None:
    """The gateway's journal once more, as another's of the middle of the month before: the same lines with other times
    and ids, each as long as it was, so that what the version noted of its files stays true."""
    now = datetime.now(UTC)
    back_us = (now - (now.replace(day=1) - timedelta(days=15))) // timedelta(microseconds=1)
    for path in sorted((data / "journal" / GATEWAY).iterdir()):
        if path.suffix in (".jsonl", ".synced"):
            lines = _AT.sub(lambda found: found[1] + b"%d" % (int(found[2]) - back_us), path.read_bytes())
            into = data / "journal" / node / path.name
            into.parent.mkdir(exist_ok=True)
            into.write_bytes(re.sub(rb'"call_.', b'"call_' + begin, lines))


def months(there: Deployment, late: Path) -> dict[str, Any]:
    """Of a folder whose month before is closed, and had calls later."""
    reports(there, 2 * CALLS)
    month = f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"
    place = f"{there.ledger_url}/v1/months"

    def closable() -> bool:
        [row] = [row for row in fetch(place, ADMIN_KEY)["rows"] if row["month"] == month]
        return all(each["waivable"] for each in row["in_the_way"])

    until("all of the month is loaded", closable, there.ledger)
    _post(f"{place}/{month}/close", {"reason": "fixture"})
    earlier(late, "late", b"e")
    shutil.copytree(late / "journal/late", there.data / "journal/late")
    figures = reports(there, 3 * CALLS)
    statement = _opened(urllib.request.Request(f"{place}/{month}", headers=_BEARER))
    return figures | {
        "months": [row for row in fetch(place, ADMIN_KEY)["rows"] if row["state"] == "closed"],
        "statement_sha256": sha256(statement).hexdigest(),
        "corrections": fetch(f"{place}/corrections", ADMIN_KEY)["rows"],
    }


def reports(there: Deployment, calls: int) -> dict[str, Any]:
    def total() -> int:
        found: int = there.report("project", **WHOLE)["total"]["calls"]
        return found

    until("all is loaded", lambda: total() == calls, there.ledger)
    found = {by: there.report(by, **WHOLE)["rows"] for by in REPORTS}
    fetch(f"{there.ledger_url}/v1/reports/views", ADMIN_KEY)
    return {"reports": found, "total": there.report("project", **WHOLE)["total"]}


def ask(there: Deployment, key: str, body: dict[str, Any], *, project: str = "", delay: str = "") -> None:
    headers = {"authorization": f"Bearer {key}"}
    headers |= {name: value for name, value in (("x-outlay-project", project), ("x-standin-delay-ms", delay)) if value}
    _opened(urllib.request.Request(f"{there.url}/v1/chat/completions", json.dumps(body).encode(), headers))


_BEARER: Final = {"authorization": f"Bearer {ADMIN_KEY}"}


def _post(url: str, body: dict[str, Any]) -> None:
    _opened(urllib.request.Request(url, json.dumps(body).encode(), _BEARER))


def _opened(request: urllib.request.Request) -> bytes:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        content: bytes = answer.read()
        return content


def said(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def pack(data: Path, figures: dict[str, Any], name: str) -> Path:
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}.tar.xz"
    (data / FIGURES_JSON).write_text(json.dumps(figures, indent=1))
    with tarfile.open(file, "w:xz") as packed:
        for path in sorted(data.rglob("*")):
            if path.is_file() and not any(part in LEFT_OUT for part in path.parts):
                packed.add(path, str(path.relative_to(data)))
    return file


if __name__ == "__main__":
    sys.exit(main())
