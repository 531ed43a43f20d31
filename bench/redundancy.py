"""How well the redundancy detector tells waste from honest work, and what that costs.

    python -m bench.redundancy DATA… [--memory]

DATA is the path of a data set without its endings (bench/redundancy_data.py says which files). Prints precision, recall
and money by waste strategy and honest pattern, CPU per call, and with --memory the size of what the detector keeps.
Calls are played in order of arrival, and each answer when it came.
"""

import argparse
import gc
import heapq
import time
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.redundancy_data import PICO, Played, data_sets, read
from bench.redundancy_score import NEVER_FLAGGED, Score, Tally, score
from proxy.redundancy.detector import Detector
from proxy.redundancy.findings import Judgement

KEY = b"of this bench, no secret"


@dataclass(slots=True)
class Run:
    judged: dict[str, Judgement] = field(default_factory=dict)
    attributed: set[str] = field(default_factory=set)
    early_us: list[float] = field(default_factory=list)
    whole_us: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    kept_mb: float | None = None


def play(calls: list[Played], detector: Detector, memory: bool = False) -> Run:
    run = Run()
    in_flight: list[tuple[int, int]] = []
    if memory:
        gc.collect()
        tracemalloc.start()

    def end_until(at_us: int | None) -> None:
        while in_flight and (at_us is None or in_flight[0][0] <= at_us):
            call = calls[heapq.heappop(in_flight)[1]]
            start = time.process_time_ns()
            found = detector.learn(call.sight.call_id, call.answer)
            run.whole_us[call.sight.call_id] += (time.process_time_ns() - start) / 1000
            run.attributed.update(call_id for campaign in found for call_id in campaign.call_ids)

    for number, call in enumerate(calls):
        end_until(call.sight.at_us)
        start = time.process_time_ns()
        early = detector.early(call.sight)
        middle = time.process_time_ns()
        judgement = detector.late(early)
        end = time.process_time_ns()
        run.early_us.append((middle - start) / 1000)
        run.whole_us[call.sight.call_id] += (end - start) / 1000
        run.judged[call.sight.call_id] = judgement
        heapq.heappush(in_flight, (call.answer.ended_us, number))
    end_until(None)
    if memory:
        run = Run()
        gc.collect()
        run.kept_mb = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
    return run


def print_score(found: Score) -> None:
    waste, legit = found.all_waste, found.all_legit
    caught = sum(map(len, found.first_flags.values()))
    print(f"  precision {found.precision:.4f}  recall {found.recall:.4f}  F1 {found.f1:.4f}")
    print(f"  wasted $: online {waste.online:.4f}  in the report {waste.in_report:.4f}  of {waste.cost / PICO:.2f}")
    print(f"  legitimate $ flagged: online {legit.online:.5f}  in the report {legit.in_report:.5f}")
    print(f"  precision of the report in $ {found.report_precision:.4f}   campaigns caught {caught}/{found.campaigns}")
    print(f"  flags on {', '.join(NEVER_FLAGGED)}: {found.never_flagged}")
    print(f"    {'waste strategy':<22}{'calls':>7}{'usd':>9}{'online':>8}{'report':>8}  first flags, classes")
    for name, tally in sorted(found.waste.items()):
        print(f"    {name:<22}{_row(tally)}  {sorted(found.first_flags.get(name, []))} {_classes(tally)}")
    print(f"    {'honest pattern':<22}{'calls':>7}{'usd':>9}{'online':>8}{'report':>8}  calls flagged")
    for name, tally in sorted(found.legit.items()):
        print(f"    {name:<22}{_row(tally)}  {tally.flagged} {_classes(tally)}")


def _row(tally: Tally) -> str:
    return f"{tally.calls:>7}{tally.cost / PICO:>9.2f}{tally.online:>8.3f}{tally.in_report:>8.3f}"


def _classes(tally: Tally) -> str:
    return ", ".join(f"{waste_class} {calls}" for waste_class, calls in tally.classes.most_common(3))


def print_unlabelled(calls: list[Played], run: Run) -> None:
    flagged = [call for call in calls if run.judged[call.sight.call_id].flagged]
    cost = sum(call.answer.cost_pico for call in calls) or 1
    share = sum(call.answer.cost_pico for call in flagged) / cost
    print(f"  flagged {len(flagged)} of {len(calls)} calls, {share:.5f} of $ {cost / PICO:.2f}")


def print_cost(run: Run) -> None:
    for name, times in (("before the call", run.early_us), ("in all", list(run.whole_us.values()))):
        ordered = sorted(times)
        p50, p95, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95, 0.99))
        mean = sum(ordered) / len(ordered)
        print(f"  CPU per call {name}: p50 {p50:.0f}  p95 {p95:.0f}  p99 {p99:.0f}  mean {mean:.0f} us")


def print_exempted(detector: Detector) -> None:
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in detector.exempted():
        totals[row.kind][0] += row.calls
        totals[row.kind][1] += row.cost_pico
    listed = [f"{kind} {calls} calls ${cost / PICO:.2f}" for kind, (calls, cost) in sorted(totals.items())]
    print(f"  let pass under exemptions: {', '.join(listed) or 'nothing'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="a data set, its path without endings; or a folder of them")
    parser.add_argument("--memory", action="store_true", help="measure what the detector keeps, in a second run")
    options = parser.parse_args()
    try:
        sets = [each for path in options.data for each in data_sets(path)]
    except FileNotFoundError as error:
        parser.error(str(error))
    for prefix in sets:
        calls = read(prefix)
        detector = Detector(KEY)
        run = play(calls, detector)
        print(f"== {prefix.name}: {len(calls)} calls")
        print_cost(run)
        if calls and calls[0].label is not None:
            print_score(score(calls, run.judged, frozenset(run.attributed)))
        else:
            print_unlabelled(calls, run)
        print_exempted(detector)
        if options.memory:
            del detector
            print(f"  kept after {len(calls)} calls: {play(calls, Detector(KEY), memory=True).kept_mb:.1f} MB")


if __name__ == "__main__":
    main()
