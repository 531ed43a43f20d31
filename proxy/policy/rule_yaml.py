"""What every rule of every file has: a name of its own, the calls it is for, its mode, and whom to ask."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from proxy.model.identity import OwnerKind, Purpose
from proxy.policy import slips
from proxy.policy.document import Listing, Node, Table, Word
from proxy.policy.downgrade_target import NO_SELLERS, Sellers, sellers_of
from proxy.policy.globs import is_plain
from proxy.policy.mistakes import MISTAKES_MAX, Mistakes, known_words, shown, suggestion
from proxy.policy.names import Names
from proxy.policy.operations import OPERATIONS
from proxy.policy.providers_yaml import DIALECTS
from proxy.policy.rules import DIMENSIONS, Rule, Scope
from proxy.policy.section import Section
from proxy.policy.types import Access, Key, PriceRule, Provider

RULE: Final = {
    "name": "name: payments-month",
    "applies_to": "applies_to: {project: payments, model: [gpt-*]}",
    "mode": "mode: shadow",
    "contact": "contact: alice@example.com",
}
PER: Final = {"per": "per: user"}
SCOPE: Final = {
    "user": "user: [alice, checkout-api]",
    "team": "team: payments",
    "project": "project: [checkout, search-*]",
    "key": "key: k_1f3a09bc",
    "provider": "provider: openai",
    "model": "model: [gpt-*, o4-mini]",
    "dialect": "dialect: anthropic",
    "cost_center": "cost_center: CC-42",
    "purpose": "purpose: build",
    "operation": "operation: embeddings",
    "client": "client: claude-cli",
    "tags": "tags: {env: prod}",
}
"""Settings of `applies_to`: the dimensions, and tags."""
CLOSED: Final = ("dialect", "purpose", "operation")
"""Dimensions whose names outlay makes: one that it doesn't know will never be any call's."""
MODES: Final = ("enforce", "shadow")
TAG: Final = "tags."
RULES_MAX: Final = 5000
"""Of one list."""
GLOBS_MAX: Final = 1000
"""Of one condition."""
GLOB_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Known:
    """Names that other files of the folder know: one that none of them has is probably misspelt."""

    names: Mapping[str, Names] = field(default_factory=dict)
    """Dimension -> names. A dimension that isn't here may have any."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other name of a person -> the name that calls are recorded under."""
    providers: Mapping[str, Provider] | None = None
    """None: their file has mistakes."""
    sellers: Sellers = field(default_factory=lambda: NO_SELLERS)
    services: frozenset[str] = frozenset()
    """Of `names["user"]` those that are no persons."""


def known_names(
    access: Access,
    providers: Mapping[str, Provider] | None,
    keys: Mapping[str, Key],
    prices: Iterable[PriceRule] = (),
    models: Mapping[str, str] | None = None,
) -> Known:
    """`models`: of the price lists, and who sells each; without any, every model is taken for known."""
    teams = [
        each.team for group in (access.people, access.service_accounts, access.projects) for each in group.values()
    ]
    cost_centers = [project.cost_center for project in access.projects.values()]
    names: dict[str, Iterable[str]] = {
        "user": [*access.people, *access.service_accounts, *(key.owner for key in keys.values())],
        "team": [*teams, *(key.team for key in keys.values())],
        "project": [*access.projects, *(project for key in keys.values() for project in key.projects)],
        "key": [key.id for key in keys.values()],
        "dialect": DIALECTS,
        "cost_center": cost_centers,
        "purpose": list(Purpose),
        "operation": OPERATIONS,
    }
    if providers is not None:
        names["provider"] = providers
    listed = {dimension: Names(found) for dimension, found in names.items()}
    if models and providers is not None:
        listed["model"] = _model_names(providers.values(), prices, models)
    owners = (key.owner for key in keys.values() if key.owner_kind is OwnerKind.SERVICE)
    services = frozenset((*access.service_accounts, *owners))
    return Known(listed, access.names, providers, sellers_of(models or {}), services)


def _model_names(providers: Collection[Provider], prices: Iterable[PriceRule], listed: Collection[str]) -> Names:
    """Those of the price lists, with and without the vendor before them, and whatever providers.yaml and prices.yaml
    speak of: a model of one's own is known by that."""
    own = [name for provider in providers for pair in provider.deployments.items() for name in pair]
    served = [model for provider in providers for _, model in provider.translate]
    globs = [
        glob for provider in providers for glob in (*provider.default_for, *(each for each, _ in provider.translate))
    ]
    patterns = [glob for glob in (*globs, *(rule.model for rule in prices)) if glob.strip("*")]
    return Names([*listed, *(name.rpartition("/")[2] for name in listed), *own, *served], patterns)


class RuleNames:
    """Names of rules over all files: refusals, reports and `budget grant` call a rule by its name alone."""

    def __init__(self) -> None:
        self._where: dict[str, str] = {}

    def take(self, section: Section) -> str:
        if not section.require("name"):
            return ""
        name = section.name("name")
        if name in self._where:
            section.wrong("name", f"{shown(name)} is the name of another rule already, in {self._where[name]}")
        elif name:
            self._where[name] = section.mistakes.where(section.table)
        return name


def read_rule(section: Section, names: RuleNames, known: Known) -> Rule:
    name = names.take(section)
    return Rule(
        name=name,
        where=section.mistakes.where(section.table),
        scope=_scope(section, known, of_rule(name)),
        mode=section.choice("mode", MODES, MODES[0]),
        contact=section.text("contact", 200),
    )


