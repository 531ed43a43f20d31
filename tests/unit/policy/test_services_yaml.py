"""What services.yaml says, as services, sources and mirrors."""

from pathlib import Path
from typing import Literal, get_args

import pytest

from proxy.model.service import HOUR_US, NO_SERVICES, EventSource, Mirror, Service, Services, SourceKind, Trust
from proxy.outcomes.naming import service_of
from proxy.outcomes.quarantine import OWN
from proxy.policy.event_sources_yaml import KINDS, RESERVED
from proxy.policy.load import load
from proxy.policy.service_yaml import TRUSTS
from proxy.policy.types import Mistake, PolicySet

JUNE_US = 1_748_736_000_000_000
"""2025-06-01."""
LEAST = "repositories: [github.com/acme/{0}], environments: [production], registered: 2025-06-01"


def loaded(text: str, now_us: int = 0) -> PolicySet:
    found = load({"services.yaml": text}, now_us=now_us)
    assert isinstance(found, PolicySet), [str(mistake) for mistake in found]
    return found


def mistakes(text: str) -> list[Mistake]:
    found = load({"services.yaml": text})
    return found if isinstance(found, list) else []


def test_without_the_file_nothing_is_registered() -> None:
    assert loaded("").services == NO_SERVICES
    assert loaded("services:\nsources: ~\nmirrors:").services == Services()


def test_every_setting() -> None:
    text = """
services:
  checkout:
    repositories: ["https://github.com/Acme/Checkout.git", github.com/acme/lib]
    environments: [Prod EU, 0042]
    registered: 2025-06-01
    paths: [services/checkout/**]
    names: [checkout-api, checkout]
    deploy_actors: ["github-actions[bot]", deploy-*]
    sources: [ours, cluster]
    soak: 1d
    tier: critical
    owner: payments
    projects: [checkout, web]
    trust: corroborated
    config_counts: true
    ignored: [docs/**]
sources:
  ours: {kind: github, secrets: [{env: HOOK}, {file: hook-next}], repositories: [GitHub.com/Acme/*], host: GitHub.com}
  cluster: {kind: argocd, secrets: [{env: ARGO}]}
  gerrit: {kind: cdevents, secrets: [{env: GERRIT}], changes: true}
mirrors:
  github.com/Acme/Checkout: {token: {file: /run/secrets/read}}
  github.com/acme/lib: {url: "git@github.com:acme/lib.git", ssh_key: keys/lib}
probation_days: 14
probation_deployments: 0
persons_min: 8
"""
    services = loaded(text).services
    assert services.services == {
        "checkout": Service(
            name="checkout",
            repositories=("github.com/acme/checkout", "github.com/acme/lib"),
            environments=("Prod EU", "0042"),
            registered_us=JUNE_US,
            paths=("services/checkout/**",),
            names=("checkout-api", "checkout"),
            deploy_actors=("github-actions[bot]", "deploy-*"),
            sources=("ours", "cluster"),
            soak_us=24 * HOUR_US,
            tier="critical",
            owner="payments",
            projects=("checkout", "web"),
            trust="corroborated",
            config_counts=True,
            ignored=("docs/**",),
            where="services.yaml:3",
        )
    }
    hooks: tuple[tuple[Literal["env", "file"], str], ...] = (("env", "HOOK"), ("file", "hook-next"))
    assert services.sources == {
        "ours": EventSource("ours", "github", hooks, ("github.com/acme/*",), "github.com", "services.yaml:19"),
        "cluster": EventSource("cluster", "argocd", (("env", "ARGO"),), where="services.yaml:20"),
        "gerrit": EventSource("gerrit", "cdevents", (("env", "GERRIT"),), where="services.yaml:21", changes=True),
    }
    checkout, lib = services.mirrors.values()
    assert list(services.mirrors) == [checkout.repository, lib.repository]
    assert (checkout.url, checkout.where) == ("https://github.com/acme/checkout.git", "services.yaml:23")
    assert checkout.credential == ("file", "/run/secrets/read")
    assert lib == Mirror("github.com/acme/lib", "git@github.com:acme/lib.git", ("ssh_key", "keys/lib"), lib.where)
    assert (services.probation_us, services.probation_deployments, services.persons_min) == (14 * 24 * HOUR_US, 0, 8)


def test_what_is_not_written_has_the_defaults_of_a_service() -> None:
    found = loaded(f"services: {{a: {{{LEAST.format('a')}}}}}").services
    assert found.services["a"] == Service(
        "a", ("github.com/acme/a",), ("production",), JUNE_US, where="services.yaml:1"
    )
    assert (found.probation_us, found.persons_min) == (NO_SERVICES.probation_us, NO_SERVICES.persons_min)


