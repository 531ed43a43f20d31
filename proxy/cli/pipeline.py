"""Pipeline: what the variables of a CI system say of the run that a command stands in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.model.repository import repository


@dataclass(frozen=True, slots=True)
class Pipeline:
    """'' for what isn't known."""

    name: str = ""
    """Of the CI system."""
    repository: str = ""
    """As model.repository spells it."""
    sha: str = ""
    environment: str = ""
    actor: str = ""
    run: str = ""
    """The same for each attempt of this very step to tell something; another when a person runs it again."""


@dataclass(frozen=True, slots=True)
class _Variables:
    """Names of variables. Of several the first that is set counts; those of `run` are all taken together."""

    mark: str
    """Set by this system alone."""
    repository: Sequence[str]
    sha: str
    run: Sequence[str]
    environment: str = ""
    actor: str = ""


_SYSTEMS: Final[Mapping[str, _Variables]] = {
    "github": _Variables(
        "GITHUB_ACTIONS", (), "GITHUB_SHA", ("GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"), "", "GITHUB_ACTOR"
    ),
    "gitlab": _Variables(
        *("GITLAB_CI", ("CI_PROJECT_URL",), "CI_COMMIT_SHA", ("CI_JOB_ID",)),
        *("CI_ENVIRONMENT_NAME", "GITLAB_USER_LOGIN"),
    ),
    "jenkins": _Variables("JENKINS_URL", ("GIT_URL", "GIT_URL_1"), "GIT_COMMIT", ("BUILD_TAG",), "", "BUILD_USER_ID"),
    "circleci": _Variables(
        "CIRCLECI", ("CIRCLE_REPOSITORY_URL",), "CIRCLE_SHA1", ("CIRCLE_WORKFLOW_JOB_ID",), "", "CIRCLE_USERNAME"
    ),
    "buildkite": _Variables(
        *("BUILDKITE", ("BUILDKITE_REPO",), "BUILDKITE_COMMIT", ("BUILDKITE_JOB_ID", "BUILDKITE_RETRY_COUNT")),
        *("", "BUILDKITE_BUILD_CREATOR"),
    ),
    "azure": _Variables(
        *("TF_BUILD", ("BUILD_REPOSITORY_URI",), "BUILD_SOURCEVERSION"),
        *(("BUILD_BUILDID", "SYSTEM_STAGEATTEMPT", "SYSTEM_JOBID", "SYSTEM_JOBATTEMPT"), "ENVIRONMENT_NAME"),
        "BUILD_REQUESTEDFOR",
    ),
    "bitbucket": _Variables(
        *("BITBUCKET_BUILD_NUMBER", ("BITBUCKET_GIT_HTTP_ORIGIN",), "BITBUCKET_COMMIT"),
        *(("BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_UUID", "BITBUCKET_STEP_RUN_NUMBER"),),
        "BITBUCKET_DEPLOYMENT_ENVIRONMENT",
    ),
}
"""As each system documents its predefined variables."""


def pipeline_of(environ: Mapping[str, str]) -> Pipeline:
    """Of the system that set these variables; nothing where none did."""
    for name, known in _SYSTEMS.items():
        if environ.get(known.mark):
            return _read(name, known, environ)
    return Pipeline()


def _read(name: str, known: _Variables, environ: Mapping[str, str]) -> Pipeline:
    urls = [environ.get(each, "") for each in known.repository]
    if name == "github":
        # It says server and name apart.
        urls = [f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{environ.get('GITHUB_REPOSITORY', '')}"]
    run = [environ[each] for each in known.run if environ.get(each)]
    return Pipeline(
        name,
        next(filter(None, map(repository, urls)), ""),
        environ.get(known.sha, "").lower(),
        environ.get(known.environment, ""),
        environ.get(known.actor, ""),
        "/".join([name, *run]) if run else "",
    )
