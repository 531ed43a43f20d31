"""providers.yaml: where calls go, and where the credentials for it come from. Never the credentials themselves."""

import re
from typing import Final
from urllib.parse import urlsplit

from proxy.policy import credential_source
from proxy.policy.document import Table, Word, read_document
from proxy.policy.mistakes import Mistakes, shown, suggestion
from proxy.policy.section import Section
from proxy.policy.types import Access, Provider, Secret

FILE: Final = "providers.yaml"

TOP: Final = {
    "providers": 'providers: {openai: {dialect: openai, base_url: "https://api.openai.com", '
    "api_key: {env: OPENAI_API_KEY}}}",
}
PROVIDER: Final = {
    "dialect": "dialect: openai",
    "base_url": 'base_url: "https://api.openai.com"',
    "api_key": "api_key: {env: OPENAI_API_KEY}",
    "region": credential_source.REGION,
    "account": "account: openai-main",
    "prices": "prices: azure",
    "default_for": "default_for: [llama-*]",
    "projects": "projects: [checkout]",
    "paths": "paths: {/v1/: /api/v4/}",
    "translate": "translate: [claude-*]",
    "deployments": "deployments: {my-gpt: gpt-5-mini}",
    "passes": 'passes: ["GET /v1/files/*"]',
    "ask_usage": "ask_usage: false",
    "websockets": "websockets: false",
    "connect_timeout": "connect_timeout: 10s",
    "read_timeout": "read_timeout: 10m",
    "total_timeout": "total_timeout: 1h",
}
DIALECTS: Final = ("openai", "anthropic", "gemini", "azure", "bedrock")
TRANSLATED_TO: Final = ("anthropic", "gemini", "bedrock")
"""What calls in OpenAI's dialect can be translated to."""
RESERVED: Final = frozenset(
    ("v1", "v1beta", "v1alpha", "v2", "azure", "bedrock", "vertex", "healthz", "readyz", "livez", "metrics", "outlay")
)
"""First parts of paths on the data port that mean something else, now or in the contract of later versions."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", re.ASCII)
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*", re.ASCII)
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}", re.ASCII)
_PASS: Final = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/\S+)", re.ASCII)


def read_providers(data: bytes | str, access: Access, mistakes: Mistakes) -> dict[str, Provider]:
    """The providers in the file's order, which is the order of preference for calls that name none."""
    document = read_document(data, mistakes)
    if document is None:
        return {}
    top = Section(document, TOP, mistakes, FILE)
    providers: dict[str, Provider] = {}
    accounts: dict[tuple[str, Secret], Provider] = {}
    for key, section in top.entries("providers", PROVIDER, "a provider"):
        provider = providers[key.text] = _provider(key, section, access)
        first = accounts.setdefault((urlsplit(provider.base_url).netloc, provider.api_key), provider)
        if first.account != provider.account and provider.api_key.source != "none":
            mistakes.warn(
                key,
                f"'{key.text}' has the host and the credential of '{first.name}' and another account: a batch that is "
                "asked for through both counts twice",
                f"account: {first.account}",
            )
    return providers


def _provider(key: Word, section: Section, access: Access) -> Provider:
    section.some("default_for")
    section.require("dialect", "base_url", "api_key")
    dialect = section.choice("dialect", DIALECTS, DIALECTS[0])
    _check_name(key, dialect, section.mistakes)
    credential_source.check_signing(section, dialect)
    defaults = Provider("", "", "", Secret("none"))
    return Provider(
        name=key.text,
        dialect=dialect,
        base_url=_base_url(section),
        api_key=credential_source.api_key(section),
        region=credential_source.region(section),
        account=section.name("account") or key.text,
        prices=section.name("prices") or dialect,
        default_for=section.texts("default_for"),
        projects=_projects(section, access),
        paths=_paths(section),
        translate=_translate(section, dialect),
        deployments=_deployments(section),
        passes=_passes(section),
        ask_usage=section.choice("ask_usage", ("true", "false"), "true") == "true",
        websockets=section.choice("websockets", ("true", "false"), "true") == "true",
        connect_timeout_s=section.duration_s("connect_timeout", defaults.connect_timeout_s),
        read_timeout_s=section.duration_s("read_timeout", defaults.read_timeout_s),
        total_timeout_s=section.duration_s("total_timeout", defaults.total_timeout_s),
        where=section.mistakes.where(key),
    )


