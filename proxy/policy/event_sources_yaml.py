"""services.yaml, `sources`: who may tell of deployments, and where the secrets are that prove it."""

import re
from typing import Final, Literal

from proxy.model.service import CODE_HOSTS, EventSource, SourceKind
from proxy.policy.document import Listing, Node, Word
from proxy.policy.mistakes import shown
from proxy.policy.names import Names
from proxy.policy.secret_source import named_source, read_place
from proxy.policy.section import Section
from proxy.policy.types import Secret

Place = Literal["env", "file"]

SOURCE: Final = {
    "kind": "kind: github",
    "secrets": "secrets: [{env: GITHUB_WEBHOOK_SECRET}]",
    "repositories": "repositories: [github.com/acme/*]",
    "host": "host: github.com",
    "changes": "changes: true",
}
SECRET: Final = {
    "env": "secrets: [{env: GITHUB_WEBHOOK_SECRET}]",
    "file": "secrets: [{file: /run/secrets/github-webhook}]",
}
KINDS: Final[tuple[SourceKind, ...]] = ("github", "gitlab", "argocd", "cdevents", "generic")
SOURCES_MAX: Final = 100
SECRETS_MAX: Final = 2
"""The one in use, and the next while it is changed."""
HOST_PATTERN: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
RESERVED: Final = frozenset(("mirror", "import"))
"""What outlay reads from a repository's own history, and what an admin brings in, is told by sources of these names."""

_HOST: Final = re.compile(HOST_PATTERN, re.ASCII)
_NOT_A_SOURCE: Final = (
    "must say where one or two secrets are, each as {env: NAME} or {file: PATH}; a secret itself never stands in a "
    "policy file (what stands here is not shown, and should be replaced if it was one)"
)


def read_sources(top: Section, known: Names) -> dict[str, EventSource]:
    """`known`: repositories that services have."""
    sources: dict[str, EventSource] = {}
    proving: dict[tuple[str, str], str] = {}
    for key, section in top.entries("sources", SOURCE, "a source"):
        if len(sources) == SOURCES_MAX:
            top.mistakes.add(key, f"there are more than {SOURCES_MAX} sources")
            break
        section.require("kind", "secrets")
        if key.text in RESERVED:
            top.mistakes.add(key, f"'{key.text}' is the name of what outlay reads itself: choose another one")
        source = sources[key.text] = EventSource(
            name=key.text,
            kind=section.choice("kind", KINDS, KINDS[0]),
            secrets=_secrets(section),
            repositories=_repositories(section, known),
            host=_host(section),
            where=top.mistakes.where(key),
            changes=section.flag("changes"),
        )
        if section.node("changes") is not None and source.kind != "cdevents":
            said = "always tells" if source.kind in CODE_HOSTS else "never tells"
            said = f"is for a source of kind cdevents: one of kind {source.kind} {said} of changes and reviews"
            section.wrong("changes", said, "kind: cdevents")
        _check_own(key, source, proving, section)
    return sources


def _check_own(key: Word, source: EventSource, proving: dict[tuple[str, str], str], section: Section) -> None:
    """Two sources corroborate each other, so one secret must not be enough to be both."""
    for secret in source.secrets:
        other = proving.setdefault(secret, key.text)
        if other != key.text:
            section.wrong(
                "secrets",
                f"has the secret of {shown(other)}: whoever knows it could be two sources that confirm each other",
            )


def _secrets(section: Section) -> tuple[tuple[Place, str], ...]:
    """Whatever stands here in place of env or file may be a secret: no mistake repeats it."""
    value = section.node("secrets")
    if value is None:
        return ()
    items = value.items if isinstance(value, Listing) else ()
    if not 1 <= len(items) <= SECRETS_MAX:
        section.wrong("secrets", _NOT_A_SOURCE)
        return ()
    found = [place for item in items if (place := _secret(section, item)) is not None]
    if len(set(found)) < len(found):
        section.wrong("secrets", "has one secret twice")
    return tuple(found)


def _secret(section: Section, item: Node) -> tuple[Place, str] | None:
    named = named_source(item, SECRET)
    if named is None:
        section.mistakes.add(item, f"secrets {_NOT_A_SOURCE}", SECRET["env"])
        return None
    kind, body = named
    return place_of(read_place(kind.text, body, section.mistakes, "the secret", SECRET[kind.text]))


def place_of(secret: Secret) -> tuple[Place, str] | None:
    """As services name it; None of one that is nowhere."""
    return (secret.source, secret.name) if secret.source in ("env", "file") else None


def _repositories(section: Section, known: Names) -> tuple[str, ...]:
    """Spelled as repositories are."""
    section.some("repositories")
    words = section.words("repositories")
    for word in words:
        if not known.fits(word.text.lower()):
            section.mistakes.warn(word, f"repositories: no service has one that fits {shown(word.text)}")
    return tuple(dict.fromkeys(word.text.lower() for word in words))


def _host(section: Section) -> str:
    text = section.text("host").lower()
    if text and not _HOST.fullmatch(text):
        section.wrong("host", f"can't be {shown(text)}: it is the name of a host, without https:// and path")
    return text
