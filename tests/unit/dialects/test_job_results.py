"""Files of results: summed line by line, however their bytes arrive, in bounded memory."""

import json
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import anthropic_batches, openai_batches
from proxy.dialects.dialect import Job, Source
from proxy.dialects.job_results import LINE_BYTES_MAX, ResultsMeter
from proxy.model.usage import NO_USAGE, Usage, total


def used(job: Job) -> Usage:
    return total(usage for _, usage in job.usages)


def chat_line(number=0, prompt=10, output=5, model="gpt-4o", id_="batch_req_1", **usage):
    body = {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": output, **usage},
    }
    line = {"custom_id": f"c{number}", "response": {"status_code": 200, "body": body}, "error": None}
    return json.dumps({"id": id_, **line} if id_ else line).encode()


FAILED = json.dumps(
    {
        "id": "batch_req_9",
        "custom_id": "f",
        "response": {"status_code": 400, "body": {"error": {"message": "no"}}},
        "error": None,
    }
).encode()
EXPIRED = b'{"id":"batch_req_8","custom_id":"x","response":null,"error":{"code":"batch_expired","message":"late"}}'


def read(*pieces, reader=openai_batches.read_result, work="file-1", batch=""):
    meter = ResultsMeter(work, batch, reader)
    for piece in pieces:
        assert meter.feed(piece) == piece
    meter.finish()
    return meter.reading()


def test_lines_sum_to_one_job_for_each_model_at_the_batch_tier():
    lines = [chat_line(1), chat_line(2, 100, 7), chat_line(3, model="gpt-5"), FAILED, EXPIRED]
    jobs = {job.served.model: job for job in read(b"\n".join(lines)).jobs}
    assert {model: used(job) for model, job in jobs.items()} == {
        "gpt-4o": Usage(input_text=110, output_text=12),
        "gpt-5": Usage(input_text=10, output_text=5),
    }
    for job in jobs.values():
        assert (job.work, job.source, job.served.service_tier, job.proven) == ("file-1", Source.RESULTS, "batch", True)


def test_cached_reasoning_and_searches_are_told_apart_as_in_any_other_answer():
    details = {
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    response = {
        "object": "response",
        "model": "gpt-4o",
        "status": "completed",
        "output": [{"type": "web_search_call", "action": {"type": "search"}}],
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    line = {"id": "batch_req_2", "custom_id": "r", "response": {"status_code": 200, "body": response}, "error": None}
    (job,) = read(chat_line(**details) + b"\n" + json.dumps(line).encode()).jobs
    assert used(job) == Usage(input_text=9, cache_read=4, output_text=4, reasoning=2, web_search=1)


def test_embeddings_have_a_prompt_only():
    body = {"object": "list", "model": "text-embedding-3-large", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    line = {"id": "batch_req_1", "custom_id": "e", "response": {"status_code": 200, "body": body}, "error": None}
    (job,) = read(json.dumps(line).encode()).jobs
    assert (used(job), job.served.model) == (Usage(input_text=8), "text-embedding-3-large")


def test_a_message_batchs_results_are_read_and_what_failed_costs_nothing():
    message = {
        "type": "message",
        "model": "claude-opus-5",
        "content": [],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 6, "cache_read_input_tokens": 5, "output_tokens": 3, "service_tier": "batch"},
    }
    lines = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": message}},
        {"custom_id": "b", "result": {"type": "errored", "error": {"type": "error"}}},
        {"custom_id": "c", "result": {"type": "expired"}},
    ]
    data = b"\n".join(json.dumps(line).encode() for line in lines)
    (job,) = read(data, reader=anthropic_batches.read_result, work="msgbatch_1", batch="msgbatch_1").jobs
    assert used(job) == Usage(input_text=6, cache_read=5, output_text=3)
    assert (job.served.model, job.served.service_tier, job.batch) == ("claude-opus-5", "batch", "msgbatch_1")


@given(st.lists(st.integers(0, 700), max_size=12), st.sampled_from([b"\n", b"\r\n", b"\n\n"]), st.booleans())
def test_what_is_read_does_not_depend_on_how_bytes_arrive(cuts, newline, ended):
    lines = [chat_line(n, 10 + n, n, id_=f"batch_req_{n}") for n in range(4)] + [FAILED]
    data = newline.join(lines) + newline * ended
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert read(*pieces) == read(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(1000),
        b'{"messages":[{"role":"user","content":"train me"}]}\n' * 3,
        b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}\n',
        b'{\n  "a": 1\n}\n',
        b"[1,2]\n",
        chat_line(id_="") + b"\n" + b'{"other": 1}\n' + chat_line(),
    ],
)
def test_a_file_that_is_something_else_says_nothing(data):
    assert read(data).jobs == ()


