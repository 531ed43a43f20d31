"""providers.yaml: where calls go, and where the credentials for it come from. Never the credentials themselves."""

import re
from typing import Final
from urllib.parse import urlsplit

from proxy.policy.document import Node, Table, Word, read_document
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
    "region": "region: us-east-1",
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
API_KEY: Final = {
    "env": "api_key: {env: OPENAI_API_KEY}",
    "file": "api_key: {file: /run/secrets/openai}",
    "aws": "api_key: {aws: environment}",
}

DIALECTS: Final = ("openai", "anthropic", "gemini", "azure", "bedrock")
TRANSLATED_TO: Final = ("anthropic", "gemini", "bedrock")
"""What calls in OpenAI's dialect can be translated to."""
AWS_ENVIRONMENT: Final = "environment"
RESERVED: Final = frozenset(
    ("v1", "v1beta", "v1alpha", "v2", "azure", "bedrock", "vertex", "healthz", "readyz", "livez", "metrics", "outlay")
)
"""First parts of paths on the data port that mean something else, now or in the contract of later versions."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", re.ASCII)
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*", re.ASCII)
_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}", re.ASCII)
_PROFILE: Final = re.compile(r"(?!(?:AKIA|ASIA|ABSK)[A-Z0-9]{12})[A-Za-z0-9][A-Za-z0-9._@-]{0,99}", re.ASCII)
"""A name that doesn't begin as an access key does."""
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,2}-\d{1,2}", re.ASCII)
_REGION_HOST: Final = re.compile(
    r"https?://(?:[a-z0-9-]+\.)?bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\."
    r"(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)(?:[:/]|$)",
    re.ASCII,
)
_PASS: Final = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) (/\S+)", re.ASCII)


def read_providers(data: bytes | str, access: Access, mistakes: Mistakes) -> dict[str, Provider]:
    """The providers in the file's order, which is the order of preference for calls that name none."""
    document = read_document(data, mistakes)
    if document is None:
        return {}
    top = Section(document, TOP, mistakes, FILE)
    return {
        key.text: _provider(key, section, access) for key, section in top.entries("providers", PROVIDER, "a provider")
    }


def _provider(key: Word, section: Section, access: Access) -> Provider:
    section.require("dialect", "base_url", "api_key")
    dialect = section.choice("dialect", DIALECTS, DIALECTS[0])
    _check_name(key, dialect, section.mistakes)
    _check_signing(section, dialect)
    defaults = Provider("", "", "", Secret("none"))
    return Provider(
        name=key.text,
        dialect=dialect,
        base_url=_base_url(section),
        api_key=_api_key(section),
        region=_region(section),
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


def _api_key(section: Section) -> Secret:
    """Whatever stands here in place of env or file may be a credential: no mistake repeats it."""
    value = section.node("api_key")
    if value is None or (isinstance(value, Word) and value.text == "none"):
        return Secret("none")
    if not isinstance(value, Table):
        section.wrong("api_key", _NOT_A_SOURCE)
        return Secret("none")
    named = [(name, body) for name, body in value.pairs if name.text in API_KEY]
    if len(value.pairs) != 1 or len(named) != 1:
        section.wrong("api_key", _NOT_A_SOURCE)
        return Secret("none")
    return _source(section, named[0][0].text, named[0][1])


def _source(section: Section, kind: str, body: Node) -> Secret:
    text = body.text if isinstance(body, Word) and body.text.isprintable() else ""
    if kind == "env" and _VARIABLE.fullmatch(text):
        return Secret("env", text)
    if kind == "file" and text.strip():
        return Secret("file", text)
    if kind == "aws" and _PROFILE.fullmatch(text):
        return Secret("aws", "" if text == AWS_ENVIRONMENT else text)
    if kind == "aws":
        section.mistakes.add(
            body,
            "aws is the word 'environment' or the name of a profile of the AWS configuration, never a key itself "
            "(what stands here is not shown)",
            API_KEY["aws"],
        )
        return Secret("none")
    meant = "the name of an environment variable" if kind == "env" else "the path of a file"
    section.mistakes.add(
        body, f"{kind} is {meant}, never the key itself (what stands here is not shown)", API_KEY[kind]
    )
    return Secret("none")


_NOT_A_SOURCE: Final = (
    "must say where the credential comes from, as {env: NAME}, {file: PATH} or {aws: PROFILE}, or be none; "
    "a key itself never stands in a policy file (what stands here is not shown, and should be replaced if it was one)"
)


def _region(section: Section) -> str:
    """As it is written, else as the host of the base URL says."""
    text = section.text("region")
    if text and not _REGION.fullmatch(text):
        section.wrong("region", f"{shown(text)} is no region of AWS")
        return ""
    return text or _region_of_host(section)


def _region_of_host(section: Section) -> str:
    address = section.node("base_url")
    found = _REGION_HOST.match(address.text) if isinstance(address, Word) else None
    return found[1] if found else ""


def _check_signing(section: Section, dialect: str) -> None:
    """A signature is made for a region, and only Bedrock takes one."""
    source = section.node("api_key")
    if not isinstance(source, Table) or all(name.text != "aws" for name, _ in source.pairs):
        return
    if dialect != "bedrock":
        section.wrong("api_key", f"can't be aws for a provider that speaks {dialect}: only calls to bedrock are signed")
    elif section.node("region") is None and not _region_of_host(section):
        section.mistakes.add(
            source, "api_key: aws signs for a region, which this base_url does not tell: say it", PROVIDER["region"]
        )


def _projects(section: Section, access: Access) -> tuple[str, ...]:
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
