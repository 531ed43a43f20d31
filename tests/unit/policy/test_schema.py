"""Schemas of policy files: they know every setting, and say of a file what the loader says, as far as a schema can."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from proxy.policy.document import Listing, Node, Word, read_document
from proxy.policy.load import FILES, RULES, SETTINGS, load
from proxy.policy.mistakes import Mistakes
from proxy.policy.schema import editor_line, file_name, schema, schemas
from proxy.policy.shapes import SHAPES, TOGETHER
from proxy.policy.types import PolicySet

ROOT = Path(__file__).parents[3]
BAD = sorted((ROOT / "tests" / "policies").glob("*.yaml"))
CHAPTERS = {part.partition("\n")[0].strip(): part for part in (ROOT / "docs/policies.md").read_text().split("\n## ")}
VALIDATORS = {file: Draft202012Validator(schema(file)) for file in FILES}

BEYOND_A_SCHEMA = frozenset(
    (
        "alias-is-a-person",
        "alias-is-own-name",
        "alias-twice",
        "aliases-multiply",
        "api-key-aws-elsewhere",
        "api-key-aws-typed-in",
        "api-key-aws-without-region",
        "base-url-port",
        "base-url-unreadable",
        "base-url-with-dots",
        "base-url-with-password",
        "base-url-with-query",
        "base-url-with-v1",
        "base-url-with-v1-and-slash",
        "base-url-without-host",
        "budget-name-twice",
        "cache-answer-larger-than-all",
        "cache-size-too-large",
        "cache-ttl-too-long",
        "case-name-twice",
        "case-rule-unknown",
        "case-spent-of-nothing",
        "count-refused-of-usd",
        "count-refused-throttle",
        "downgrade-of-calls",
        "downgrade-to-itself",
        "evaluation-header-secret",
        "evaluation-name-of-a-rule",
        "evaluation-window-too-short",
        "fallback-on-without-fallback",
        "key-expires-no-such-day",
        "key-hash-of-nothing",
        "key-hash-twice",
        "key-id-twice",
        "key-owner-person-and-service",
        "limit-part-of-a-token",
        "limit-too-large",
        "mirror-ssh-key-over-https",
        "mirror-token-unencrypted",
        "mirror-twice",
        "model-rule-allowed-and-denied",
        "model-rule-downgrade-denied",
        "model-rule-downgrade-not-allowed",
        "model-rule-fallback-unknown",
        "notify-name-twice",
        "on-cap-of-calls",
        "on-cap-of-warn",
        "owner-unknown",
        "price-globs-overlap",
        "price-interval-backwards",
        "price-name-twice",
        "price-overlap",
        "price-provider-unknown",
        "price-time-before-all-time",
        "provider-name-reserved",
        "redundancy-classes-all-and-more",
        "redundancy-serve-without-cache",
        "redundancy-threshold-decimals",
        "redundancy-threshold-other-class",
        "redundancy-threshold-too-low",
        "redundancy-window-too-long",
        "redundancy-window-too-short",
        "region-unknown",
        "repository-without-owner",
        "reserve-of-zero-limit",
        "reserve-other-unit",
        "reserve-whole-limit",
        "rule-name-twice-over-lists",
        "service-beside-the-rest",
        "service-is-a-person",
        "service-names-twice",
        "service-soak-too-long",
        "service-soak-too-short",
        "service-source-unknown",
        "services-in-one-repository",
        "services-of-the-same-paths",
        "source-name-reserved",
        "source-secret-of-another",
        "throttle-for-a-month",
        "timeout-too-long",
        "timezone-case",
        "timezone-folder",
        "timezone-path",
        "timezone-unknown",
        "window-rolling-too-long",
    )
)
"""Names that must be known or unique, times that must exist, settings that contradict each other."""


def seen_by_an_editor(node: Node) -> Any:
    """A document as an editor's parser types it: YAML 1.2's core schema."""
    if isinstance(node, Word):
        return _typed(node)
    if isinstance(node, Listing):
        return [seen_by_an_editor(item) for item in node.items]
    return {key.text: seen_by_an_editor(value) for key, value in node.pairs}


def _typed(word: Word) -> Any:
    if word.absent:
        return None
    if not word.quoted and re.fullmatch(r"[-+]?[0-9]+", word.text):
        return int(word.text)
    if not word.quoted and re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", word.text):
        return float(word.text)
    return word.text == "true" if not word.quoted and word.text in ("true", "false") else word.text


def complaints(file: str, text: str) -> list[str]:
    document = read_document(text, Mistakes(file))
    return [error.message for error in VALIDATORS[file].iter_errors(seen_by_an_editor(document) if document else None)]


def can_be_parsed(path: Path) -> bool:
    """What isn't YAML, or uses what policy files don't (tags, merge keys, two documents), is no matter of a schema."""
    mistakes = Mistakes("")
    document = read_document(path.read_bytes(), mistakes)
    return document is not None and not mistakes.found


@pytest.mark.parametrize("file", FILES)
def test_a_schema_is_one(file: str) -> None:
    Draft202012Validator.check_schema(schema(file))
    assert json.loads(json.dumps(schema(file))) == schema(file)


def test_all_schemas_in_one_document_work_there_too() -> None:
    whole = schemas()
    Draft202012Validator.check_schema(whole)
    check = Draft202012Validator({**whole, "$ref": "#/$defs/access.yaml"})
    assert check.is_valid({"people": {"alice": {"team": "payments"}}})
    assert not check.is_valid({"people": {"alice": {"teem": "payments"}}})


def test_every_setting_has_a_shape_and_no_shape_is_of_nothing() -> None:
    known = {file: {section: set(names) for section, names in sections.items()} for file, sections in SETTINGS.items()}
    assert {
        file: {section: set(names) for section, names in shapes.items()} for file, shapes in SHAPES.items()
    } == known
    for file, sections in TOGETHER.items():
        assert set(sections) <= set(SETTINGS[file])


@pytest.mark.parametrize("path", sorted((ROOT / "proxy" / "starter").glob("*.yaml")), ids=lambda path: path.stem)
def test_starter_files_are_fine(path: Path) -> None:
    assert complaints(path.name, path.read_text()) == []


@pytest.mark.parametrize("file", FILES)
def test_the_examples_of_the_docs_are_fine(file: str) -> None:
    found = re.search(r"```yaml\n(.*?)```", CHAPTERS[file], re.DOTALL)
    assert found
    assert complaints(file, found[1].replace("sha256:0a1b…             ", f"sha256:{'0a' * 32} ")) == []


@pytest.mark.parametrize(
    ("file", "section", "name"),
    [
        (file, section, name)
        for file, sections in SETTINGS.items()
        for section, names in sections.items()
        for name in names
    ],
)
def test_every_example_in_a_mistake_is_fine(file: str, section: str, name: str) -> None:
    example = SETTINGS[file][section][name].replace("sha256:…", f"sha256:{'0a' * 32}")
    document = read_document(example, Mistakes(file))
    assert document
    key, value = document.pairs[0]
    if key.text != name and name not in SETTINGS[file][section]:
        pytest.fail("an example names its setting")
    owner = section if key.text == name else next(each for each in SETTINGS[file] if key.text in SETTINGS[file][each])
    whole = schema(file)
    place = whole if not owner else whole["$defs"][owner.replace(" ", "_")]
    shape = {"$defs": whole.get("$defs", {}), **place["properties"][key.text]}
    assert [error.message for error in Draft202012Validator(shape).iter_errors(seen_by_an_editor(value))] == []


@pytest.mark.parametrize("path", list(filter(can_be_parsed, BAD)), ids=lambda path: path.stem)
def test_a_bad_file_is_underlined_where_a_schema_can(path: Path) -> None:
    file = path.read_text().partition("\n")[0].removeprefix("# ")
    if file in FILES:
        found = complaints(file, path.read_text())
        assert bool(found) == (path.stem not in BEYOND_A_SCHEMA), found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("access.yaml", "people: {no: , 0042: {team: 7}, bob: {aliases: [1.5, a@b]}}\nprojects:\n"),
        ("prices.yaml", "unpriced:\nprices: [{usd_per_million: {input: '0.2', output: 0}, name: 1}]"),
        (
            "budgets.yaml",
            "budgets: [{name: 7, limit: 0USD, window: 36h, per: [tags.env, user], count_refused: 'false'}]",
        ),
        (
            "budgets.yaml",
            "limits: [{name: a, requests_per_minute: 1.5k, concurrent: 0, applies_to: {key: 5, model: '*'}}]",
        ),
        ("models.yaml", "models: [{name: a, output_tokens_max: 0.5k, cost_max: 0.000001 USD, applies_to: {user: a}}]"),
        (
            "services.yaml",
            "services: {a: {repositories: ['git@a.example:b/c.git'], environments: [Prod EU, 7], "
            "registered: 2025-06-01, "
            "deploy_actors: ['x[bot]'], soak: 60m, config_counts: 'true'}}\nmirrors: {a.example/b/c: }\n"
            "persons_min: '3'",
        ),
        ("cases.yaml", "cases: [{name: a b, call: {tags: {n: 5}, input_tokens: 7}, expect: allow}]"),
    ],
)
def test_what_the_loader_takes_is_never_underlined(file: str, text: str) -> None:
    loaded = load({file: text}, enforced=frozenset(RULES))
    assert isinstance(loaded, PolicySet), loaded
    assert complaints(file, text) == []


def test_files_say_where_their_schema_is() -> None:
    assert editor_line("budgets.yaml") == "# yaml-language-server: $schema=.schema/budgets.json"
    assert file_name("keys.yaml") == "keys.json"
