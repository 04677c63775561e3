"""Google's own Python client against a running gateway: other vendors' models, and Google's own passed on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tianji_core.testing import Answer, FakeUpstream
from tianji_core.testing.openai_samples import RESPONSES, chat_chunks
from tianji_core.testing.server import ServerProcess

KEY = "sk-e2e-0123456789abcdefghij"
PERSON = '{"name": "Ana", "age": 33}'
SIGNED = {"functionCall": {"name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "c2lnbmVk"}


def last_text(body: dict[str, Any]) -> str:
    content = body["messages"][-1].get("content") or ""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def of_openai(request: Any) -> Answer:
    """An OpenAI-shaped vendor that does what the last message says."""
    body = request.json()
    if request.path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": n, "embedding": [0.5, n]} for n in range(len(body["input"]))]
        return Answer.json({"object": "list", "model": "up", "data": data})
    word = last_text(body)
    name, _, rest = word.partition(" ")
    if name == "status":
        return Answer.error(int(rest), f"Status {rest}.")
    if name == "break":
        return Answer.sse(*chat_chunks({"content": "one"})[:2], done=False)
    if body["messages"][-1]["role"] == "tool":
        word = f"It is {''.join(filter(str.isdigit, word))} degrees."
    elif body.get("tools"):
        called = json.loads(json.dumps(RESPONSES["tools"]))
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Bern"}'}
        called["choices"][0]["message"]["tool_calls"][0]["function"] = function
        if not body.get("stream"):
            return Answer.json(called)
        pieces = [{"index": 0, "id": "call_a1", "type": "function", "function": {**function, "arguments": '{"city'}}]
        rest_of_it = [{"index": 0, "function": {"arguments": '": "Bern"}'}}]
        return Answer.sse(*chat_chunks({"tool_calls": pieces}, {"tool_calls": rest_of_it}, finish="tool_calls"))
    elif body.get("response_format"):
        assert body["response_format"]["json_schema"]["schema"]["properties"]["age"]["type"] == "integer"
        word = PERSON
    if body.get("stream"):
        return Answer.chat_stream("Hello ", word)
    return Answer.chat(word if word == PERSON or word.startswith("It is") else f"Hello {word}")


def of_google(request: Any) -> Answer:
    """Google's own API, with signatures that have to come back."""
    assert request.headers["x-goog-api-key"] == "sk-google"
    body = request.json()
    if request.path.endswith(":countTokens"):
        return Answer.json({"totalTokens": 31})
    if request.path.endswith(":batchEmbedContents"):
        assert all(each["taskType"] == "CLUSTERING" for each in body["requests"])
        return Answer.json({"embeddings": [{"values": [1.0, n]} for n in range(len(body["requests"]))]})
    assert body["generationConfig"]["topK"] == 3
    if len(body["contents"]) > 1:
        assert body["contents"][1]["parts"][0]["thoughtSignature"] == SIGNED["thoughtSignature"]
        parts: list[dict[str, Any]] = [{"text": "18 degrees."}]
    else:
        parts = [{"text": "Hm.", "thought": True}, SIGNED]
    content = {"role": "model", "parts": parts}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10}
    answer = {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": usage}
    return Answer.sse(answer, done=False) if "stream" in request.path else Answer.json(answer)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    def scripted(request: Any) -> Answer:
        return of_google(request) if "/v1beta/" in request.path else of_openai(request)

    with FakeUpstream(script=scripted) as upstream:
        up = {"model": "openai_compatible/up-1", "api_base": upstream.base, "api_key": "sk-up"}
        gemini = {"model": "gemini/gemini-3-pro", "api_base": f"{upstream.url}/v1beta", "api_key": "sk-google"}
        config = {
            "model_list": [
                {"model_name": "org/m", "litellm_params": up},
                {"model_name": "gemini", "litellm_params": gemini},
            ],
            "general_settings": {"master_key": KEY},
            "router_settings": {"num_retries": 0},
        }
        server = ServerProcess(config, tmp_path_factory.mktemp("google"), [])
        try:
            server.start()
            yield server
            assert "Traceback" not in server.log(), server.log()
        finally:
            server.stop()


SCRIPT = """
    import sys
    from google import genai
    from google.genai import errors, types
    from pydantic import BaseModel

    url, key, version, passes_ids = sys.argv[1:]
    assert genai.__version__.startswith(version), genai.__version__
    client = genai.Client(api_key=key, http_options={"base_url": url})
    ask, stream = client.models.generate_content, client.models.generate_content_stream

    answer = ask(model="org/m", contents="hello", config={"system_instruction": "Be terse.", "top_k": 3})
    assert answer.text == "Hello hello", answer
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.usage_metadata.total_token_count == 27
    assert answer.model_version == "org/m"

    chunks = list(stream(model="org/m", contents="hello"))
    assert "".join(chunk.text for chunk in chunks) == "Hello hello", chunks
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count == 9

    said = types.Part.from_text(text="hello")
    picture = types.Part.from_bytes(data=bytes(range(256)), mime_type="image/png")
    assert ask(model="org/m", contents=types.Content(role="user", parts=[said, picture])).text == "Hello hello"

    embed = client.models.embed_content
    vectors = embed(model="org/m", contents=["a", "b"], config={"task_type": "CLUSTERING"}).embeddings
    assert [each.values for each in vectors] == [[0.5, 0.0], [0.5, 1.0]], vectors
    for model, first in (("org/m", 0.5), ("gemini", 1.0)):
        vectors = embed(model=model, contents="a", config={"task_type": "CLUSTERING"}).embeddings
        assert [each.values for each in vectors] == [[first, 0.0]], vectors

    # Functions that the client calls itself, and by hand.
    def weather(city: str) -> int:
        \"\"\"The temperature in a city.\"\"\"
        assert city == "Bern"
        return 18

    told = ask(model="org/m", contents="How warm?", config={"tools": [weather]})
    assert told.text.endswith("degrees."), told
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
    tool = types.Tool(function_declarations=[{"name": "weather", "parameters": schema}])
    by_hand = {"tools": [tool]}
    for model in ("org/m", "gemini"):
        for streams in (False, True):
            config = {**by_hand, "top_k": 3}
            if model == "gemini":
                config["thinking_config"] = {"include_thoughts": True}
            asked = [types.Content(role="user", parts=[types.Part.from_text(text="How warm?")])]
            answers = list(stream(model=model, contents=asked, config=config)) if streams else [
                ask(model=model, contents=asked, config=config)]
            parts = [part for each in answers for part in each.candidates[0].content.parts if part.text != ""]
            assert parts, answers
            call = parts[-1].function_call
            assert (call.name, call.args) == ("weather", {"city": "Bern"}), parts
            if model == "gemini":
                parts = parts[-1:]
                assert answers[-1].usage_metadata.total_token_count == 10
            result = types.Part.from_function_response(name=call.name, response={"degrees": 18})
            if passes_ids == "yes":
                result.function_response.id = call.id
            if model == "gemini" and not hasattr(parts[0], "thought_signature"):
                continue  # this client has no place for signatures
            asked += [types.Content(role="model", parts=parts), types.Content(role="user", parts=[result])]
            last = ask(model=model, contents=asked, config=config).text
            assert last in ("It is 18 degrees.", "18 degrees."), last

    class Person(BaseModel):
        name: str
        age: int

    wanted = {"response_mime_type": "application/json", "response_schema": Person}
    person = ask(model="org/m", contents="Who?", config=wanted)
    assert person.parsed == Person(name="Ana", age=33), person

    short = client.models.count_tokens(model="org/m", contents="hello").total_tokens
    more = client.models.count_tokens(model="org/m", contents="hello " * 50).total_tokens
    assert 0 < short < more
    assert client.models.count_tokens(model="gemini", contents="hello").total_tokens == 31

    assert "models/org/m" in [model.name for model in client.models.list()]
    assert client.models.get(model="org/m").name == "models/org/m"

    words = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
             429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
    for code, word in words.items():
        kind = errors.ClientError if code < 500 else errors.ServerError
        for call in (ask, lambda **named: list(stream(**named))):
            try:
                call(model="org/m", contents=f"status {code}")
            except kind as error:
                assert (error.code, error.status) == (code, word), error
                assert f"Status {code}." in str(error)
            else:
                raise AssertionError(code)
    stranger = genai.Client(api_key="sk-wrong", http_options={"base_url": url})
    try:
        stranger.models.generate_content(model="org/m", contents="hello")
    except errors.ClientError as error:
        assert error.code == 401
    else:
        raise AssertionError("a wrong key")

    # A stream that breaks off never looks whole: an error, or at least no reason to have ended.
    seen = []
    try:
        for chunk in stream(model="org/m", contents="break"):
            seen.append(chunk)
        assert version[0] == "1", "no error"
    except errors.APIError as error:
        assert error.code == 500
    assert not any(each.candidates and each.candidates[0].finish_reason for each in seen)
"""


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("version", "passes_ids"), [("3.6.1", "yes"), ("1.0.0", "no")])
def test_googles_client(google, run_with, version, passes_ids):
    run_with(f"google-genai=={version}", SCRIPT, google.url, KEY, version, passes_ids)


def test_an_array_comes_in_pieces(gateway):
    """Without `alt=sse` a stream is an array; on both servers it is sent on as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server.port, timeout=15)
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": "slowly 1"}]}]})
    connection.request("POST", f"/v1beta/models/m:streamGenerateContent?key={gateway.key}", body)
    answer = connection.getresponse()
    assert answer.headers["content-type"].startswith("application/json")
    pieces = list(iter(lambda: answer.read1(65536), b""))
    connection.close()
    assert len(pieces) > 5
    told = json.loads(b"".join(pieces))
    texts = [part["text"] for each in told for part in each["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "0 1 2 3 4 5 6 7 8 9 "
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"
