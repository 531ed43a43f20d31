"""Redundancy rules before real SDKs and processes: what each action does, what a restart keeps, what is on disk."""

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import anthropic
import httpx
import openai
import pytest

from proxy.journal.codec import decode
from proxy.model.entry import Refused, Settled
from tests.servers.processes import ALICE_KEY, Deployment, StandIn, until

RULES: Final = """redundancy:
  - name: told
    action: warn
    classes: [exact_repeat]
    applies_to: {tags: {kind: warn}}
  - name: slowly
    action: throttle
    classes: [exact_repeat]
    applies_to: {tags: {kind: throttle}}
    requests_per_minute: 1
  - name: why
    action: justify
    classes: [exact_repeat]
    applies_to: {tags: {kind: justify}}
    per: tags.sdk
    justifications_per_day: 1
  - name: never
    action: refuse
    classes: [exact_repeat]
    applies_to: {tags: {kind: refuse}}
    contact: platform@example.com
"""
REPEATS: Final = 12
"""By then an exact repeat is flagged at any pace, where no chance is asked for."""
REFUSED: Final = (openai.APIStatusError, anthropic.APIStatusError)
CANARY: Final = "canary5d21b8"


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory, provider: StandIn) -> Iterator[Deployment]:
    made = Deployment(tmp_path_factory.mktemp("redundancy"), provider.url)
    (made.folder / "policies" / "redundancy.yaml").write_text(RULES)
    with made.running(ledger=False) as running:
        yield running


class Sdk:
    """One way to send the same prompt again and again: each asks for it, and gives the answer's headers."""

    def __init__(self, outlay: Deployment, name: str, kind: str) -> None:
        self.headers = {"x-outlay-tags": f"kind={kind},sdk={name.replace(' ', '-')}"}
        self.prompt = f"Please write the weekly summary for {name} and {kind}, as ever."
        self.name = name
        self.openai = openai.OpenAI(base_url=f"{outlay.url}/v1", api_key=ALICE_KEY)
        self.anthropic = anthropic.Anthropic(base_url=outlay.url, api_key=ALICE_KEY)

    def ask(self, **headers: str) -> httpx.Headers:
        given: Any = {"messages": [{"role": "user", "content": self.prompt}], "extra_body": {"temperature": 0}}
        given["extra_headers"] = self.headers | headers
        if self.name == "anthropic":
            return self.anthropic.messages.with_raw_response.create(
                model="claude-sonnet-5-5", max_tokens=9, **given
            ).headers
        if self.name == "openai streamed":
            answer = self.openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", stream=True, **given)
            for _ in answer.parse():
                pass
            return answer.headers
        return self.openai.chat.completions.with_raw_response.create(model="gpt-4o-mini", **given).headers

    def repeat(self) -> None:
        for _ in range(REPEATS):
            self.ask()

    def refused(self) -> openai.APIStatusError | anthropic.APIStatusError:
        with pytest.raises(REFUSED) as caught:
            self.repeat()
        return caught.value


