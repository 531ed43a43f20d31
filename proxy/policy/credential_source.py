"""Credential sources: where the credential for a provider comes from, and the region that a signature is made for."""

import re
from typing import Final

from proxy.policy.document import Node, Table, Word
from proxy.policy.mistakes import shown
from proxy.policy.secret_source import NOWHERE, named_source, read_place, source_text
from proxy.policy.section import Section
from proxy.policy.types import Secret

API_KEY: Final = {
    "env": "api_key: {env: OPENAI_API_KEY}",
    "file": "api_key: {file: /run/secrets/openai}",
    "aws": "api_key: {aws: environment}",
}
"""The settings within api_key, an example of each."""
REGION: Final = "region: us-east-1"
"""An example."""
AWS_ENVIRONMENT: Final = "environment"
"""Stands for the credentials that the AWS SDKs find by themselves."""

_PROFILE: Final = re.compile(r"(?!(?:AKIA|ASIA|ABSK)[A-Z0-9]{12})[A-Za-z0-9][A-Za-z0-9._@-]{0,99}", re.ASCII)
"""A name that doesn't begin as an access key does."""
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]{2,12}){1,2}-\d{1,2}", re.ASCII)
_REGION_HOST: Final = re.compile(
    r"https?://(?:[a-z0-9-]+\.)?bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\."
    r"(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)(?:[:/]|$)",
    re.ASCII,
)
_NOT_A_SOURCE: Final = (
    "must say where the credential comes from, as {env: NAME}, {file: PATH} or {aws: PROFILE}, or be none; "
    "a key itself never stands in a policy file (what stands here is not shown, and should be replaced if it was one)"
)


def api_key(section: Section) -> Secret:
    """Whatever stands here in place of env or file may be a credential: no mistake repeats it."""
    value = section.node("api_key")
    if value is None or (isinstance(value, Word) and value.text == "none"):
        return NOWHERE
    named = named_source(value, API_KEY)
    if named is None:
        section.wrong("api_key", _NOT_A_SOURCE)
        return NOWHERE
    kind, body = named
    if kind.text == "aws":
        return _aws(section, body)
    return read_place(kind.text, body, section.mistakes, "the key", API_KEY[kind.text])


def _aws(section: Section, body: Node) -> Secret:
    text = source_text(body)
    if _PROFILE.fullmatch(text):
        return Secret("aws", "" if text == AWS_ENVIRONMENT else text)
    section.mistakes.add(
        body,
        "aws is the word 'environment' or the name of a profile of the AWS configuration, never a key itself "
        "(what stands here is not shown)",
        API_KEY["aws"],
    )
    return NOWHERE


def region(section: Section) -> str:
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


def check_signing(section: Section, dialect: str) -> None:
    """A signature is made for a region, and only Bedrock takes one."""
    source = section.node("api_key")
    if not isinstance(source, Table) or all(name.text != "aws" for name, _ in source.pairs):
        return
    if dialect != "bedrock":
        section.wrong("api_key", f"can't be aws for a provider that speaks {dialect}: only calls to bedrock are signed")
    elif section.node("region") is None and not _region_of_host(section):
        section.mistakes.add(
            source, "api_key: aws signs for a region, which this base_url does not tell: say it", REGION
        )
