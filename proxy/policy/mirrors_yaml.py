"""services.yaml, `mirrors`: how the history of a repository is read, and where the credential for it is found."""

import re
from typing import Final, Literal

from proxy.model.repository import repository
from proxy.model.service import Mirror
from proxy.policy.document import Word
from proxy.policy.event_sources_yaml import Place, place_of
from proxy.policy.mistakes import shown
from proxy.policy.names import Names
from proxy.policy.secret_source import named_source, read_place
from proxy.policy.section import Section

MIRROR: Final = {
    "url": 'url: "https://github.com/acme/checkout.git"',
    "token": "token: {env: GITHUB_READ_TOKEN}",
    "ssh_key": "ssh_key: /run/secrets/checkout-deploy-key",
}
TOKEN: Final = {"env": "token: {env: GITHUB_READ_TOKEN}", "file": "token: {file: /run/secrets/github-read}"}
URL_PATTERN: Final = (
    r"(https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/[^\s?#]+"
    r"|ssh://(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/[^\s?#]+"
    r"|[A-Za-z0-9._-]+@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s?#]+"
    r"|file:///[^\s?#]+)"
)
"""What git is given: nothing else, since git runs commands for addresses of other kinds."""

_URL: Final = re.compile(URL_PATTERN, re.ASCII)
_NOT_A_SOURCE: Final = (
    "must say where it is found, as {env: NAME} or {file: PATH}; a token itself never stands in a policy file (what "
    "stands here is not shown, and should be replaced if it was one)"
)


def read_mirrors(top: Section, known: Names) -> dict[str, Mirror]:
    """By repository. `known`: those that services have."""
    mirrors: dict[str, Mirror] = {}
    for key, section in top.entries("mirrors", MIRROR, "a mirror"):
        name = repository(key.text)
        if not name:
            top.mistakes.add(key, f"{shown(key.text)} is not host/owner/name, the repository that is read")
        elif name in mirrors:
            top.mistakes.add(key, f"{shown(key.text)} is {name} again, which stands in {mirrors[name].where}")
        else:
            mirrors[name] = _mirror(key, name, section)
            if name not in known:
                near = known.near(name)
                hint = f"did you mean '{near}'?" if near else "nothing of it would count"
                top.mistakes.warn(key, f"no service has the repository {shown(key.text)}: {hint}")
    return mirrors


def _mirror(key: Word, name: str, section: Section) -> Mirror:
    by_key = section.node("ssh_key") is not None
    url = _url(section) or (f"ssh://git@{name}.git" if by_key else f"https://{name}.git")
    if by_key and section.node("token") is not None:
        section.wrong("token", "and ssh_key are two ways of reading: keep one")
    elif by_key and "@" not in url and not url.startswith("ssh://"):
        section.wrong("ssh_key", "is for an address of ssh, as git@host:owner/name.git")
    elif section.node("token") is not None and not url.startswith("https://"):
        section.wrong("token", "is sent to an address that begins with https:// only")
    place = _ssh_key(section) if by_key else _token(section)
    return Mirror(name, url, place or ("none", ""), section.mistakes.where(key))


def _url(section: Section) -> str:
    """It is not repeated in a mistake: it may hold a password."""
    text = section.text("url")
    if text.startswith("http") and "@" in text.partition("://")[2].partition("/")[0]:
        section.wrong("url", "must hold no user or password: what opens the repository comes from token")
    elif text and not _URL.fullmatch(text):
        section.wrong("url", "can't be read by git here: it is https://…, ssh://…, git@host:… or file:///…")
    return text


def _token(section: Section) -> tuple[Place, str] | None:
    """Whatever stands here in place of env or file may be a token: no mistake repeats it."""
    value = section.node("token")
    if value is None:
        return None
    named = named_source(value, TOKEN)
    if named is None:
        section.wrong("token", _NOT_A_SOURCE)
        return None
    kind, body = named
    return place_of(read_place(kind.text, body, section.mistakes, "the token", TOKEN[kind.text]))


def _ssh_key(section: Section) -> tuple[Literal["ssh_key"], str] | None:
    value = section.node("ssh_key")
    text = value.text if isinstance(value, Word) else ""
    if not text.isprintable() or not text.strip() or "PRIVATE KEY" in text:
        section.wrong("ssh_key", "is the path of a file, never the key itself (what stands here is not shown)")
        return None
    return "ssh_key", text
