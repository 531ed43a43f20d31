"""How each tool is told where outlay is."""

import json
import tomllib

import pytest

from proxy.cli.tools.launch import LAUNCHES, Start, aider_headers, header_lines, launch, tool_of
from proxy.cli.tools.place import Origin, Place, ToolError

KEY = "outlay_secret"
GATEWAY = "http://outlay.example:4141"
ORIGIN = Origin("github.com/acme/checkout", "feature/x", "a" * 40, "checkout", "run-7")
HEADERS = ORIGIN.headers()
LINES = (
    "x-outlay-project: checkout\nx-outlay-repo: github.com/acme/checkout\n"
    f"x-outlay-branch: feature/x\nx-outlay-commit: {'a' * 40}\nx-outlay-session: run-7"
)
PLACE = Place(GATEWAY, KEY, headers=HEADERS)
OWN = Place(GATEWAY, KEY, own_login=True, headers=HEADERS)

ENVIRONMENTS = {
    "claude": {
        "ANTHROPIC_BASE_URL": GATEWAY,
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "ANTHROPIC_CUSTOM_HEADERS": LINES,
        "ENABLE_TOOL_SEARCH": "true",
        "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL": "1",
    },
    "codex": {"OUTLAY_KEY": KEY},
    "gemini": {
        "GOOGLE_GEMINI_BASE_URL": GATEWAY,
        "GEMINI_API_KEY": KEY,
        "GEMINI_CLI_CUSTOM_HEADERS": LINES.replace("\n", ", "),
    },
    "aider": {
        "OPENAI_API_BASE": f"{GATEWAY}/v1",
        "AIDER_OPENAI_API_BASE": f"{GATEWAY}/v1",
        "ANTHROPIC_API_BASE": GATEWAY,
        "GEMINI_API_BASE": GATEWAY,
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_API_KEY": KEY,
        "GEMINI_API_KEY": KEY,
        "AIDER_OPENAI_API_KEY": KEY,
        "AIDER_ANTHROPIC_API_KEY": KEY,
    },
    "sdk": {
        "OUTLAY_KEY": KEY,
        "OPENAI_BASE_URL": f"{GATEWAY}/v1",
        "OPENAI_API_KEY": KEY,
        "OPENAI_CUSTOM_HEADERS": LINES,
        "ANTHROPIC_BASE_URL": GATEWAY,
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_CUSTOM_HEADERS": LINES,
        "GOOGLE_GEMINI_BASE_URL": GATEWAY,
        "GEMINI_API_KEY": KEY,
        "AZURE_OPENAI_ENDPOINT": f"{GATEWAY}/azure",
        "AZURE_OPENAI_API_KEY": KEY,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"{GATEWAY}/bedrock",
        "AWS_BEARER_TOKEN_BEDROCK": KEY,
    },
}


@pytest.mark.parametrize("tool", ENVIRONMENTS)
def test_a_tool_gets_base_url_key_and_origin_in_its_own_variables(tool):
    assert launch(Start(PLACE, (tool,)), tool).changed == ENVIRONMENTS[tool]


@pytest.mark.parametrize("tool", LAUNCHES)
@pytest.mark.parametrize("place", [PLACE, OWN])
def test_no_credential_stands_in_an_argument(tool, place):
    started = launch(Start(place, (tool, "-p", "hi")), tool)
    assert not any(KEY in argument for argument in started.arguments)
    assert started.arguments[0] == tool
    assert started.arguments[-2:] == ("-p", "hi")


@pytest.mark.parametrize("tool", LAUNCHES)
def test_with_an_own_login_the_key_goes_beside_it_and_no_credential_is_touched(tool):
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
    mine = dict.fromkeys(names, "mine")
    started = launch(Start(OWN, (tool,), mine), tool)
    environ = started.environ(mine)
    assert {name: environ[name] for name in mine} == mine
    said = json.dumps([environ, started.arguments, started.headers_file])
    assert "x-outlay-key" in said
    assert KEY in said


def codex_settings(arguments):
    flags = [arguments[index + 1] for index, each in enumerate(arguments) if each == "-c"]
    return tomllib.loads("\n".join(flags))


def test_codex_gets_a_provider_by_arguments_that_its_parser_reads():
    started = launch(Start(PLACE, ("codex", "exec", "hi")))
    assert started.arguments[-2:] == ("exec", "hi")
    assert codex_settings(started.arguments) == {
        "model_provider": "outlay",
        "model_providers": {
            "outlay": {
                "name": "OpenAI",
                "base_url": f"{GATEWAY}/v1",
                "wire_api": "responses",
                "supports_websockets": True,
                "env_key": "OUTLAY_KEY",
                "http_headers": HEADERS,
            }
        },
    }


def test_codex_with_its_own_login_sends_the_key_from_a_variable():
    started = launch(Start(Place(GATEWAY, KEY, True, "chatgpt"), ("npx", "-y", "@openai/codex@latest", "exec")))
    table = codex_settings(started.arguments)["model_providers"]["outlay"]
    assert table["requires_openai_auth"] is True
    assert table["env_http_headers"] == {"x-outlay-key": "OUTLAY_KEY"}
    assert table["base_url"] == f"{GATEWAY}/chatgpt/v1"
    assert "env_key" not in table
    assert started.arguments[:3] == ("npx", "-y", "@openai/codex@latest")
    assert started.arguments[-1] == "exec"


