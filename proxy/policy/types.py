"""The frozen policy set: what the folder of files says, validated, with every index a call needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from proxy.model.identity import OwnerKind, Project, Role
from proxy.model.service import NO_SERVICES, Services
from proxy.model.visible import visible
from proxy.policy.rules import NO_RULES, RuleSet


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in one policy file. A value: all of them are collected before anything is said."""

    file: str
    line: int
    """1-based; 0: the file as a whole."""
    column: int
    message: str
    """What is wrong, and the nearest right word where there is one."""
    example: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return visible(f"{where}: {self.message}") + (f"\n    for example: {self.example}" if self.example else "")


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a provider credential comes from. Never the credential itself."""

    source: Literal["env", "file", "aws", "none"]
    name: str = ""
    """Name of the environment variable, or path of the file (re-read when it changes). Of 'aws': the profile, '' for
    what the environment says (variables, an instance's or container's role)."""


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    dialect: str
    """'openai', 'anthropic', 'gemini', 'azure' or 'bedrock'."""
    base_url: str
    """Scheme, host, port and an optional path prefix, without a trailing slash."""
    api_key: Secret
    region: str = ""
    """Of AWS, where calls are signed for it; '' where the provider knows none."""
    account: str = ""
    """Which account this credential belongs to, as finance knows it; default: the provider's name."""
    prices: str = ""
    """Whose price list applies, as litellm names the provider; default: the dialect's name."""
    default_for: tuple[str, ...] = ()
    """Globs of models whose unprefixed calls go here."""
    projects: tuple[str, ...] = ()
    """Only calls of these projects go here, so that one provider may have several accounts; empty: any project's."""
    paths: tuple[tuple[str, str], ...] = ()
    """(prefix here, prefix at the provider), for one whose paths don't begin with /v1; the first that fits counts."""
    translate: tuple[tuple[str, str], ...] = ()
    """(glob of models, model served instead or '') of calls in OpenAI's dialect that go here translated; the first glob
    that fits counts."""
    deployments: Mapping[str, str] = field(default_factory=dict)
    """Name under which a model is called here -> the model it is, for its price and limits (an Azure deployment)."""
    passes: tuple[tuple[str, str], ...] = ()
    """(method, path glob) that are forwarded unmetered because the admin named them."""
    ask_usage: bool = True
    """False: streams are never asked for their usage, because the provider refuses `stream_options.include_usage` (and
    reports it unasked)."""
    websockets: bool = True
    """False: none is opened to it, and clients that try go on over HTTP. True even where it has none: its own refusal
    says so to the client."""
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 600.0
    """Longest silence while waiting for or within an answer."""
    total_timeout_s: float = 3600.0
    where: str = ""
    """'file:line' of the entry."""


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    team: str = ""
    aliases: tuple[str, ...] = ()
    """Other names of the same person: e-mail addresses, logins. Unique."""
    roles: tuple[Role, ...] = ()
    """What this person's keys may be; a key that says more counts as developer. Empty: each key's own word counts."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    name: str
    team: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    people: Mapping[str, Person] = field(default_factory=dict)
    service_accounts: Mapping[str, ServiceAccount] = field(default_factory=dict)
    projects: Mapping[str, Project] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    """Every alias -> the person's name."""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of keys.yaml. The key itself is nowhere; `hash` is 'sha256:<hex>' of it."""

    id: str
    hash: str
    owner: str
    owner_kind: OwnerKind
    projects: tuple[str, ...]
    role: Role = Role.DEVELOPER
    team: str = ""
    expires: datetime | None = None
    """Aware, UTC. The key is valid before it."""
    revoked: bool = False
    where: str = ""


@dataclass(frozen=True, slots=True)
class PriceRule:
    """One entry of prices.yaml: own prices or a discount for the models it names, within a dated interval."""

    name: str
    provider: str
    """Name of a provider of providers.yaml; '*': all."""
    model: str
    """Glob."""
    rates_usd_per_million: Mapping[str, Decimal | Fraction] = field(default_factory=dict)
    """Kind of Usage -> dollars per million of its units (tokens, milliseconds, …). Empty: the list price applies."""
    multiplier: Decimal = Decimal(1)
    """0.85 is a discount of 15 %."""
    valid_from: datetime | None = None
    """Half-open interval [valid_from, valid_to), by the time of admission, UTC."""
    valid_to: datetime | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class PricePolicy:
    rules: tuple[PriceRule, ...] = ()
    unpriced: Literal["hold_ceiling", "refuse"] = "hold_ceiling"
    ceiling_usd_per_million: Mapping[str, Decimal | Fraction] = field(
        default_factory=lambda: {"input": Decimal(30), "output": Decimal(180)}
    )
    """What an unknown price is taken to be: of tokens by side ('input', 'output'), of the rest by kind of Usage; kinds
    that stand nowhere here keep the price book's own."""
    where: str = ""
    """'file:line' of `unpriced`."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where notices go: one entry of notify.yaml."""

    name: str
    url: Secret
    """Where its address stands: an Apprise URL, which holds a password or token."""
    on: tuple[str, ...]
    """Kinds of notices, of notify_yaml.KINDS."""
    persons: bool = False
    """True: notices may name persons."""
    min_level: int = 0
    """Levels of budgets below it, in per cent, are not told."""
    where: str = ""
    """'file:line' of the entry."""


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All files of one folder, whole and valid."""

    version: str
    """Hash of the folder's files without keys.yaml: a new key doesn't change the rules that finance reads."""
    providers: Mapping[str, Provider] = field(default_factory=dict)
    access: Access = field(default_factory=Access)
    keys: Mapping[str, Key] = field(default_factory=dict)
    """By the key's hash ('sha256:…'): look-up by digest leaks nothing about the secret through timing."""
    prices: PricePolicy = field(default_factory=PricePolicy)
    rules: RuleSet = NO_RULES
    """What budgets.yaml, models.yaml and cases.yaml say."""
    targets: tuple[Target, ...] = ()
    """Who is told what needs a person."""
    services: Services = NO_SERVICES
    """What deployments are counted for, and who may tell of them."""
    keys_version: str = ""
    """Hash of keys.yaml."""
    commit: str = ""
    """Commit that the folder's git work tree is at, '' where it is none. A label: `version` is the proof."""
    warnings: Sequence[Mistake] = ()
    """Valid, but probably not meant: a member whom nobody knows. They stop nothing."""
