"""Scripts of the pages on connecting sources, as a reader copies them, against a real ledger: what they tell counts."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers.processes import ADMIN_KEY, ROOT, Deployment, base_environ, fetch, post, until

SECRET = "the pipelines' own"
PLACE = "github.com/acme/checkout"
OUTLAY = 'outlay() { "$PYTHON" -m proxy "$@"; }\n'


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """With what connect-ci.md has to be registered, and the other pages' names of who deploys."""
    registered = blocks(page("connect-ci"), "yaml")[0]
    assert "deploy_actors: [pipeline]" in registered
    registered = registered.replace("[pipeline]", "[pipeline, flux, jenkins]")
    made = Deployment(tmp_path_factory.mktemp("c"), "http://127.0.0.1:9", {"OUTLAY_EVENTS_SECRET": SECRET})
    made.data.mkdir(mode=0o700)
    (made.folder / "policies/services.yaml").write_text(registered)
    try:
        made.start_ledger()
        yield made
    finally:
        made.stop()


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    for words in (
        ("init", "-q", "-b", "main"),
        ("remote", "add", "origin", f"https://{PLACE}.git"),
        (*who, "commit", "-q", "--allow-empty", "-m", f"for {tmp_path}"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def run(script: str, folder: Path, ledger: Deployment, **environ: str) -> str:
    known = {"PYTHON": sys.executable, "OUTLAY_URL": ledger.ledger_url, "OUTLAY_EVENTS_SECRET": SECRET}
    ran = subprocess.run(
        ["sh", "-eu", "-c", OUTLAY + script],
        cwd=folder,
        env={**base_environ(), "HOME": str(folder), "PATH": os.environ["PATH"], **known, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def head(folder: Path) -> str:
    return subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=folder, text=True).strip()


def story(ledger: Deployment, sha: str) -> Any:
    """Of the deployment of a commit, once it is loaded."""
    found: list[Any] = []

    def is_there() -> bool:
        try:
            found.append(fetch(f"{ledger.ledger_url}/v1/deployments/{sha}", ADMIN_KEY))
        except OSError:
            return False
        return True

    until("it is loaded", is_there, ledger.ledger)
    return found[-1]


def check(ledger: Deployment, sha: str, actor: str) -> None:
    """It is trusted, in production, succeeded, and new: what is left is for mirrors and time to say."""
    told = story(ledger, sha)
    assert (told["deployment"]["actor"], told["deployment"]["service"]) == (actor, "checkout")
    assert [each["holds"] for each in told["rulings"][:4]] == [True] * 4, told["rulings"]


def test_the_line_for_any_ci(work_tree: Path, ledger: Deployment) -> None:
    [line] = [each for each in blocks(page("connect-ci"), "sh") if "record" in each]
    assert "Recorded: checkout in production, success" in run(line, work_tree, ledger)
    check(ledger, head(work_tree), "pipeline")


def test_the_line_of_a_gitlab_job(tmp_path: Path, ledger: Deployment) -> None:
    sha = "a1" * 20
    [line] = re.findall(r"- '(.*outlay deployments record.*)'", page("connect-gitlab"))
    known = {"GITLAB_CI": "true", "CI_PROJECT_URL": f"https://{PLACE}", "CI_COMMIT_SHA": sha, "CI_JOB_ID": "7"}
    run(line, tmp_path, ledger, CI_JOB_STATUS="success", **known)
    check(ledger, sha, "pipeline")


def test_the_line_of_a_jenkins_pipeline(tmp_path: Path, ledger: Deployment) -> None:
    sha = "b2" * 20
    [line] = re.findall(r'sh "(outlay deployments record.*)"', page("connect-jenkins"))
    known = {"JENKINS_URL": "https://ci.example.com", "GIT_URL": f"https://{PLACE}.git", "GIT_COMMIT": sha}
    run(line.replace("${state}", "success"), tmp_path, ledger, BUILD_TAG="jenkins-ship-7", **known)
    check(ledger, sha, "jenkins")


def test_the_job_that_flux_runs(tmp_path: Path, ledger: Deployment) -> None:
    sha = "c3" * 20
    arguments = re.findall(r"- (--\S+)", page("connect-flux"))
    assert len(arguments) == 6
    line = shlex.join(["outlay", "deployments", "record", *arguments]).replace("${RELEASE_SHA}", sha)
    run(line, tmp_path, ledger)
    check(ledger, sha, "flux")


def test_curl_and_openssl_where_outlay_is_not_there(work_tree: Path, ledger: Deployment) -> None:
    script = blocks(page("outcomes").partition("### Anything else")[2], "sh")[0]
    script = script.replace("https://outlay.example.com", ledger.ledger_url)
    told = json.loads(run(script, work_tree, ledger, SECRET=SECRET))
    assert (told["told"], told["quarantine"]) == (1, [])
    check(ledger, head(work_tree), "pipeline")


def test_argo_cd_tells_of_an_image_and_its_build_of_which_commit_it_is(tmp_path: Path) -> None:
    """The template's values stand in for what Argo CD would put there."""
    secrets = {"ARGOCD_EVENTS_TOKEN": "t0k3n", "GITHUB_WEBHOOK_SECRET": "a", "BUILD_EVENTS_SECRET": "b"}
    outlay = Deployment(tmp_path / "argo", "http://127.0.0.1:9", secrets)
    outlay.data.mkdir(mode=0o700, parents=True)
    (outlay.folder / "policies/services.yaml").write_text(blocks(page("connect-argocd"), "yaml")[0])
    digest, sha, now = "sha256:" + "d4" * 32, "d4" * 20, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = iter(
        ["u-1", "checkout-prod", "production", "5e" * 20, "Succeeded", now, now, "", "", "", f'["r/c@{digest}"]']
    )
    template = page("outcomes").partition("### Argo CD")[2].partition("body: |\n")[2].partition("trigger.outlay")[0]
    body = re.sub(r"\{\{.*?\}\}", lambda _: next(values), template)
    try:
        outlay.start_ledger()
        url = f"{outlay.ledger_url}/v1/events/argocd"
        headers = {"authorization": "Bearer t0k3n", "content-type": "application/json"}
        assert post(url, body.encode(), headers).document["quarantine"] == []
        [script] = [each for each in blocks(page("connect-argocd"), "sh") if "cdevents" in each]
        script = script.replace("https://outlay.example.com:4142", outlay.ledger_url)
        told = json.loads(run(script, tmp_path, outlay, DIGEST=digest, SHA=sha, BUILD_EVENTS_SECRET="b"))
        assert (told["told"], told["quarantine"]) == (1, [])
        check(outlay, sha, "automated")
    finally:
        outlay.stop()
