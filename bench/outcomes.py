"""How long outcomes take, and how much memory: made anew, of everything or of new calls; reported; explained; told.

    python -m bench.outcomes [--calls 1000000] [--deployments 100000]

A made-up organisation of 100 services and 500 people over two years: each deployment brings one reviewed change, each
change took some calls before it, of which six in ten name its branch, two its repository alone, one nothing, and one
runs a product.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec

from proxy.adapters.store_duckdb import DATABASE_FILE, DuckStore
from proxy.app.outcome_process import OutcomeProcess
from proxy.journal.codec import encode
from proxy.ledger.batch import sort
from proxy.ledger.batch_rows import BatchRows
from proxy.ledger.deployment_story import deployment_story
from proxy.ledger.outcome_asked import outcomes_asked
from proxy.ledger.outcome_report import outcome_report
from proxy.ledger.outcomes import Outcomes
from proxy.ledger.people import OPERATOR
from proxy.ledger.schema import migrate
from proxy.ledger.told_rows import KEY_DIGITS
from proxy.model.service import EventSource, Service, Services
from proxy.model.told import ChangeTold, DeploymentTold, DiffTold, Fact, ReviewTold, ShippedTold, Told
from proxy.model.told_facts import kind_of, told
from proxy.ports.segments import Segment

DAY_US: Final = 86_400_000_000
SERVICES: Final = 100
PEOPLE: Final = 500
DAYS: Final = 730
END_US: Final = 1_790_000_000_000_000
START_US: Final = END_US - DAYS * DAY_US
NOW_US: Final = END_US + 4 * DAY_US


def services() -> Services:
    found = {
        f"service-{at}": Service(
            f"service-{at}",
            (repository(at),),
            ("production",),
            START_US - 60 * DAY_US,
            deploy_actors=("bot",),
            tier=f"tier-{at % 3}",
            owner=f"team-{at % 20}",
        )
        for at in range(SERVICES)
    }
    return Services(found, {"github": EventSource("github", "github", host="github.com")})


def repository(at: int) -> str:
    return f"github.com/acme/service-{at}"


def merged_us(number: int, deployments: int) -> int:
    """Spread evenly, each service in turn."""
    return START_US + number * (DAYS * DAY_US // deployments)


def facts(number: int, deployments: int) -> Iterator[tuple[str, int, Fact]]:
    """What is told of one deployment: source, time, fact."""
    service, sha, at_us = number % SERVICES, f"{number:040x}", merged_us(number, deployments)
    before = f"{number - SERVICES:040x}" if number >= SERVICES else ""
    where, head = repository(service), f"{number + 10**9:040x}"
    author, approver = f"person-{number % PEOPLE}", f"person-{(number + 1) % PEOPLE}"
    yield "github", at_us - 1, ReviewTold(where, str(number), approver, "approved", head, f"r{number}")
    yield "github", at_us, ChangeTold(where, str(number), author, head, "main", f"topic-{number}", sha, at_us)
    yield (
        "mirror",
        at_us,
        DiffTold(where, str(number), sha, f"p{number}", alike(number), "substantive"),
    )
    yield "mirror", at_us, ShippedTold(f"service-{service}", where, sha, before, (sha,))
    deployed = DeploymentTold(where, str(number), "production", "success", sha=sha, actor="bot")
    yield "github", at_us + 3_600_000_000, deployed


def alike(number: int) -> str:
    """64 bits that are like no other's."""
    return blake2b(str(number).encode(), digest_size=8).hexdigest()


def told_rows(deployments: int) -> Iterator[dict[str, Any]]:
    for number in range(deployments):
        for place, (source, at_us, fact) in enumerate(facts(number, deployments)):
            plain = {"load": 1, "node": "n", "boot": 1, "number": 1, "line_offset": 0, "payload": ""}
            flags = {"clamped": False, "imported": False, "quarantine": "", "trust": "signed"}
            delivery = f"{number}-{place}"
            times = {"at_us": at_us, "occurred_us": at_us, "source": source, "delivery": delivery}
            yield {
                **plain,
                **flags,
                **times,
                "id": f"{source}:{delivery}:0",
                "kind": kind_of(fact),
                "facts": told(fact),
            }


def fill_told(store: DuckStore, deployments: int) -> None:
    body = b"\n".join(map(msgspec.json.encode, told_rows(deployments)))
    described = store.read("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'told'")
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in described)
    with store.transaction() as change:
        file = change.stage("told.jsonl", body)
        read = f"read_json($file, format = 'newline_delimited', columns = {{{columns}}})"
        change.execute(f"INSERT INTO told BY NAME SELECT * FROM {read}", {"file": file})
        change.execute(f"INSERT INTO told_keys SELECT ('0x' || left(md5(id), {KEY_DIGITS}))::BIGINT, load FROM told")


def empty(kind: str) -> str:
    if kind.endswith("[]"):
        return f"[]::{kind}"
    if kind.startswith("MAP"):
        return f"MAP {{}}::{kind}"
    return {"VARCHAR": "''", "BIGINT": "0", "BOOLEAN": "false"}.get(kind, "NULL")


