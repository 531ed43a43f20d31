"""docs/redundancy.md says the classes, thresholds and limits that are."""

import re
from pathlib import Path

import pytest

from proxy.model.waste import RECORDED_SHARE, THRESHOLDS, WASTE_CLASSES
from proxy.policy.load import RULES, load
from proxy.policy.types import PolicySet
from proxy.redundancy import exemptions, toolloops
from proxy.redundancy.evidence import HALF_LIFE_US
from proxy.redundancy.repeats import SERVICE_SHORT_WEIGHT
from proxy.redundancy.topics import SERVICE_TRUST

DOC = (Path(__file__).parents[3] / "docs" / "redundancy.md").read_text()
CHAPTERS = {part.partition("\n")[0]: part for part in DOC.split("\n## ")}


def test_every_class_is_explained_and_no_other() -> None:
    assert tuple(re.findall(r"^\| `(\w+)` \|", CHAPTERS["The classes"], re.MULTILINE)) == WASTE_CLASSES


def test_the_thresholds_are_those_of_the_detector() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|$", CHAPTERS["Scores"], re.MULTILINE)
    assert {name: round(float(score) * 1000) for name, score in rows} == dict(THRESHOLDS)
    assert (HALF_LIFE_US, RECORDED_SHARE) == (86_400_000_000, 0.5)


@pytest.mark.parametrize(
    "limit",
    [
        f"| {exemptions.FREE_FAILURES_MAX} failures in a row of one prompt |",
        f"| {exemptions.HANG_UPS_MAX} in a row of one prompt",
        f"| {exemptions.SAMPLES_MAX} of one batch; {exemptions.SAMPLES_UNSET_MAX} where no temperature is set |",
        f"| {toolloops.POLLS_MAX} of one conversation",
        f"{exemptions.EVALUATION_TRIALS_MAX} runs of a prompt for one commit |",
    ],
)
def test_what_is_let_pass_has_the_limits_that_are_said(limit: str) -> None:
    assert limit in CHAPTERS["What is never flagged, and why"]


def test_a_service_counts_for_a_fifth() -> None:
    assert "count for a fifth" in CHAPTERS["Blind spots"]
    assert SERVICE_TRUST == SERVICE_SHORT_WEIGHT == 0.2


def test_the_example_loads() -> None:
    found = re.search(r"```yaml\n(.*?)```", DOC, re.DOTALL)
    assert found
    assert isinstance(load({"cases.yaml": found[1]}, enforced=frozenset(RULES)), PolicySet)
