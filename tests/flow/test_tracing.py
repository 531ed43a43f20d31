"""Spans of real rows, over real OTLP, into a collector that reads the protocol's own messages."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from proxy.app.tracing import trace
from proxy.ledger.spans import newest_load
from tests.fakes import facts
from tests.flow.ledger_world import a_store, load, spent

ABOVE = "a" * 32 + "-" + "b" * 16


class Collector:
    """Keeps the spans it is sent; `refusing` answers 400, which exporters don't retry."""

    def __init__(self):
        self.spans = []
        self.refusing = 0
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if collector.refusing:
                    collector.refusing -= 1
                    self.send_response(400)
                else:
                    message = ExportTraceServiceRequest.FromString(body)
                    collector.spans += [
                        span for each in message.resource_spans for scope in each.scope_spans for span in scope.spans
                    ]
                    self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    async def got(self, count):
        async with asyncio.timeout(60):
            while len(self.spans) < count:
                await asyncio.sleep(0.01)
        return {attributes(span)["outlay.call.id"]: span for span in self.spans}


@pytest.fixture
def collector():
    made = Collector()
    serving = threading.Thread(target=made.server.serve_forever, daemon=True)
    serving.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def attributes(span):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.fixture
async def tracing(tmp_path, collector):
    with a_store(tmp_path) as store:
        load(store, [spent("call_before")])
        task = asyncio.create_task(trace(store, collector.endpoint, newest_load(store), look_s=0.01))
        yield store
        task.cancel()
        await asyncio.wait([task])
        # A reading under way ends in its thread, as at the end of the ledger's loop.
        await asyncio.get_running_loop().shutdown_default_executor()


async def test_each_call_is_one_span_by_the_conventions_without_a_person(tracing, collector):
    await asyncio.to_thread(load, tracing, [spent("call_1", trace=ABOVE), facts.a_refused("call_2")], "second")
    spans = await collector.got(2)
    one, refused = spans["call_1"], spans["call_2"]
    assert (one.name, one.trace_id.hex(), one.parent_span_id.hex()) == ("chat gpt-5.1", "a" * 32, "b" * 16)
    assert one.start_time_unix_nano == facts.OPENED_US * 1000
    assert one.end_time_unix_nano == (facts.OPENED_US + 2_000_000) * 1000
    said = attributes(one)
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "openai"
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (100, 10)
    assert said["outlay.cost.usd"] == "0.00011000033"
    assert "alice" not in str(one)
    assert refused.parent_span_id == b""
    assert refused.status.code == 2
    assert attributes(refused)["error.type"] == "refused_by_policy"
    assert "call_before" not in spans


async def test_a_collector_that_was_away_gets_what_it_missed(tracing, collector):
    collector.refusing = 2
    await asyncio.to_thread(load, tracing, [spent("call_1")], "second")
    assert set(await collector.got(1)) == {"call_1"}
    await asyncio.to_thread(load, tracing, [spent("call_2")], "third")
    assert set(await collector.got(2)) == {"call_1", "call_2"}
    first = next(span for span in collector.spans if attributes(span)["outlay.call.id"] == "call_1")
    assert len(first.span_id) == 8
    assert len(first.trace_id) == 16


async def test_a_past_that_is_loaded_anew_is_not_sent_again(tmp_path, collector):
    asked = []
    with a_store(tmp_path) as store:

        def loaded():
            """Half of the past at the first look, all of it at the next."""
            asked.append(load(store, [spent(f"call_{len(asked)}")], f"n{len(asked)}"))
            return len(asked) == 2

        task = asyncio.create_task(trace(store, collector.endpoint, newest_load(store), 0.01, loaded))
        async with asyncio.timeout(60):
            while len(asked) < 2:
                await asyncio.sleep(0.01)
        await asyncio.to_thread(load, store, [spent("call_new")], "new")
        assert set(await collector.got(1)) == {"call_new"}
        task.cancel()
        await asyncio.wait([task])
        await asyncio.get_running_loop().shutdown_default_executor()


class FailingAtFirst:
    """A store that can't be read at the first look, as where the process may open no more files."""

    def __init__(self, store):
        self.store = store
        self.errors = [OSError(24, "Too many open files"), RuntimeError("can't start new thread")]

    def read(self, *asked):
        if self.errors:
            raise self.errors.pop()
        return self.store.read(*asked)


async def test_a_look_that_fails_is_followed_by_the_next_one(tmp_path, collector):
    with a_store(tmp_path) as store:
        load(store, [spent("call_before")])
        task = asyncio.create_task(trace(FailingAtFirst(store), collector.endpoint, newest_load(store), look_s=0.01))
        await asyncio.to_thread(load, store, [spent("call_1")], "second")
        assert set(await collector.got(1)) == {"call_1"}
        task.cancel()
        await asyncio.wait([task])
        await asyncio.get_running_loop().shutdown_default_executor()
