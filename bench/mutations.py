"""Planted faults: does a test of outcomes fail for each?

    python -m bench.mutations             # all, as the table of docs/outcomes.md
    python -m bench.mutations retry tie   # some

Each fault is one small edit of the core, made in a copy of the tree; the tests of outcomes run on the copy until the
first one fails. A fault that no test finds is printed as ALIVE, and the exit code is 1.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
TESTS: Final = tuple(
    f"tests/unit/outcomes/test_{name}.py"
    for name in (
        "delivered", "qualifying",
        "crediting", "setbacks", "grouping", "folded_lines", "folded_deployments", "outcome_people",
        "outcome_index", "baselines", "quarters", "intervals", "wanting", "explaining",
        "publishing", "cuts", "blocks",
        "gaming_of_outcomes", "outcome_laws",
    )
)  # fmt: skip
RUN_S_MAX: Final = 300


@dataclass(frozen=True)
class Fault:
    name: str
    says: str
    file: str
    old: str
    new: str


FAULTS: Final = (
    Fault("soak", "the soak ends at once", "delivered", "if now_us < until_us:", "if now_us < deployment.at_us:"),
    Fault("soak-edge", "trouble at the soak's last moment is forgiven", "delivered",
          "<= event.at_us <= until_us", "<= event.at_us < until_us"),
    Fault("retry", "work that failed first earns whole", "crediting", "Fraction(*definition.retried)", "Fraction(1)"),
    Fault("retry-cell", "a retry is booked to the week in which it lasted", "crediting",
          "week_us=week_us(first.deployment.at_us)", "week_us=week_us(lasting.candidate.deployment.at_us)"),
    Fault("carry", "what failed and went on running earns nothing when it lasts", "crediting",
          "if goes_on else", "if False else"),
    Fault("rollback", "an older artefact takes nothing back", "setbacks",
          "for undone in _taken_back(runs, each, newest, shipped):", "for undone in ():"),
    Fault("rollback-last", "an older artefact takes back the last one only", "setbacks",
          "for at in range(len(runs) - 1, ran, -1))", "for at in range(len(runs) - 1, max(ran, len(runs) - 2), -1))"),
    Fault("rollback-hidden", "rollbacks by unknown actors are not seen", "setbacks",
          "if each.service and each.heard:", "if each.service and each.trusted:"),
    Fault("tie", "ties are left to the order of arrival", "folding",
          "key=lambda each: (each.occurred_us, each.id)", "key=lambda each: each.occurred_us"),
    Fault("tie-deployments", "of two at one moment the order of arrival decides", "deployments",
          "return deployment.at_us, deployment.id", "return deployment.at_us, ''"),
    Fault("seen-last", "only the artefact before is known again", "delivered",
          "                seen.setdefault(part, origin)", "                seen.clear(); seen[part] = origin"),
    Fault("env", "any environment is production", "delivered",
          "holds = deployment.environment in service.environments", "holds = True"),
    Fault("actor", "a signature alone is trusted", "trusting",
          "if may_deploy(deployment.actor, service):", "if True:"),
    Fault("forged-before", "what nobody trusts is what others come after", "running",
          "if each.succeeded and each.trusted:", "if each.succeeded:"),
    Fault("witness", "two webhooks of one GitHub are two witnesses", "deployments",
          'return (known.kind, known.host) if known else (source, "")', 'return (source, "")'),
    Fault("claim-lends", "a claim merges with what was signed", "trusting",
          'and (deployment.trust != Trust.CLAIMED or service.trust == "claimed" or deployment.imported)', "and True"),
    Fault("superseded", "GitHub's own 'inactive' is a fault", "delivered",
          "if gone and not any(each <= deployment.inactive_us + SUPERSEDED_US for each in followed_us):", "if gone:"),
    Fault("settled", "a failure within ten minutes is no matter of D3", "delivered",
          "if deployment.failed_us and deployment.failed_us", "if False and deployment.failed_us"),
    Fault("clawback", "reverts take nothing back", "crediting",
          "        for name in each.undone:", "        for name in ():"),
    Fault("clawback-late", "reverts take back for ever", "crediting",
          "undone.get(name, limit_us + 1) <= limit_us for", "undone.get(name, limit_us + 1) != limit_us + 1 for"),
    Fault("revert-depth", "whatever names a revert brings work back", "qualifying",
          "work = [depth for depth in below if depth % 2 == 0]", "work: list[int] = []"),
    Fault("self-review", "authors approve their own", "qualifying",
          "own = {change.author, *change.coauthors, change.sponsor}", "own = {''}"),
    Fault("coauthor", "co-authors approve", "qualifying",
          "own = {change.author, *change.coauthors, change.sponsor}", "own = {change.author, change.sponsor}"),
    Fault("stranger", "anybody approves", "qualifying",
          "known = [each for each in others if not each.person.startswith(UNRESOLVED)]", "known = others"),
    Fault("stale-review", "an approval of an earlier tip counts", "qualifying",
          "final = [each for each in known if each.commit == change.head]", "final = known"),
    Fault("late-review", "an approval after the merge counts", "qualifying",
          "timely = [each for each in final if each.at_us <= change.merged_us + definition.review_us]",
          "timely = final"),
    Fault("dismissed", "a dismissal is only a later word", "changes",
          'if review.state == "dismissed" and review.review}', "if False}"),
    Fault("bot", "bots' changes count", "qualifying", "if not change.bot:", "if True:"),
    Fault("substance", "whatever changes counts", "qualifying",
          "holds = change.substance in (SUBSTANTIVE, CONFIG)", "holds = True"),
    Fault("config", "configuration counts unasked", "crediting",
          "if group and (self.changes[name].line != CONFIG or candidate.service.config_counts):", "if group:"),
    Fault("release", "a release counts beside what it brings", "gathering",
          "if len(merged) > 1 or len(into[branch] - {each.author}) > 1:", "if False:"),
    Fault("release-cut", "a release branch of its own name counts", "gathering",
          "if top is not None and _carries(top, onto):", "if False:"),
    Fault("work-item", "a work item ties nothing", "grouping",
          "for item in each.change.work_items:", "for item in ():"),
    Fault("near-diff", "only equal hashes are alike", "grouping", "<= definition.alike_bits", "<= 0"),
    Fault("near-diff-band", "a difference in the lowest band hides likeness", "grouping",
          "for band in range(BANDS):", "for band in range(1):"),
    Fault("stack", "stacked changes are apart", "grouping",
          "        for base in each.change.bases:", "        for base in ():"),
    Fault("shield", "an empty deployment takes the blame", "blaming", "while not worked(ran):", "while False:"),
    Fault("probation", "new services count at once", "delivered",
          "if proved >= services.probation_deployments:", "if True:"),
    Fault("past", "what came before the registration counts", "crediting",
          "credit=NONE if first.past else worth", "credit=worth"),
    Fault("late-history", "history read afterwards takes the place of what was told", "trusting",
          "return deployment.imported and deployment.at_us >= service.registered_us", "return False"),
    Fault("claimed-review", "a claim approves", "admitting",
          "return line.trust != Trust.CLAIMED or fact.repository in self._believing", "return True"),
    Fault("pipeline-review", "whoever has a pipeline's key approves", "admitting",
          "sender is not None and sender.tells_changes and (", "sender is not None and ("),
    Fault("left", "who left is known for ever", "people", "if not name or at_us < until_us else", "if True else"),
    Fault("renamed", "who is renamed is two", "people",
          "next((known[name] for name in own if name in known), person)", "person"),
    Fault("quarantine", "what is held back counts", "admitting", "if line.quarantine and not", "if False and not"),
    Fault("concave", "each credit counts whole", "index", "return 1 + log(z) if z <= e else 2.0", "return z"),
    Fault("cap", "there is no end to a week", "index", "return 1 + log(z) if z <= e else 2.0", "return 1 + log(z)"),
    Fault("step", "baselines jump", "baselines",
          "held = max(min(max(wanted, low), high), definition.baseline_min)", "held = wanted"),
    Fault("shrinkage", "a service's own past is all", "baselines",
          "+ definition.shrinkage * tier) / (count + definition.shrinkage)", ") / max(count, 1)"),
    Fault("sponsor", "a name alone answers for a bot", "qualifying",
          "any(each.person == change.sponsor for each in change.approvals)", "True"),
    Fault("told-late", "what is told late has soaked already", "entities",
          "return max(self.at_us, self.told_us)", "return self.at_us"),
    Fault("idle", "services that do nothing make weeks normal", "baselines", "return median(earning or means)",
          "return median(means)"),
    Fault("empty-past", "an old deployment of nothing makes empty weeks", "quarters",
          "known.earned_us if definition.baseline_worked else 0", "0"),
    Fault("garwood", "the lower limit is one count too high", "intervals",
          "_mean_with(count - 1, 1 - tail)", "_mean_with(count, 1 - tail)"),
    Fault("few", "one person fewer is enough", "blocks",
          "while small := [each for each in joining.parts if joining.behind(each) < persons_min]:",
          "while small := [each for each in joining.parts if joining.behind(each) < persons_min - 1]:"),
    Fault("weeks-alone", "weeks are told of as if nothing else were", "settling",
          "rows = [row for each in parts for row in each.rows()] or [fields]",
          "rows = [each.fields for each in parts] or [fields]"),
    Fault("weeks-known", "what follows from weeks is taken to be known", "cuts",
          ">= persons_min or known(cut) for cut in cuts)", ">= persons_min or known(cut) or True for cut in cuts)"),
    Fault("weeks-single", "only one week against all others is tried", "cuts",
          "range(1, 1 << (columns - 1))", "[1 << at for at in range(columns)]"),
    Fault("twice", "who is in several rows counts several times", "cuts",
          "            counted |= one | other", "            pass"),
    Fault("across", "teams and tiers that cut across are told of one without the other", "settling",
          "                    rows = [row & each for row in rows for each in found[-1] if row & each]",
          "                    pass"),
    Fault("part-of-week", "a part of what is told of together is shown", "settling",
          "return all(asked & each in (0, each) for each in columns)",
          "return any(asked & each == each for each in columns)"),
    Fault("months", "all months are settled as one", "publishing",
          "return f\"{moment(week_us, ZoneInfo('UTC')):%Y-%m}\"", "return \"\""),
)  # fmt: skip


def killer(fault: Fault) -> str:
    """The test that finds it; '' where none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("proxy", "tests/unit/outcomes", "tests/fakes"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("pyproject.toml", "tests/conftest.py"):
            shutil.copy(ROOT / part, copy / part)
        path = copy / "proxy" / "outcomes" / f"{fault.file}.py"
        text = path.read_text()
        if text.count(fault.old) != 1:
            raise SystemExit(f"{fault.name}: {fault.file}.py has {text.count(fault.old)} times: {fault.old}")
        path.write_text(text.replace(fault.old, fault.new))
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", *TESTS],
            cwd=copy, capture_output=True, text=True, timeout=RUN_S_MAX, check=False,
        )  # fmt: skip
    if re.search(r"^ERROR ", ran.stdout, re.MULTILINE):
        raise SystemExit(f"{fault.name}: the copy can't be tested: {ran.stdout[-500:]}")
    found = re.search(r"^FAILED \S*?(test_\w+\.py(?:::\w+)?)", ran.stdout, re.MULTILINE)
    return found[1] if found else "" if ran.returncode == 0 else f"exit code {ran.returncode}"


def main(names: list[str]) -> int:
    alive = 0
    print("| fault | in | found by |\n|---|---|---|")
    for fault in FAULTS:
        if names and fault.name not in names:
            continue
        found = killer(fault)
        alive += not found
        file, _, test = found.partition("::")
        print(f"| {fault.says} | `{fault.file}` | {f'`{test or file}`' if found else 'ALIVE'} |", flush=True)
    return min(alive, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