def test_opencode_gets_its_providers_beside_what_it_is_told_already():
    mine = {"OPENCODE_CONFIG_CONTENT": '{"model": "x/y", "provider": {"openai": {"models": {"m": {}}}}}'}
    config = json.loads(launch(Start(PLACE, ("opencode",), mine)).changed["OPENCODE_CONFIG_CONTENT"])
    assert config["model"] == "x/y"
    assert config["provider"]["openai"]["models"] == {"m": {}}
    options = {"apiKey": "{env:OUTLAY_KEY}", "headers": HEADERS}
    assert config["provider"]["openai"]["options"] == {"baseURL": f"{GATEWAY}/v1", **options}
    assert config["provider"]["google"]["options"] == {"baseURL": f"{GATEWAY}/v1beta", **options}
    with pytest.raises(ToolError, match="isn't JSON"):
        launch(Start(PLACE, ("opencode",), {"OPENCODE_CONFIG_CONTENT": "{"}))


def test_aider_gets_headers_by_a_file_unless_it_has_one_of_its_own():
    text = aider_headers(PLACE)
    assert text.startswith("- name: aider/extra_params\n")
    assert launch(Start(PLACE, ("aider",))).headers_file == text
    assert launch(Start(PLACE, ("aider",), {"AIDER_MODEL_SETTINGS_FILE": "mine.yml"})).headers_file == ""
    assert aider_headers(Place(GATEWAY, KEY)) == ""


def test_what_a_user_has_chosen_for_a_tool_stays():
    mine = {"ENABLE_TOOL_SEARCH": "auto:5", "ANTHROPIC_CUSTOM_HEADERS": "x-mine: 1\nX-Outlay-Repo: old"}
    environ = launch(Start(PLACE, ("claude",), mine)).environ(mine)
    assert environ["ENABLE_TOOL_SEARCH"] == "auto:5"
    assert environ["ANTHROPIC_CUSTOM_HEADERS"] == f"x-mine: 1\n{LINES}"
    gemini = launch(Start(PLACE, ("gemini",), {"GEMINI_CLI_CUSTOM_HEADERS": "x-mine: a,b, x-outlay-repo: old"})).changed
    assert gemini["GEMINI_CLI_CUSTOM_HEADERS"].startswith("x-mine: a,b, x-outlay-project: checkout, ")
    assert "old" not in gemini["GEMINI_CLI_CUSTOM_HEADERS"]


def test_ways_past_outlay_are_closed_or_named():
    with pytest.raises(ToolError, match="CLAUDE_CODE_USE_VERTEX"):
        launch(Start(PLACE, ("claude",), {"CLAUDE_CODE_USE_VERTEX": "1"}))
    assert launch(Start(PLACE, ("claude",), {"CLAUDE_CODE_USE_VERTEX": "0"})).arguments == ("claude",)
    mine = {"ANTHROPIC_API_KEY": "mine", "CLAUDE_CODE_OAUTH_TOKEN": "mine"}
    assert "mine" not in launch(Start(PLACE, ("claude",), mine)).environ(mine).values()
    mine = {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_API_KEY": "mine", "GEMINI_API_KEY": "mine", "OTHER": "1"}
    environ = launch(Start(PLACE, ("gemini",), mine)).environ(mine)
    assert environ["GEMINI_API_KEY"] == KEY
    assert "GOOGLE_API_KEY" not in environ
    assert "GOOGLE_GENAI_USE_VERTEXAI" not in environ
    assert environ["OTHER"] == "1"


def test_claude_code_on_bedrock_calls_outlays_bedrock():
    changed = launch(Start(PLACE, ("claude",), {"CLAUDE_CODE_USE_BEDROCK": "1"})).changed
    assert changed["ANTHROPIC_BEDROCK_BASE_URL"] == f"{GATEWAY}/bedrock"
    assert changed["AWS_BEARER_TOKEN_BEDROCK"] == KEY
    with pytest.raises(ToolError, match="own-login"):
        launch(Start(OWN, ("claude",), {"CLAUDE_CODE_USE_BEDROCK": "1"}))


@pytest.mark.parametrize(
    ("command", "tool"),
    [
        (["claude", "-p", "codex"], "claude"),
        (["/usr/local/bin/codex"], "codex"),
        (["gemini.cmd"], "gemini"),
        (["npx", "@google/gemini-cli", "-p", "hi"], "gemini"),
        (["npx", "-y", "@anthropic-ai/claude-code@2.1.0"], "claude"),
        (["uvx", "--from", "aider-chat", "aider"], "aider"),
        (["python", "claude"], "sdk"),
        (["sdk-thing"], "sdk"),
        (["npx"], "sdk"),
        ([], "sdk"),
    ],
)
def test_a_tool_is_known_by_its_command(command, tool):
    assert tool_of(command) == tool


def test_a_tool_that_nobody_knows_is_named_with_those_that_there_are():
    with pytest.raises(ToolError, match="claude, codex"):
        launch(Start(PLACE, ("x",)), "cursr")


def test_origin_says_what_every_client_can_send():
    assert Origin("a/b/c", "größe", "", "").headers() == {"x-outlay-repo": "a/b/c"}
    assert Origin(branch="x\ny").headers() == {}
    assert Origin(branch="b" * 300).headers() == {"x-outlay-branch": "b" * 200}
    assert header_lines({}, "  \n") == ""