def read_per(section: Section) -> tuple[str, ...]:
    """The dimensions that a rule divides by, in the file's order."""
    value = section.node("per")
    words = [value] if isinstance(value, Word) else section.words("per")
    if isinstance(value, Listing) and not value.items:
        section.wrong("per", "names no dimension: leave it out for one amount that all calls share")
    for word in words:
        tag = word.text.removeprefix(TAG)
        if word.text not in DIMENSIONS and (tag == word.text or not tag.strip() or not tag.isprintable()):
            near = slips.meant(word.text, DIMENSIONS)
            hint = f"did you mean '{near}'?" if near else suggestion(word.text, (*DIMENSIONS, f"{TAG}NAME"))
            section.mistakes.add(word, f"per can't be {shown(word.text)}: {hint}", section.example("per"))
    return tuple(word.text for word in words)


def limited(sections: Iterable[Section], mistakes: Mistakes, what: str) -> Iterable[Section]:
    """The sections up to RULES_MAX; more are a mistake."""
    for number, section in enumerate(sections, start=1):
        if number > RULES_MAX:
            mistakes.add(section.table, f"there are more than {RULES_MAX} {what}")
            return
        yield section


def of_rule(name: str) -> str:
    """What a warning about a rule begins with."""
    return f"rule {shown(name)}: " if name else ""


def _scope(section: Section, known: Known, about: str) -> Scope:
    table = section.section("applies_to", SCOPE, "applies_to")
    if table and not table.table.pairs:
        section.wrong("applies_to", "names no calls: take it out where the rule is for every call")
    conditions: dict[str, tuple[str, ...]] = {}
    for dimension in DIMENSIONS if table else ():
        node = table.node(dimension) if table else None
        if node is not None:
            conditions[dimension] = read_globs(section.mistakes, dimension, node, SCOPE[dimension])
            check_known(section.mistakes, dimension, node, known, about)
    tags = table.node("tags") if table else None
    if table and tags is not None and not isinstance(tags, Table):
        table.wrong("tags", "is a table: the name of each tag and its value")
    if table and isinstance(tags, Table) and not tags.pairs:
        table.wrong("tags", "names no tag: name one, or take it out")
    for key, node in tags.pairs if isinstance(tags, Table) else ():
        if not key.text.strip():
            section.mistakes.add(key, "a tag needs a name", SCOPE["tags"])
        conditions[TAG + key.text] = read_globs(section.mistakes, f"tag {shown(key.text)}", node, SCOPE["tags"])
    users = (known.aliases.get(user, user) for user in conditions.get("user", ()))
    return Scope({**conditions, "user": tuple(dict.fromkeys(users))} if "user" in conditions else conditions)


def read_globs(mistakes: Mistakes, name: str, node: Node, example: str) -> tuple[str, ...]:
    """A word, or a list of them. A list without any fits no call, which is never meant."""
    items = node.items if isinstance(node, Listing) else (node,)
    if not items or len(items) > GLOBS_MAX:
        mistakes.add(node, f"{name} names from 1 to {GLOBS_MAX} words or patterns", example)
        return ()
    globs: list[str] = []
    for item in items:
        text = item.text if isinstance(item, Word) and not item.absent and item.text.isprintable() else ""
        if isinstance(item, Word) and not item.text.strip():
            mistakes.add(item, f"{name} is empty: name a word or a pattern ('?*' fits any word)", example)
        elif not text.strip() or len(text) > GLOB_CHARS_MAX:
            mistakes.add(
                item, f"{name} is a word or a list of words, at most {GLOB_CHARS_MAX} characters each", example
            )
        elif text in globs:
            mistakes.add(item, f"{name} has {shown(text)} twice")
        else:
            globs.append(text)
    return tuple(globs)


def check_known(mistakes: Mistakes, dimension: str, node: Node, known: Known, about: str = "") -> None:
    """What no call can have: a mistake where outlay itself makes the names, a warning where files or price lists do
    (one may be about to come). `about`: what the warning begins with."""
    for word in node.items if isinstance(node, Listing) else (node,):
        if len(mistakes.warnings) == MISTAKES_MAX:
            # The next would not be kept, and looking for the nearest of 10,000 names takes a millisecond.
            return
        if isinstance(word, Word) and word.text and not _is_known(dimension, word.text, known):
            if dimension in CLOSED and is_plain(word.text):
                hint = suggestion(word.text, known.names[dimension])
                mistakes.add(word, f"{dimension} can't be {shown(word.text)}: {hint}", SCOPE[dimension])
            else:
                mistakes.warn(word, about + unknown(dimension, word.text, known))


def _is_known(dimension: str, glob: str, known: Known) -> bool:
    names = known.names.get(dimension)
    return names is None or names.fits(glob) or (dimension == "user" and glob in known.aliases)


def unknown(dimension: str, glob: str, known: Known) -> str:
    """That nobody has this name, or one that the pattern fits, with the nearest that somebody has."""
    names = known.names[dimension]
    what = f"the {dimension} {shown(glob)}" if is_plain(glob) else f"any {dimension} that fits {shown(glob)}"
    if dimension != "model":
        return f"no file of the folder knows {what}: {_nearest(glob, names)}"
    near = names.near(glob)
    hint = f"did you mean '{near}'?" if near else "if it is one of yours, name it in prices.yaml or in default_for"
    return f"no price list knows {what}, nor prices.yaml or providers.yaml: {hint}"


def _nearest(glob: str, names: Names) -> str:
    near = names.near(glob)
    return f"did you mean '{near}'?" if near else known_words(names)
