"""What CI systems say of a run is read by their own variables."""

import pytest

from proxy.cli.pipeline import Pipeline, pipeline_of

SHA = "ab" * 20
CHECKOUT = "github.com/acme/checkout"
GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "Acme/Checkout",
    "GITHUB_SHA": SHA, "GITHUB_ACTOR": "alice", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "ship",
}  # fmt: skip
GITLAB = {
    "GITLAB_CI": "true", "CI_PROJECT_URL": "https://gitlab.com/acme/backend/checkout", "CI_COMMIT_SHA": SHA.upper(),
    "CI_JOB_ID": "9", "CI_ENVIRONMENT_NAME": "production", "GITLAB_USER_LOGIN": "bob",
}  # fmt: skip
JENKINS = {
    "JENKINS_URL": "https://ci", "GIT_URL_1": "git@github.com:acme/checkout.git", "GIT_COMMIT": SHA,
    "BUILD_TAG": "jenkins-checkout-12",
}  # fmt: skip
BITBUCKET = {
    "BITBUCKET_BUILD_NUMBER": "3", "BITBUCKET_GIT_HTTP_ORIGIN": "http://bitbucket.org/acme/checkout",
    "BITBUCKET_COMMIT": SHA, "BITBUCKET_DEPLOYMENT_ENVIRONMENT": "production", "BITBUCKET_STEP_UUID": "{1}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, Pipeline()),
        ({"CI": "true", "GITHUB_SHA": SHA}, Pipeline()),
        (GITHUB, Pipeline("github", CHECKOUT, SHA, "", "alice", "github/7/2/ship")),
        (GITLAB, Pipeline("gitlab", "gitlab.com/acme/backend/checkout", SHA, "production", "bob", "gitlab/9")),
        (JENKINS, Pipeline("jenkins", CHECKOUT, SHA, "", "", "jenkins/jenkins-checkout-12")),
        (BITBUCKET, Pipeline("bitbucket", "bitbucket.org/acme/checkout", SHA, "production", "", "bitbucket/3/{1}")),
        (
            {"CIRCLECI": "true", "CIRCLE_REPOSITORY_URL": "git@github.com:acme/checkout.git", "CIRCLE_SHA1": SHA},
            Pipeline("circleci", CHECKOUT, SHA),
        ),
        (
            {"BUILDKITE": "true", "BUILDKITE_REPO": f"https://{CHECKOUT}.git", "BUILDKITE_JOB_ID": "5"},
            Pipeline("buildkite", CHECKOUT, run="buildkite/5"),
        ),
        (
            {"TF_BUILD": "True", "BUILD_SOURCEVERSION": SHA, "BUILD_BUILDID": "4", "ENVIRONMENT_NAME": "production"},
            Pipeline("azure", "", SHA, "production", "", "azure/4"),
        ),
    ],
)
def test_each_system_is_read_by_its_own_variables(environ: dict[str, str], found: Pipeline) -> None:
    assert pipeline_of(environ) == found


def test_another_attempt_is_another_run() -> None:
    assert pipeline_of(GITHUB).run != pipeline_of({**GITHUB, "GITHUB_RUN_ATTEMPT": "3"}).run