@pytest.mark.parametrize(
    ("settings", "url", "credential"),
    [
        ("", "https://a.example/b/c.git", ("none", "")),
        ("{token: {env: T}}", "https://a.example/b/c.git", ("env", "T")),
        ("{ssh_key: k}", "ssh://git@a.example/b/c.git", ("ssh_key", "k")),
        ("{url: 'ssh://a.example:2222/b/c', ssh_key: k}", "ssh://a.example:2222/b/c", ("ssh_key", "k")),
        ("{url: 'https://inside.example:8443/c', token: {env: T}}", "https://inside.example:8443/c", ("env", "T")),
        ("{url: 'http://inside.example/c'}", "http://inside.example/c", ("none", "")),
        ("{url: 'file:///srv/c.git'}", "file:///srv/c.git", ("none", "")),
    ],
)
def test_how_a_mirror_is_read(settings: str, url: str, credential: tuple[str, str]) -> None:
    mirror = loaded(f"mirrors:\n  a.example/b/c: {settings}\n").services.mirrors["a.example/b/c"]
    assert (mirror.url, mirror.credential) == (url, credential)


@pytest.mark.parametrize(
    "url",
    [
        *("ext::sh -c id", "fd::17", "-oProxyCommand=id", "git@-oProxyCommand:x/y", "ssh://-oProxyCommand/x"),
        *("file://host/x", "/srv/c", "ftp://a.example/b/c"),
        *("https://a.example", "https://a.example/b c", "https://a.example/c?token=x"),
    ],
)
def test_git_is_given_no_address_that_could_mean_something_else(url: str) -> None:
    assert len(mistakes(f"mirrors: {{a.example/b/c: {{url: '{url}'}}}}")) == 1


APART = {
    "neither says anything": ("", "", ["a", "b"]),
    "both have paths": ("paths: [a/**]", "paths: [b/**]", []),
    "both have names": ("names: [x]", "names: [y]", []),
    "one has paths, the other a name": ("paths: [a/**]", "names: [y]", []),
    "one has paths, the other has the rest": ("paths: [a/**]", "", ["b"]),
    "one has a name, the other has the rest": ("names: [x]", "", ["b"]),
    "the same paths": ("paths: [a/**]", "paths: [a/**]", ["b"]),
    "the same paths and a name each": ("paths: [a/**], names: [x]", "paths: [a/**], names: [y]", []),
}


@pytest.mark.parametrize("case", APART)
def test_services_of_one_repository_and_environment_are_told_apart(case: str) -> None:
    one, other, confused = APART[case]
    same = LEAST.format("shop")
    found = mistakes(f"services:\n  a: {{{same}, {one}}}\n  b: {{{same}, {other}}}\n")
    assert [("a", "b")[mistake.line - 2] for mistake in found] == confused


def test_an_environment_of_its_own_tells_a_service_apart() -> None:
    same = LEAST.format("shop")
    found = loaded(f"services:\n  a: {{{same}}}\n  b: {{{same.replace('production', 'prod-b')}}}\n").services
    assert service_of(found, "github.com/acme/shop", "", "prod-b") == "b"
    assert service_of(found, "github.com/acme/shop", "", "production") == "a"


def test_a_thousand_services_of_one_repository_are_compared_at_once() -> None:
    lines = [f"  s{n}: {{{LEAST.format('shop')}, paths: [p{n}/**]}}\n" for n in range(1000)]
    assert len(loaded("services:\n" + "".join(lines)).services.services) == 1000
    assert len(mistakes("services:\n" + "".join(line.replace(f"p{n}/", "p/") for n, line in enumerate(lines)))) == 200


@pytest.mark.parametrize(("now_us", "told"), [(0, 0), (JUNE_US - 1, 1), (JUNE_US, 0)])
def test_a_day_to_come_is_told_where_the_time_is_known(now_us: int, told: int) -> None:
    service = f"services: {{a: {{{LEAST.format('a')}, deploy_actors: [alice]}}}}"
    text = service + "\nsources: {g: {kind: github, secrets: [{env: A}]}}"
    assert len(loaded(text, now_us).warnings) == told


def test_the_version_of_a_set_counts_it() -> None:
    plain, more = loaded(""), loaded(f"services: {{a: {{{LEAST.format('a')}}}}}")
    assert plain.version != more.version
    assert plain.keys_version == more.keys_version


def test_its_words_are_those_of_the_model() -> None:
    assert get_args(SourceKind) == KINDS
    assert get_args(Trust) == TRUSTS
    assert RESERVED == OWN


def test_the_starter_registers_nothing_and_its_example_is_whole() -> None:
    text = (Path(__file__).parents[3] / "proxy" / "starter" / "services.yaml").read_text()
    assert loaded(text).services == NO_SERVICES
    found = loaded(text.replace("\n#  ", "\n  ")).services
    assert service_of(found, "github.com/acme/checkout", "", "production") == "checkout"
    assert (list(found.sources), list(found.mirrors)) == (["acme-github"], ["github.com/acme/checkout"])
