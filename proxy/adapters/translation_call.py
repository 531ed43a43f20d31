"""Translating: one call in the translation process, by litellm, from its body to the last piece of its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import httpx
import litellm
import msgspec
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.responses.litellm_completion_transformation.handler import LiteLLMCompletionTransformationHandler

from proxy.adapters.translation_asked import VENDORS, asked_of
from proxy.adapters.translation_frames import Call, Head, Kind, encode, frame, read_frame
from proxy.adapters.translation_gateway import Gateway
from proxy.adapters.translation_told import caused, chunk, completion, refusal, without_own_words, words_of

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream"
PLACEHOLDER: Final = "none"
"""Stands where litellm wants a credential; the gateway puts the real one in."""


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
        asked, self._without = asked_of(call)
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
            await self._whole(without_own_words(answer.model_dump(mode="json", exclude_none=True)))

    async def _chat(self, answer: Any, stream: bool) -> None:
        if not stream:
            return await self._whole(completion(answer.model_dump(mode="json", exclude_none=True)))
        async for piece in self._streamed(answer):
            told = chunk(piece.model_dump(mode="json", exclude_none=True))
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
        told = without_own_words(told) | {"id": self._id, "store": False}
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
            told = {"message": refusal(call, error), "type": kind, "param": None, "code": "translation"}
            await self._head(400, JSON)
            await self._say(Kind.DATA, msgspec.json.encode({"error": told}))
            await self._say(Kind.END, b"")

    async def _break_off(self, call: Call, error: Exception) -> None:
        """A provider's error event within a stream is one in OpenAI's shape; anything else is a cut."""
        said = words_of(error) if self._streaming and not caused(error, httpx.TransportError) else ""
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
