"""The translation process: calls in OpenAI's dialect in, the same in a provider's dialect out, and the answers back.

litellm does it (160 MiB and 4 s to import, so not in the gateway). This process is a function of bytes: it opens no
connection, reads no file but its libraries, starts no program, holds no credential, and logs nothing; an audit hook
sees to that, whatever litellm tries (fetching an image by its URL, say). litellm believes that it talks to the
provider: what it sends goes to the gateway (`Gateway`), once for each call, and the gateway does the rest.

Started by translation_process as a module, with the number of a socket over which each call's own socket comes. When
that one closes, the gateway is gone, and so is this.
"""

import asyncio
import os
import re
import resource
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import httpx
import litellm
import msgspec
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.responses.litellm_completion_transformation.handler import LiteLLMCompletionTransformationHandler

from proxy.adapters.translation_confinement import confine, ended_when_stuck
from proxy.adapters.translation_frames import Call, Head, Kind, encode, frame, read_frame
from proxy.adapters.translation_gateway import AnyGateway, Gateway
from proxy.adapters.translation_schemas import NODES_MAX, too_large

DATA_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
"""Memory of this process."""
STUCK_S: Final = 20
"""Longest that one call may keep all others waiting; then the process ends, and another one is started."""
JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream"
PLACEHOLDER: Final = "none"
"""Stands where litellm wants a credential; the gateway puts the real one in."""
ERROR_CHARS_MAX: Final = 2000

VENDORS: Final = {"anthropic": "anthropic", "gemini": "gemini", "bedrock": "bedrock"}
"""Dialect -> litellm's name of who speaks it."""
SHARED: Final = (
    *("stream", "temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls", "user", "service_tier"),
)
CHAT: Final = frozenset(
    (
        *SHARED,
        *("messages", "functions", "function_call", "n", "stream_options", "stop", "max_tokens"),
        *("max_completion_tokens", "modalities", "prediction", "audio", "presence_penalty", "frequency_penalty"),
        *("logit_bias", "response_format", "seed", "logprobs", "top_logprobs", "reasoning_effort", "verbosity"),
        *("web_search_options", "thinking"),
    )
)
RESPONSES: Final = frozenset((*SHARED, "input", "instructions", "max_output_tokens", "reasoning", "text", "truncation"))
EMBEDDINGS: Final = frozenset(("input", "dimensions", "encoding_format", "user"))
EMBEDDING: Final = ("gemini",)
"""Dialects that embeddings are translated to. litellm sends one request for each text to some models of Bedrock."""
KNOWN: Final = {"chat": CHAT, "responses": RESPONSES, "embeddings": EMBEDDINGS}
"""What of a body litellm is told. It takes many more arguments (where to send, with which credential, what to answer
in place of a provider), and a body is the caller's."""
SILENT: Final = frozenset(("model", "metadata", "store", "safety_identifier", "prompt_cache_key", "include"))
"""Left out without a word: they say nothing about the answer."""
STORED: Final = ("previous_response_id", "conversation", "prompt", "background")
"""Fields of a responses call that need a conversation, a template or work kept at OpenAI."""
ALWAYS: Final = frozenset(("messages", "input", "stream", "stream_options", "instructions", "truncation", "text"))
"""Not among litellm's parameters of a model, since every model has them in some form."""


class RefusedError(Exception):
    """A call that can't be translated; the message is for its caller."""