def entries(outlay: Deployment) -> list[Settled | Refused]:
    lines = [line for path in sorted(outlay.data.rglob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return [entry for line in lines if isinstance(entry := decode(line), Settled | Refused)]


SDKS: Final = ("openai", "openai streamed", "anthropic")


@pytest.fixture(params=SDKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def last(outlay: Deployment) -> Settled | Refused:
    return entries(outlay)[-1]


def test_without_a_rule_it_is_on_record_and_nothing_else(ruled: Deployment, name: str) -> None:
    sdk = Sdk(ruled, name, "observe")
    sdk.repeat()
    entry = last(ruled)
    assert isinstance(entry, Settled)
    assert (entry.found["class"], entry.found["flagged"]) == ("exact_repeat", 1)
    assert "action" not in entry.found
    known = {each.call.id for each in entries(ruled)}
    assert set(entry.repeats) <= known - {entry.call.id} != set()


def test_a_warning_comes_with_the_answer(ruled: Deployment, name: str) -> None:
    sdk = Sdk(ruled, name, "warn")
    sdk.repeat()
    assert sdk.ask()["x-outlay-warning"] == "the same prompt was answered before (rule told)"
    assert last(ruled).found["action"] == "warned"


def test_a_throttle_is_a_429_that_says_when_to_come_back(ruled: Deployment, name: str) -> None:
    sdk = Sdk(ruled, name, "throttle")
    sdk.openai, sdk.anthropic = sdk.openai.with_options(max_retries=0), sdk.anthropic.with_options(max_retries=0)
    error = sdk.refused()
    assert error.status_code == 429
    assert int(error.response.headers["retry-after"]) in range(1, 121)
    assert last(ruled).found["action"] == "throttled"


def test_a_refusal_is_one_request_and_says_what_to_do_instead(ruled: Deployment, name: str) -> None:
    sdk = Sdk(ruled, name, "refuse")
    error = sdk.refused()
    before = entries(ruled)
    assert (error.status_code, error.response.headers["x-should-retry"]) == (400, "false")
    for told in ("'never' (redundancy.yaml:17)", "Use the answer that you have", "platform@example.com"):
        assert told in str(error)
    with pytest.raises(REFUSED):
        sdk.ask()
    after = entries(ruled)
    assert len(after) == len(before) + 1
    assert isinstance(after[-1], Refused)
    assert after[-1].found["action"] == "refused"


def test_a_justification_opens_the_way_so_often_and_is_on_record(ruled: Deployment, name: str) -> None:
    sdk = Sdk(ruled, name, "justify")
    assert "x-outlay-justification" in str(sdk.refused())
    sdk.ask(**{"x-outlay-justification": "the meeting was moved"})
    entry = last(ruled)
    assert isinstance(entry, Settled)
    assert entry.call.justification == "the meeting was moved"
    with pytest.raises(REFUSED, match="used up"):
        sdk.ask(**{"x-outlay-justification": "the meeting was moved again"})


def test_what_is_tried_again_after_the_provider_failed_is_never_flagged(ruled: Deployment, name: str) -> None:
    sdk = Sdk(ruled, name, "refuse")
    sdk.prompt = f"Another one for {name}, and its provider fails."
    before = len(entries(ruled))
    for _ in range(REPEATS // 3):
        with pytest.raises(REFUSED, match="50"):
            sdk.ask(**{"x-standin-status": "500"})
    sdk.ask()
    made = entries(ruled)[before:]
    assert len(made) > REPEATS
    assert not any(entry.found.get("flagged") for entry in made)
    assert made[-1].found.get("exempted") == "retry"


@pytest.mark.parametrize("ends", ["stopped", "killed"])
def test_a_restart_forgets_nothing_that_was_written(tmp_path: Path, provider: StandIn, ends: str) -> None:
    made = Deployment(tmp_path, provider.url)
    (made.folder / "policies" / "redundancy.yaml").write_text(RULES)
    with made.running(ledger=False):
        sdk = Sdk(made, "openai", "refuse")
        sdk.refused()
        assert made.gateway.stop() == 0
        state = made.data / "redundancy-test.state"
        assert state.stat().st_mode & 0o777 == 0o600
        if ends == "killed":
            made.start_gateway()
            made.gateway.kill()
        made.start_gateway()
        with pytest.raises(REFUSED):
            sdk.ask()
        assert made.gateway.stop() == 0
        state.write_bytes(b"damaged")
        made.start_gateway()
        sdk.ask()
        assert made.gateway.said.count("memory of the detector not used") == 1


def test_no_word_of_a_prompt_or_an_answer_is_on_disk_or_shown(tmp_path: Path, provider: StandIn) -> None:
    made = Deployment(tmp_path, provider.url, {"OUTLAY_LOG_LEVEL": "debug"})
    (made.folder / "policies" / "redundancy.yaml").write_text(RULES)
    with made.running():
        for name in SDKS:
            for kind in ("warn", "observe"):
                sdk = Sdk(made, name, kind)
                sdk.prompt = f"{CANARY} please, and answer with {CANARY}.\n" + f"Line of {CANARY} here.\n" * 200
                sdk.repeat()
        until("every call is loaded", lambda: made.report("day")["total"]["calls"] >= 6 * REPEATS)
        shown = metrics(made)
        made.stop()
    assert 'outlay_gateway_redundant_calls_total{action="warned",class="exact_repeat"}' in shown
    hidden = [CANARY.encode(), ALICE_KEY.encode()]
    hidden += [each.hex().encode() for each in hidden] + [form for each in hidden for form in in_base64(each)]
    files = [path for path in made.data.rglob("*") if path.is_file()] + list(tmp_path.glob("*.log"))
    names = {path.name for path in files}
    assert {"redundancy-test.state", "outlay.duckdb"} <= names
    for path in files:
        content = path.read_bytes()
        for each in (content, unpacked(content) if path.suffix == ".state" else b""):
            assert not any(form in each for form in hidden), path
    assert not any(form.decode() in shown for form in hidden)


def in_base64(secret: bytes) -> list[bytes]:
    """As it would stand within longer bytes, at each of the three places it can have there."""
    return [base64.b64encode(b"\0" * at + secret)[4 if at else 0 : -4] for at in range(3)]


def unpacked(data: bytes) -> bytes:
    return zlib.decompress(data)


def metrics(outlay: Deployment) -> str:
    transport = httpx.HTTPTransport(uds=str(outlay.data / "gateway-test.sock"))
    with httpx.Client(transport=transport, base_url="http://outlay") as client:
        return client.get("/metrics").text
