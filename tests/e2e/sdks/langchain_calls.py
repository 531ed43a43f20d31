"""langchain-openai as a client. Arguments and output: see calls.py."""

import asyncio
from typing import Any

import calls
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

SAID = [("system", "Be brief."), ("user", "hello wörld")]
WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOL = {"type": "function", "function": WEATHER}


def plain(message: Any) -> Any:
    """Without the id that langchain makes anew for each run."""
    return {name: value for name, value in message.model_dump().items() if name != "id"}


def made(address: calls.Address) -> dict[str, Any]:
    def chat(model: str, **more: Any) -> Any:
        return ChatOpenAI(model=model, base_url=f"{address.url}/v1", api_key=address.key, max_retries=0, **more)

    async def later() -> list[Any]:
        message = plain(await chat("chain-async").ainvoke(SAID))
        return [message, *[plain(chunk) async for chunk in chat("chain-async-stream").astream(SAID)]]

    vectors = OpenAIEmbeddings(
        model="chain-vectors", base_url=f"{address.url}/v1", api_key=address.key, check_embedding_ctx_length=False
    )
    tool = chat("chain-tool").bind_tools([TOOL])
    responses = chat("chain-responses", use_responses_api=True)
    return {
        "invoke": plain(chat("chain-chat").invoke(SAID)),
        "stream": [plain(chunk) for chunk in chat("chain-stream").stream(SAID)],
        "stream with usage": [plain(chunk) for chunk in chat("chain-usage", stream_usage=True).stream(SAID)],
        "tool": plain(tool.invoke("Please use the tool for Paris.")),
        "tool streamed": [plain(chunk) for chunk in tool.stream("Please use the tool for Paris.")],
        "responses": plain(responses.invoke(SAID)),
        "responses streamed": [plain(chunk) for chunk in responses.stream(SAID)],
        "documents": vectors.embed_documents(["hello", "wörld"]),
        "query": vectors.embed_query("hello"),
        "async": asyncio.run(later()),
    }


calls.main(made)
