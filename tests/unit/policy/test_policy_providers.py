"""Which provider a call goes to."""

import pytest

from proxy.model.decision import Reason, Refusal
from proxy.policy.load import load
from proxy.policy.providers import choose_provider, provider_target, served_model
from proxy.policy.types import PolicySet, Provider, Secret


def provider(name: str, dialect: str = "openai", **changes: object) -> Provider:
    return Provider(name, dialect, f"https://{name}.example", Secret("none"), where=f"providers.yaml:{name}", **changes)  # type: ignore[arg-type]


OPENAI = provider("openai")
SECOND = provider("second")
ANTHROPIC = provider("anthropic", "anthropic")
LLAMA = provider("llama", default_for=("llama-*", "qwen-?"))
TEAM = provider("team", projects=("checkout",))
TEAM_LLAMA = provider("team-llama", projects=("checkout",), default_for=("llama-*",))
EVERYTHING = (LLAMA, OPENAI, SECOND, ANTHROPIC, TEAM, TEAM_LLAMA)


def chosen(
    model: str,
    *providers: Provider,
    dialect: str = "openai",
    prefix: str = "",
    project: str = "",
    operation: str = "",
) -> object:
    policies = PolicySet("v", providers={each.name: each for each in providers})
    found = choose_provider(policies, dialect, model, prefix, project, operation=operation)
    return found.name if isinstance(found, Provider) else found


@pytest.mark.parametrize(
    ("model", "project", "name"),
    [
        ("gpt-5", "", "openai"),
        ("llama-4", "", "llama"),
        ("qwen-3", "", "llama"),
        ("qwen-30", "", "openai"),
        ("Llama-4", "", "openai"),
        ("gpt-5", "checkout", "team"),
        ("llama-4", "checkout", "team-llama"),
        ("llama-4", "search", "llama"),
        ("", "", "openai"),
    ],
)
def test_an_unprefixed_call_goes_to_what_fits_best_then_to_the_first(model: str, project: str, name: str) -> None:
    assert chosen(model, *EVERYTHING, project=project) == name


def test_a_dialect_goes_to_its_own_providers() -> None:
    assert chosen("gpt-5", *EVERYTHING, dialect="anthropic") == "anthropic"


def test_a_list_of_models_is_answered_even_where_every_provider_names_models() -> None:
    assert chosen("", LLAMA) == "llama"


def test_a_prefix_names_the_provider() -> None:
    assert chosen("llama-4", *EVERYTHING, prefix="second") == "second"


@pytest.mark.parametrize(
    ("refusal", "status", "reason", "words"),
    [
        (
            chosen("m", OPENAI, prefix="nobody"),
            400,
            Reason.PROVIDER_UNCONFIGURED,
            "'nobody' in providers.yaml. Known: openai",
        ),
        (chosen("m", ANTHROPIC, prefix="anthropic"), 400, Reason.PROVIDER_UNCONFIGURED, "speaks anthropic"),
        (chosen("m", TEAM, prefix="team", project="search"), 403, Reason.PROJECT_FORBIDDEN, "checkout"),
        (chosen("m", TEAM, prefix="team"), 403, Reason.PROJECT_FORBIDDEN, "checkout"),
        (chosen("gpt-5", LLAMA), 400, Reason.PROVIDER_UNCONFIGURED, "default_for"),
        (chosen("m"), 400, Reason.PROVIDER_UNCONFIGURED, "OPENAI_API_KEY"),
        (chosen("m", OPENAI, dialect="anthropic"), 400, Reason.PROVIDER_UNCONFIGURED, "ANTHROPIC_API_KEY"),
    ],
)
def test_where_none_fits_the_refusal_says_what_to_do(refusal: object, status: int, reason: Reason, words: str) -> None:
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.reason, refusal.retryable) == (status, reason, False)
    assert words in refusal.message


@pytest.mark.parametrize(
    ("target", "there"),
    [
        (b"/v1/chat/completions?a=/v1/", b"/api/v4/chat/completions?a=/v1/"),
        (b"/v1", b"/v1"),
        (b"/v12/x", b"/v12/x"),
        (b"/x/v1/y", b"/x/v1/y"),
    ],
)
def test_paths_map_the_beginning_of_a_path_only(target: bytes, there: bytes) -> None:
    assert provider_target(provider("p", paths=(("/v1/", "/api/v4/"), ("/v1/chat/", "/never/"))), target) == there
    assert provider_target(OPENAI, target) == target


TRANSLATING = provider("claude", "anthropic", translate=(("claude-*", ""), ("gpt-large", "claude-opus-4-5")))
TRANSLATING_TOO = provider("claude-too", "bedrock", translate=(("claude-*", "anthropic.claude-sonnet-4-5"),))
TEAM_TRANSLATING = provider("team-claude", "gemini", translate=(("claude-*", ""),), projects=("checkout",))
NAMED = provider("named", default_for=("claude-haiku-*", "*-large"))