def _check_name(key: Word, dialect: str, mistakes: Mistakes) -> None:
    if key.text in RESERVED and key.text != dialect:
        mistakes.add(key, f"'{key.text}' is the beginning of other paths (/{key.text}/…): choose another name")
    elif not _NAME.fullmatch(key.text):
        mistakes.add(
            key,
            f"{shown(key.text)} can't be a provider's name, which stands in paths (/name/v1/…): "
            "lower-case letters, digits and . _ - only, at most 64 characters",
        )


def _base_url(section: Section) -> str:
    """Scheme, host, port and path prefix. A URL is not repeated in a mistake: it may hold a password."""
    text = section.text("base_url")
    if not text:
        return ""
    wrong = _wrong_with_url(text)
    if wrong:
        section.wrong("base_url", wrong)
        return ""
    return text.rstrip("/")


def _wrong_with_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "is not a URL that can be read"
    findings = {
        "must begin with https:// or http://": parts.scheme not in ("http", "https"),
        "must hold no user or password: credentials come from api_key": "@" in parts.netloc,
        "must have no query and no fragment: those come with each call": "?" in text or "#" in text,
        "names no host that can be reached": not _HOST.fullmatch(parts.netloc) or port == 0,
        "has a path that can't be used as it is": not _plain_path(parts.path),
        "must end before /v1: each call brings its own path, /v1 included": parts.path.rstrip("/").endswith("/v1"),
    }
    return next((message for message, found in findings.items() if found), "")


def _projects(section: Section, access: Access) -> tuple[str, ...]:
    section.some("projects")
    words = section.names("projects")
    for word in words:
        if word.text not in access.projects:
            unknown = f"access.yaml knows no project {shown(word.text)}: {suggestion(word.text, access.projects)}"
            section.mistakes.warn(word, unknown)
    return tuple(word.text for word in words)


def _paths(section: Section) -> tuple[tuple[str, str], ...]:
    value = section.node("paths")
    if value is None:
        return ()
    if not isinstance(value, Table):
        section.wrong("paths", "is a table: the beginning of a path here, and what it is at the provider")
        return ()
    pairs: list[tuple[str, str]] = []
    for key, body in value.pairs:
        there = body.text if isinstance(body, Word) else ""
        if all(each.startswith("/") and each.endswith("/") and _plain_path(each) for each in (key.text, there)):
            pairs.append((key.text, there))
        else:
            section.mistakes.add(key, "paths map one path to another, each with a / on both ends", PROVIDER["paths"])
    return tuple(pairs)


def _deployments(section: Section) -> dict[str, str]:
    """A table of names with the model that each runs."""
    value = section.node("deployments")
    if value is None:
        return {}
    if not isinstance(value, Table):
        section.wrong("deployments", "is a table: the name that calls use, and the model that it runs")
        return {}
    models: dict[str, str] = {}
    for key, body in value.pairs:
        model = body.text if isinstance(body, Word) else ""
        if key.text.strip() and _MODEL.fullmatch(model):
            models[key.text] = model
        else:
            section.mistakes.add(
                key, "deployments name the model that each runs, as price lists do", PROVIDER["deployments"]
            )
    return models


def _translate(section: Section, dialect: str) -> tuple[tuple[str, str], ...]:
    """A list of patterns of models, or a table: each pattern with the model that is served."""
    value = section.node("translate")
    if value is not None and dialect not in TRANSLATED_TO:
        section.mistakes.warn(
            value,
            f"translate changes nothing for a provider that speaks {dialect}: calls are translated to "
            f"{', '.join(TRANSLATED_TO)}. Models whose calls need no translation stand in default_for",
        )
    if not isinstance(value, Table):
        return tuple((text, "") for text in section.texts("translate"))
    pairs: list[tuple[str, str]] = []
    for key, body in value.pairs:
        there = body.text if isinstance(body, Word) else ""
        if key.text.strip() and _MODEL.fullmatch(there):
            pairs.append((key.text, there))
        else:
            section.mistakes.add(
                key,
                "translate as a table has the model asked for and the model served, which is a name, not a pattern",
                "translate: {gpt-large: claude-opus-4-5}",
            )
    return tuple(pairs)


def _plain_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and not any(each in (".", "..") for each in path.split("/"))


def _passes(section: Section) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for word in section.words("passes"):
        found = _PASS.fullmatch(word.text)
        if found and not found[2].startswith(("/*", "/?", "/[")):
            pairs.append((found[1], found[2]))
        else:
            section.mistakes.add(
                word,
                f"passes: {shown(word.text)} is not a method and a path whose first part is written out",
                PROVIDER["passes"],
            )
    return tuple(pairs)
