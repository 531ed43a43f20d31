"""Whose deployments count: deploy_actors, as services.yaml writes them."""

import pytest

from tests.fakes.telling import Organisation, a_service, services_of, total


@pytest.mark.parametrize(
    ("actors", "actor", "counts"),
    [
        (("github-actions[bot]",), "github-actions[bot]", 1),
        (("github-actions[bot]",), "github-actionsb", 0),
        (("*[bot]",), "robot[bot]", 1),
        (("deploy-?",), "deploy-7", 1),
        (("deploy-?",), "deploy-77", 0),
        (("Deploy-*",), "deploy-7", 0),
        (("*",), "anybody", 1),
        (("*",), "", 0),
    ],
)
def test_a_deployer_is_named_or_fits_a_pattern(actors: tuple[str, ...], actor: str, counts: int) -> None:
    org = Organisation(services=services_of(a_service(deploy_actors=actors)))
    org.change("1", 0)
    org.deploy("d1", 0.5, actor=actor)
    assert total(org.verdicts(30)) == counts
