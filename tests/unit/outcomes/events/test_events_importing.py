"""What an admin brings in from the past is read strictly, labelled, and known again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.deployments_import import document_of
from proxy.model.told import ChangeTold, CommitTold, DeploymentTold, Fact, ReviewTold
from proxy.outcomes.events.delivery import UnreadableError
from proxy.outcomes.events.importing import imported

PAY = "github.com/acme/pay"
AT = "2025-03-01T10:00:00Z"
AT_US = 1_740_823_200_000_000
NOW_US = 1_790_000_000_000_000
DEPLOYED = {"repository": PAY, "environment": "production", "sha": "AB" * 20, "occurred_at": AT}
WORD = st.from_regex(r"[a-z0-9@./-]{1,20}", fullmatch=True)
WORDS = st.lists(WORD, max_size=3).map(tuple)


def test_a_deployment_of_long_ago_keeps_its_time_and_is_labelled() -> None:
    (line,) = imported(DEPLOYED).lines(NOW_US)
    assert (line.source, line.trust, line.imported, line.clamped) == ("import", "claimed", True, False)
    assert (line.occurred_us, line.at_us, line.facts["sha"]) == (AT_US, NOW_US, "ab" * 20)


def test_it_is_known_again_by_its_event_id_else_by_what_it_says() -> None:
    ids = [imported(each).id for each in (DEPLOYED, dict(reversed(DEPLOYED.items())), {**DEPLOYED, "state": "failure"})]
    assert ids[0] == ids[1] != ids[2]
    assert imported({**DEPLOYED, "event_id": "e1"}).id == imported({**DEPLOYED, "event_id": "e1", "sha": ""}).id == "e1"


FACTS = st.one_of(
    st.builds(
        ChangeTold, st.just(PAY), WORD, WORD, WORD, WORD, branch=WORD, merge=WORD, merged_us=st.just(AT_US),
        bot=st.booleans(), work_items=WORDS, coauthors=WORDS, reverts=WORD,
    ),
    st.builds(ReviewTold, st.just(PAY), WORD, WORD, st.just("approved"), WORD, WORD),
    st.builds(CommitTold, st.just(PAY), WORD, WORD, WORD, WORDS, WORD, WORDS, WORDS, WORDS),
    st.builds(DeploymentTold, st.just(PAY), WORD, WORD, st.just("success"), sha=WORD, actor=WORD),
)  # fmt: skip


@given(FACTS)
def test_what_is_read_from_git_comes_out_as_it_went_in(fact: Fact) -> None:
    assert imported(document_of((AT_US, fact))).telling == [(AT_US, fact)]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "no JSON object"),
        ({**DEPLOYED, "kind": "diff"}, "kind is one of"),
        ({**DEPLOYED, "occurred_at": "yesterday"}, "occurred_at is needed"),
        ({**DEPLOYED, "environment": ""}, "a deployment has an environment"),
        ({**DEPLOYED, "repository": "pay"}, "repository is written"),
        ({"kind": "review", "repository": PAY, "occurred_at": AT}, "a field of a review is missing: number, reviewer"),
        ({"kind": "commit", "sha": "ab", "occurred_at": AT}, "repository is needed"),
    ],
)
def test_what_cannot_be_read_says_why(document: Any, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        imported(document)
