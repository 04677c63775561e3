"""Clients that others wrote on top of the official ones: Cohere's, LangChain's, Vercel's AI SDK.

Each is installed once, in a folder of its own; without Node those of npm are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]
HERE = Path(__file__).parent / "ai_sdk"

COHERE = """
    import sys
    import cohere
    url, key = sys.argv[1:]
    documents = ["Carson City is the capital of Nevada.", "Paris is the capital of France.", "Hello"]
    asked = {"model": "m", "query": "What is the capital of France?", "documents": documents}

    newer = cohere.ClientV2(key, base_url=url, timeout=10)
    answer = newer.rerank(**asked, top_n=2)
    assert [(found.index, found.relevance_score) for found in answer.results] == [(1, 0.9), (0, 0.2)], answer
    assert answer.id
    assert answer.meta.billed_units.search_units == 1

    older = cohere.Client(key, base_url=url, timeout=10)
    answer = older.rerank(**asked, top_n=2, return_documents=True)
    assert [found.document.text for found in answer.results] == [documents[1], documents[0]], answer
    answer = older.rerank(**{**asked, "documents": [{"text": text} for text in documents]})
    assert [found.index for found in answer.results] == [1, 0, 2], answer

    for status, kind in ((400, cohere.BadRequestError), (401, cohere.UnauthorizedError),
                         (429, cohere.TooManyRequestsError), (500, cohere.InternalServerError)):
        try:
            newer.rerank(**{**asked, "query": f"status {status}"}, request_options={"max_retries": 0})
        except kind as error:
            assert f"Status {status}." in str(error.body), error.body
        else:
            raise AssertionError(status)
"""

LANGCHAIN = """
    import asyncio, sys
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
    from langchain_core.tools import tool
    from pydantic import BaseModel
    KIND, url, key = sys.argv[1:]

    def model(name, **more):
        if KIND == "anthropic":
            from langchain_anthropic import ChatAnthropic
            more["max_tokens"] = 200
            return ChatAnthropic(model=name, base_url=url, api_key=key, max_retries=0, timeout=10, **more)
        from langchain_openai import ChatOpenAI
        if KIND == "responses":
            more["use_responses_api"] = True
        return ChatOpenAI(model=name, base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=10, **more)

    class Person(BaseModel):
        name: str
        age: int
        tags: list[str]

    @tool
    def get_weather(city: str, days: int = 1) -> str:
        "The weather of a city."
        return f"18 degrees in {city}"

    hello = [SystemMessage("Be terse."), HumanMessage("hello")]
    whole = model("echo").invoke(hello)
    assert "hello" in whole.text, whole
    counted = whole.usage_metadata
    assert 0 < counted["input_tokens"] + counted["output_tokens"] == counted["total_tokens"]

    more = {} if KIND != "openai" else {"stream_usage": True}
    merged = None
    pieces = 0
    for piece in model("echo", **more).stream(hello):
        merged = piece if merged is None else merged + piece
        pieces += 1
    assert pieces > 2
    assert merged.text == whole.text, (merged, whole)
    assert merged.usage_metadata == whole.usage_metadata, (merged.usage_metadata, whole.usage_metadata)

    async def asynchronous():
        assert (await model("echo").ainvoke(hello)).text == whole.text
        said = [piece.text async for piece in model("echo").astream(hello)]
        assert "".join(said) == whole.text
    asyncio.run(asynchronous())

    bound = model("echo").bind_tools([get_weather])
    asked = [HumanMessage('call get_weather {"city": "Paris", "days": 2}')]
    called = bound.invoke(asked)
    (call,) = called.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris", "days": 2}), called
    merged = None
    for piece in bound.stream(asked):
        merged = piece if merged is None else merged + piece
    (streamed,) = merged.tool_calls
    assert (streamed["name"], streamed["args"]) == (call["name"], call["args"]), merged
    told = bound.invoke([*asked, called, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])])
    assert "18 degrees in Paris" in told.text, told
    again = bound.invoke([*asked, merged, ToolMessage("rain", tool_call_id=merged.tool_calls[0]["id"])])
    assert "rain" in again.text, again
    forced = model("echo").bind_tools([get_weather], tool_choice="get_weather").invoke([HumanMessage("hello")])
    assert forced.tool_calls[0]["name"] == "get_weather"

    methods = ["function_calling", "json_schema"]
    for method in methods:
        found = model("echo").with_structured_output(Person, method=method).invoke("somebody")
        assert isinstance(found, Person), (method, found)

    picture = {"type": "image", "source_type": "base64", "data": "iVBORw0KGgo=", "mime_type": "image/png"}
    seen = model("echo").invoke([HumanMessage([{"type": "text", "text": "look"}, picture])])
    assert "look" in seen.text, seen

    for status in (400, 401, 429, 500):
        try:
            model("m").invoke([HumanMessage(f"status {status}")])
        except Exception as error:
            assert getattr(error, "status_code", None) == status, (status, error)
            assert f"Status {status}." in str(error), error
        else:
            raise AssertionError(status)
    try:
        list(model("m").stream([HumanMessage("break")]))
    except Exception as error:
        assert "before it was complete" in str(error), error
    else:
        raise AssertionError("a stream that breaks off was taken for whole")

    if KIND == "openai":
        from langchain_openai import OpenAIEmbeddings
        texts = {"check_embedding_ctx_length": False}  # else it sends numbers of tokens, and fetches their vocabulary
        vectors = OpenAIEmbeddings(model="echo", base_url=f"{url}/v1", api_key=key, dimensions=8, **texts)
        found = vectors.embed_documents(["one", "two"])
        assert [len(each) for each in found] == [8, 8]
"""


def test_cohere(one_gateway, run_with):
    run_with("cohere==7.3.1", COHERE, one_gateway.url, one_gateway.key)


@pytest.mark.parametrize("kind", ["openai", "responses"])
def test_langchain_openai(one_gateway, run_with, kind):
    run_with("langchain-openai==1.7.4", LANGCHAIN, kind, one_gateway.url, one_gateway.key)


def test_langchain_anthropic(one_gateway, run_with):
    run_with("langchain-anthropic==1.7.10", LANGCHAIN, "anthropic", one_gateway.url, one_gateway.key)


@pytest.fixture(scope="module")
def ai_sdk() -> Path:
    """The folder where the AI SDK is installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tianji-tests" / "ai-sdk"
    cache.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    done = cache / "done"
    if not done.exists() or done.read_text() != wanted:
        (cache / "package.json").write_text(wanted)
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
        found = subprocess.run(install, cwd=cache, capture_output=True, text=True, check=False)
        if found.returncode != 0 and not os.environ.get("CI"):
            pytest.skip(f"the AI SDK cannot be installed: {found.stderr[-300:]}")
        assert found.returncode == 0, found.stderr
        done.write_text(wanted)
    shutil.copy(HERE / "client.mjs", cache / "client.mjs")
    return cache


@pytest.mark.parametrize("kind", ["chat", "responses", "compatible", "anthropic"])
def test_ai_sdk(one_gateway, ai_sdk, kind):
    command = ["node", "client.mjs", kind, one_gateway.url, one_gateway.key]
    found = subprocess.run(command, cwd=ai_sdk, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stderr