class Translating:
    """One call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._gateway = Gateway(reader, self._say)
        Gateway.current.set(self._gateway)
        self._begun = False
        self._streaming = False
        self._without: list[str] = []
        self._id = f"resp_{uuid4().hex}"

    async def run(self) -> None:
        kind, data = await read_frame(self._reader)
        if kind is not Kind.CALL:
            return
        call = msgspec.msgpack.decode(data, type=Call)
        try:
            await self._translate(call)
        except (OSError, EOFError):
            return  # the gateway has hung up
        except Exception as error:  # litellm raises what it likes
            await self._give_up(call, error)

    async def _translate(self, call: Call) -> None:
        body = msgspec.json.decode(call.body)
        if not isinstance(body, dict):
            raise RefusedError("The request body must be a JSON object.")
        asked = self._asked(call, body)
        client = AsyncHTTPHandler(transport=self._gateway)
        common: dict[str, Any] = {
            "api_key": PLACEHOLDER,
            "client": client,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
            "_skip_mcp_handler": True,
            **({"aws_region_name": "us-east-1"} if call.dialect == "bedrock" else {}),
        }
        model = f"{VENDORS[call.dialect]}/{call.model}"
        if call.operation == "chat":
            await self._chat(await litellm.acompletion(model=model, **asked, **common), bool(asked.get("stream")))
        elif call.operation == "responses":
            await self._responses(call, model, asked, common)
        else:
            answer = await litellm.aembedding(model=model, **asked, **common)
            await self._whole(_without_own_words(answer.model_dump(mode="json", exclude_none=True)))

    def _asked(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        """What litellm is told of the body; notes what the provider won't hear of."""
        if call.operation == "embeddings" and call.dialect not in EMBEDDING:
            raise RefusedError(f"Embeddings are not translated to the dialect of {call.dialect}.")
        if call.operation == "responses" and (named := [name for name in STORED if body.get(name)]):
            raise RefusedError(
                f"'{named[0]}' refers to what OpenAI keeps, and this model is served by another provider. "
                "Send the whole input instead."
            )
        given = {name: value for name, value in body.items() if value is not None and name not in SILENT}
        asked = {name: value for name, value in given.items() if name in KNOWN[call.operation]}
        if too_large(asked):
            raise RefusedError(f"The schemas of this call come to more than {NODES_MAX} values, references resolved.")
        self._without = sorted(set(asked) - self._supported(call))
        if len(asked) < len(given):
            self._without.append("unknown fields")
        return asked

    def _supported(self, call: Call) -> set[str]:
        if call.operation == "embeddings":
            return {"input", "dimensions", "encoding_format"}
        found = litellm.get_supported_openai_params(call.model, VENDORS[call.dialect]) or []
        renamed = {"reasoning": "reasoning_effort", "max_output_tokens": "max_tokens", "text": "response_format"}
        return {*found, *ALWAYS, *(name for name, chat in renamed.items() if chat in found)}

    async def _chat(self, answer: Any, stream: bool) -> None:
        if not stream:
            return await self._whole(_completed(answer.model_dump(mode="json", exclude_none=True)))
        async for chunk in self._streamed(answer):
            told = _chunk(chunk.model_dump(mode="json", exclude_none=True))
            await self._say(Kind.DATA, b"data: " + msgspec.json.encode(told) + b"\n\n")
        await self._say(Kind.DATA, b"data: [DONE]\n\n")
        await self._say(Kind.END, b"")

    async def _responses(self, call: Call, model: str, asked: dict[str, Any], common: dict[str, Any]) -> None:
        # litellm.aresponses would come here too, by way of a package of its proxy that isn't installed.
        stream = bool(asked.pop("stream", False))
        said = asked.pop("input", "")
        handler = LiteLLMCompletionTransformationHandler()
        answer: Any = handler.response_api_handler(
            model=model,
            input=said,
            responses_api_request=asked,  # type: ignore[arg-type]  # a TypedDict of just these names
            custom_llm_provider=VENDORS[call.dialect],
            _is_async=True,
            stream=stream,
            **common,
        )
        answer = await answer
        if not stream:
            return await self._whole(self._response(answer.model_dump(mode="json"), call.model))
        number = 0
        async for event in self._streamed(answer):
            told = event.model_dump(mode="json", exclude_none=True) | {"sequence_number": number}
            if isinstance(told.get("response"), dict):
                told["response"] = self._response(told["response"], call.model)
            line = b"event: %b\ndata: %b\n\n" % (str(told["type"]).encode(), msgspec.json.encode(told))
            await self._say(Kind.DATA, line)
            number += 1
        await self._say(Kind.END, b"")

    async def _streamed(self, answer: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The pieces of a stream, its head sent with the first: for some providers litellm sends the request only
        then."""
        self._streaming = True
        async for piece in answer:
            if not self._begun:
                await self._head(200, EVENTS)
            yield piece

    def _response(self, told: dict[str, Any], model: str) -> dict[str, Any]:
        """Nothing of it is kept anywhere, and its id says nothing."""
        told = _without_own_words(told) | {"id": self._id, "store": False}
        if "/" in str(told.get("model", "")):
            told["model"] = model
        return told

    async def _whole(self, told: dict[str, Any]) -> None:
        await self._head(200, JSON)
        await self._say(Kind.DATA, msgspec.json.encode(told))
        await self._say(Kind.END, b"")

    async def _head(self, status: int, content_type: bytes) -> None:
        self._begun = True
        await self._say(Kind.HEAD, encode(Head(status, content_type, self._without)))

    async def _give_up(self, call: Call, error: Exception) -> None:
        """Before anything went out it is the caller's request; after that it is an answer that breaks off."""
        with suppress(OSError):
            if self._gateway.asked:
                return await self._break_off(call, error)
            kind = "invalid_request_error"
            told = {"message": _words(call, error), "type": kind, "param": None, "code": "translation"}
            await self._head(400, JSON)
            await self._say(Kind.DATA, msgspec.json.encode({"error": told}))
            await self._say(Kind.END, b"")

    async def _break_off(self, call: Call, error: Exception) -> None:
        """A provider's error event within a stream is one in OpenAI's shape; anything else is a cut."""
        said = _said(error) if self._streaming and not _caused(error, httpx.TransportError) else ""
        if said:
            if not self._begun:
                await self._head(200, EVENTS)
            told: dict[str, Any] = {"message": said, "type": "server_error", "param": None}
            if call.operation == "responses":
                event = {"type": "error", **told, "code": "provider_error", "sequence_number": 0}
                await self._say(Kind.DATA, b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n")
            else:
                line = msgspec.json.encode({"error": {**told, "code": "provider_error"}})
                await self._say(Kind.DATA, b"data: " + line + b"\n\n")
            return await self._say(Kind.END, b"")
        await self._say(Kind.FAILED, b"")

    async def _say(self, kind: Kind, data: bytes) -> None:
        self._writer.write(frame(kind, data))
        await self._writer.drain()


def _said(error: Exception) -> str:
    """A provider's or litellm's words, without what litellm puts around them."""
    lines = str(getattr(error, "message", "")).splitlines()
    return _AROUND.sub("", lines[0])[:ERROR_CHARS_MAX] if lines else ""


_AROUND: Final = re.compile(r"^(?:litellm\.\w+: )+(?:\w+Exception - )?|\. Handle with `litellm\.\w+`\.$")


def _caused(error: BaseException | None, kind: type[BaseException]) -> bool:
    """True where an error of this kind lies beneath."""
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _words(call: Call, error: Exception) -> str:
    if isinstance(error, RefusedError):
        return str(error)
    said = _said(error) or type(error).__name__
    if _caused(error, PermissionError) or "Unable to fetch" in said:
        return "What the call refers to by URL must be sent as data: outlay's translation fetches nothing."
    return f"This call can't be put into the dialect of {call.dialect}: {said}"


def _completed(told: dict[str, Any]) -> dict[str, Any]:
    """With the nulls that OpenAI's own answers have."""
    for choice in told.get("choices", ()):
        choice["message"] = {"content": None, "refusal": None, **choice.get("message", {})}
        choice.setdefault("logprobs", None)
    return _without_own_words(told)


def _chunk(told: dict[str, Any]) -> dict[str, Any]:
    for choice in told.get("choices", ()):
        choice.setdefault("finish_reason", None)
    if told.get("usage"):
        told["choices"] = []
    return _without_own_words(told)


def _without_own_words(told: dict[str, Any]) -> dict[str, Any]:
    """litellm's own idea of the cost is not what finance will read."""
    usage = told.get("usage")
    if isinstance(usage, dict):
        usage.pop("cost", None)
    return told


async def serve(control: socket.socket) -> None:
    """Take calls until the gateway is gone."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    running: set[asyncio.Task[None]] = set()

    def take() -> None:
        try:
            word, passed, _, _ = socket.recv_fds(control, 1, 1)
        except BlockingIOError:
            return
        if not word:
            loop.remove_reader(control)
            gone.set()
        for number in passed:
            task = loop.create_task(_one(socket.socket(fileno=number)))
            running.add(task)
            task.add_done_callback(running.discard)

    control.setblocking(False)
    loop.add_reader(control, take)
    watch = loop.create_task(ended_when_stuck(STUCK_S))
    await gone.wait()
    watch.cancel()


async def _one(call: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=call)
    try:
        with suppress(EOFError, OSError, ValueError):
            await Translating(reader, writer).run()
    finally:
        writer.close()


def main(number: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES_MAX, DATA_BYTES_MAX))
    AsyncHTTPHandler.create_async_transport = staticmethod(lambda *_, **__: AnyGateway())  # type: ignore[method-assign,assignment]
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.num_retries = 0
    litellm.drop_params = True
    control = socket.socket(fileno=int(number))
    confine()
    asyncio.run(serve(control))
    os._exit(0)  # litellm leaves threads behind that would keep the process


if __name__ == "__main__":
    main(sys.argv[1])