def fill_calls(store: DuckStore, calls: int, deployments: int) -> None:
    """Columns that nothing here looks at hold what is empty of their type."""
    change, step_us = f"(i * {deployments} // {calls})", DAYS * DAY_US // deployments
    own = {
        "load": "1",
        "id": "'call_' || i",
        "opened_us": f"{START_US} + {change} * {step_us} - (i % 96) * 1800000000",
        "owner": f"'person-' || ({change} % {PEOPLE})",
        "owner_kind": "'person'",
        "team": f"'team-' || ({change} % {SERVICES} % 20)",
        "project": "'project-' || (i % 40)",
        "purpose": "CASE i % 10 WHEN 9 THEN 'run' ELSE 'build' END",
        "repository": f"CASE WHEN i % 10 < 8 THEN 'github.com/acme/service-' || ({change} % {SERVICES}) ELSE '' END",
        "branch": f"CASE WHEN i % 10 < 6 THEN 'topic-' || {change} ELSE '' END",
        "session": "'session-' || (i // 20)",
        "cost_pico": "12345678901 + i",
        "refused": "false",
    }
    described = store.read("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'calls'")
    picked = ", ".join(f'{own.get(name) or empty(kind)} AS "{name}"' for name, kind in described)
    with store.transaction() as writing:
        writing.execute(f"INSERT INTO calls BY NAME SELECT {picked} FROM range({calls}) AS t(i)")
        writing.execute("INSERT INTO positions VALUES ('n', 1, 1, 1, 1, 1)")


def fill(folder: Path, calls: int, deployments: int) -> None:
    store = DuckStore(folder / DATABASE_FILE)
    migrate(store, 1)
    fill_told(store, deployments)
    fill_calls(store, calls, deployments)
    store.close()


def rebuilt(outcomes: Outcomes, what: str) -> None:
    before = [used(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    built = outcomes.refresh()
    own, apart = (
        used(who) - was for who, was in zip((resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN), before, strict=True)
    )
    print(f"{what}: {built.took_s:.1f} s ({own:.1f} s of CPU here, {apart:.1f} s in a process of its own)")
    print("  " + ", ".join(f"{name} {took_s:.1f} s" for name, took_s in built.steps.items()))
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  memory at most: {memory_mib:.0f} MiB here, {built.memory_mib} MiB in the process of its own")


def used(who: int) -> float:
    return resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime


def timed(what: str, do: Callable[[], str]) -> None:
    began, began_cpu = time.perf_counter(), time.process_time()
    said = do()
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    print(f"{what}: {took_s:.3f} s ({cpu_s:.3f} s of CPU){said}")


def reported(store: DuckStore, known: Services, by: str) -> str:
    selection = outcomes_asked([("by", by), ("since", "2025-08"), ("until", "2026-08")], NOW_US)
    report = outcome_report(store, selection, known, OPERATOR, NOW_US, 30)
    hidden = sum(row.delivered is None for row in report.rows)
    return f", {len(report.rows):,} rows, {hidden:,} withheld"


def delivered(store: DuckStore, number: int) -> str:
    """A delivery of 20 lines that are new, and of 20 that came before."""
    rows = [f"new-{number}-{at}" for at in range(20)] + [f"github:{at}-0:0" for at in range(20)]
    lines = b"".join(encode(Told(name, NOW_US, "github", "d", "weather", NOW_US, "signed")) for name in rows)
    with store.transaction() as change:
        BatchRows(change, Segment("b", 1, 1, len(lines), sealed=False), sort(lines, 0), 2 + number, NOW_US).insert()
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--deployments", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Elsewhere, so that its memory is not counted here.
        filling = get_context("spawn").Process(target=fill, args=(Path(folder), asked.calls, asked.deployments))
        filling.start()
        filling.join()
        store = DuckStore(Path(folder) / DATABASE_FILE)
        known = services()
        aliases = {f"person-{at}": f"person-{at}" for at in range(PEOPLE)}
        outcomes = Outcomes(store, lambda: known, lambda: aliases, lambda: NOW_US, run=OutcomeProcess())
        rebuilt(outcomes, f"rebuilt from {asked.deployments:,} deployments and {asked.calls:,} calls")
        with store.transaction() as change:
            change.execute(f"UPDATE calls SET load = 2 WHERE opened_us > {END_US - DAY_US}")
            change.execute("UPDATE positions SET load = 2")
        rebuilt(outcomes, "calls of a day alone")
        ((spent,),) = store.read("SELECT sum(cost_pico) FROM calls")
        ((shared,),) = store.read("SELECT sum(cost_pico) FROM outcome_shares")
        print(f"attributed, every method together, less spent: {shared - spent} pico-dollars of {spent}")
        print(*store.read("SELECT method, sum(calls) FROM outcome_shares GROUP BY 1 ORDER BY 2 DESC"))
        print(*store.read("SELECT standing, count(*) FROM outcome_deployments GROUP BY 1 ORDER BY 2 DESC"))
        for by in ("", "service", "team,week", "service,project,week"):
            timed(f"report of a year by {by or 'nothing'}", partial(reported, store, known, by))
        story = partial(deployment_story, store, str(asked.deployments // 2), known, aliases, NOW_US)
        timed("one deployment explained", lambda: f", {story().document['standing']}")
        for number in range(3):
            timed("a delivery of 40 lines, half of them new", partial(delivered, store, number))
        store.close()


if __name__ == "__main__":
    main()