@pytest.mark.parametrize(
    ("model", "operation", "providers", "name"),
    [
        ("claude-opus-4-5", "chat", (OPENAI, TRANSLATING), "claude"),
        ("claude-opus-4-5", "responses", (OPENAI, TRANSLATING), "claude"),
        ("claude-opus-4-5", "embeddings", (OPENAI, TRANSLATING), "claude"),
        ("claude-opus-4-5", "chat", (TRANSLATING,), "claude"),
        ("claude-opus-4-5", "chat", (OPENAI, TRANSLATING_TOO, TRANSLATING), "claude-too"),
        ("claude-haiku-4-5", "chat", (OPENAI, TRANSLATING, NAMED), "named"),
        ("gpt-large", "chat", (TRANSLATING, NAMED), "named"),
        ("gpt-large", "chat", (TRANSLATING, OPENAI), "claude"),
        ("gpt-5", "chat", (TRANSLATING, OPENAI), "openai"),
        ("claude-opus-4-5", "", (TRANSLATING, OPENAI), "openai"),
        ("claude-opus-4-5", "images", (TRANSLATING, OPENAI), "openai"),
        ("", "chat", (provider("all", "anthropic", translate=(("*", ""),)), OPENAI), "openai"),
        ("claude-opus-4-5", "chat", (OPENAI, TRANSLATING, TEAM_TRANSLATING), "claude"),
    ],
)
def test_a_model_is_translated_unless_its_own_dialect_names_it(
    model: str, operation: str, providers: tuple[Provider, ...], name: str
) -> None:
    assert chosen(model, *providers, operation=operation) == name


def test_a_translating_provider_of_the_project_goes_first() -> None:
    providers = (OPENAI, TRANSLATING, TEAM_TRANSLATING)
    assert chosen("claude-opus-4-5", *providers, operation="chat", project="checkout") == "team-claude"
    # Even before one of the call's own dialect that is the project's, for all models.
    assert chosen("claude-opus-4-5", TEAM, TRANSLATING, operation="chat", project="checkout") == "claude"


def test_calls_of_a_providers_own_dialect_are_not_its_translations() -> None:
    assert chosen("claude-opus-4-5", TRANSLATING, ANTHROPIC, dialect="anthropic", operation="messages") == "claude"
    assert isinstance(chosen("claude-x", OPENAI, TRANSLATING, prefix="claude", operation="chat"), Refusal)


@pytest.mark.parametrize(
    ("asked", "served"), [("claude-opus-4-5", "claude-opus-4-5"), ("gpt-large", "claude-opus-4-5"), ("other", "other")]
)
def test_a_translation_may_serve_a_model_of_another_name(asked: str, served: str) -> None:
    assert served_model(TRANSLATING, asked) == served


FILE = """providers:
  anthropic: {dialect: %s, base_url: "https://a.example", api_key: none, translate: %s}
"""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[claude-*, opus]", (("claude-*", ""), ("opus", ""))),
        ('{gpt-large: claude-opus-4-5, "g*": other}', (("gpt-large", "claude-opus-4-5"), ("g*", "other"))),
        ("[]", ()),
    ],
)
def test_translate_is_a_list_of_models_or_a_table_of_names(written: str, read: object) -> None:
    loaded = load({"providers.yaml": FILE % ("anthropic", written)})
    assert isinstance(loaded, PolicySet)
    assert loaded.providers["anthropic"].translate == read
    assert not loaded.warnings


def test_a_provider_that_needs_no_translation_is_warned_about() -> None:
    loaded = load({"providers.yaml": FILE % ("openai", "[gpt-*]")})
    assert isinstance(loaded, PolicySet)
    assert "default_for" in loaded.warnings[0].message


TWICE = """providers:
  one: {dialect: openai, base_url: "https://a.test/x", api_key: {env: KEY}}
  two: {dialect: azure, base_url: "https://a.test", api_key: {env: KEY}%s}
  three: {dialect: openai, base_url: "https://b.test", api_key: {env: KEY}}
  four: {dialect: openai, base_url: "https://a.test", api_key: {env: OTHER}}
  five: {dialect: openai, base_url: "https://c.test", api_key: none}
  six: {dialect: openai, base_url: "https://c.test", api_key: none}
"""


@pytest.mark.parametrize(("account", "warned"), [("", 1), (", account: one", 0), (", account: two-b", 1)])
def test_one_account_under_two_names_is_warned_about(account: str, warned: int) -> None:
    """A batch is known by its account and id: seen through both names it would be two."""
    loaded = load({"providers.yaml": TWICE % account})
    assert isinstance(loaded, PolicySet)
    assert [(warning.line, "account: one" in warning.example) for warning in loaded.warnings] == [(3, True)] * warned
