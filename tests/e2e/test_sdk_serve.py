"""`outlay serve`: one command, both planes; a call by an SDK is in the report within seconds."""

from pathlib import Path

import openai

from tests.servers.processes import ALICE_KEY, StandIn, answers, serving, until


def test_one_command_forwards_a_call_and_reports_it_and_stops_when_told(tmp_path: Path, provider: StandIn) -> None:
    with serving(tmp_path, provider.url) as outlay:
        with openai.OpenAI(base_url=f"{outlay.url}/v1", api_key=ALICE_KEY, max_retries=0) as client:
            said = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "hello"}])
        assert said.usage is not None
        until("the call is in the report", lambda: outlay.report("project")["total"]["calls"] == 1, outlay.server)
        (row,) = outlay.report("project")["rows"]
        assert row["project"] == "checkout"
        assert row["output_tokens"] == said.usage.completion_tokens
        assert outlay.server.stop() == 0
        assert not answers(f"{outlay.url}/healthz")
        assert not answers(f"{outlay.ledger_url}/healthz")