@pytest.mark.parametrize("bad", [b'{"id":"batch_req_2","response":null}', b"[]", b"{", b"\xff"])
def test_a_line_that_can_not_be_read_hides_nothing_of_the_rest(bad):
    (job,) = read(b"\n".join([chat_line(), bad, chat_line()])).jobs
    assert (used(job).input_text, job.proven, job.estimated) == (20, True, True)
    first = b'{"result":{"type":"errored"}}'
    message = {"type": "message", "model": "claude-opus-5", "usage": {"input_tokens": 6, "output_tokens": 3}}
    line = json.dumps({"custom_id": "a", "result": {"type": "succeeded", "message": message}}).encode()
    (job,) = read(first + b"\n" + line, reader=anthropic_batches.read_result, work="m_1", batch="m_1").jobs
    assert (used(job).input_text, job.estimated) == (6, True)


def test_a_callers_name_of_a_request_hides_no_usage():
    """A caller chooses each `custom_id`, and half a surrogate pair is no text."""
    (job,) = read(chat_line().replace(b'"c0"', b'"\\ud800"')).jobs
    assert (used(job).input_text, job.estimated) == (10, False)


def test_lines_that_anybody_may_have_written_are_not_proven():
    (job,) = read(chat_line(id_="") + b"\n" + chat_line()).jobs
    assert not job.proven


def test_lengths_of_prompts_are_kept_apart_since_long_ones_cost_more():
    lines = [chat_line(n, prompt, 1) for n, prompt in enumerate([500, 700, 200_000, 200_001, 272_500])]
    (job,) = read(b"\n".join(lines)).jobs
    assert sorted((longest, usage.input_text) for longest, usage in job.usages) == [
        (700, 1200),
        (200_000, 200_000),
        (200_001, 200_001),
        (272_500, 272_500),
    ]


def test_memory_is_that_of_one_line_however_long_the_file():
    line = chat_line() + b"\n"
    block = line * (1_000_000 // len(line))
    meter = ResultsMeter("file-1", "", openai_batches.read_result)
    tracemalloc.start()
    for _ in range(4):
        meter.feed(block)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000
    meter.finish()
    (job,) = meter.reading().jobs
    assert used(job).input_text == 10 * 4 * (1_000_000 // len(line))


def test_a_line_beyond_its_bound_passes_unread_and_the_job_says_so():
    meter = ResultsMeter("file-1", "", openai_batches.read_result)
    meter.feed(chat_line() + b"\n")
    meter.feed(b'{"id":"')
    for _ in range(LINE_BYTES_MAX // 1_000_000 + 1):
        meter.feed(bytes(1_000_000).replace(b"\0", b"x"))
    meter.feed(b"\n" + chat_line() + b"\n")
    meter.finish()
    (job,) = meter.reading().jobs
    assert job.estimated
    assert used(job).input_text == 20


def test_a_file_without_any_usage_is_no_job():
    assert read(FAILED + b"\n" + EXPIRED).jobs == ()
    assert used(read(chat_line()).jobs[0]) != NO_USAGE
