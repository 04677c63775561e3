"""Clients that speak Google's Gemini API: to Google's own models untranslated, to all others through chat."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import chat_chunks

KEY = "sk-contract-0123456789abcdef"
HEADERS = {"x-goog-api-key": KEY}
HI = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
COUNTS = {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 3, "totalTokenCount": 10}
SIGNATURE = "c2lnbmF0dXJl"
PARTS = [
    {"text": "Hm.", "thought": True},
    {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": SIGNATURE},
]
GOOGLES = {
    "candidates": [{"content": {"role": "model", "parts": PARTS}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": COUNTS,
    "modelVersion": "gemini-2.5-flash",
    "responseId": "r1",
    "somethingNew": {"x": 1},
}


def candidate(text, **more):
    return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}]}


GOOGLES_STREAM = [
    {**candidate("Hel"), "usageMetadata": {"promptTokenCount": 5}},
    {**candidate("lo", finishReason="STOP"), "usageMetadata": COUNTS},
]
CLAUDES = [
    {"type": "thinking", "thinking": "Hm.", "signature": "sig-1"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
]
CLAUDES_ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": CLAUDES,
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 4, "cache_read_input_tokens": 6, "output_tokens": 7},
}


def claudes_events():
    start = {**CLAUDES_ANSWER, "content": [], "stop_reason": None}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig-1"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {**CLAUDES[1], "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":1}'}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]


def scripted(request):
    """All three vendors."""
    if request.path.endswith(":countTokens"):
        return Answer.json({"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]})
    if request.path.endswith(":generateContent"):
        return Answer.json(GOOGLES)
    if request.path.endswith(":streamGenerateContent"):
        return Answer.sse(*GOOGLES_STREAM, done=False)
    streams = request.json().get("stream")
    if request.path.endswith("/messages"):
        return Answer.sse(*claudes_events(), done=False) if streams else Answer.json(CLAUDES_ANSWER)
    return Answer.chat_stream("Hel", "lo!") if streams else Answer.chat()


@pytest.fixture
def config(fake_upstream, row):
    fake_upstream.answer(script=scripted)
    url = fake_upstream.url

    def made(*more, **settings):
        google = {"api_base": f"{url}/v1beta", "api_key": "sk-google"}
        vertex = {"api_base": url, "api_key": "sk-vertex", "vertex_project": "p", "vertex_location": "l"}
        return {
            "model_list": [
                row(fake_upstream),
                row(fake_upstream, "org/m:8b"),
                row(url, "g", "gemini/gemini-2.5-flash", **google),
                row(url, "v", "vertex_ai/gemini-2.5-pro", **vertex),
                row(url, "claude", "anthropic/claude-sonnet-4-5"),
                *more,
            ],
            "litellm_settings": settings,
            "general_settings": {"master_key": KEY},
            "router_settings": {"num_retries": 0},
        }

    return made


@pytest.fixture
def ask(serving):
    """`ask(config, path, body, …)`: the answer of a gateway with this config, which is made once a test."""
    gateways = {}
    with asyncio.Runner() as runner:

        async def asked(config, path, body, query, headers, method):
            name = str(config)
            if name not in gateways:
                opened = serving(config)
                gateways[name] = opened, await opened.__aenter__()
            return await gateways[name][1].request(method, path, json=body, query=query, headers=headers)

        def run(config, path, body=HI, query="", headers=HEADERS, method="POST"):
            return runner.run(asked(config, path, body, query, headers, method))

        yield run
        for opened, _ in gateways.values():
            runner.run(opened.__aexit__(None, None, None))


def google_error(answer, code, status):
    """Checks that an answer is an error in Google's form; gives its text."""
    body = answer.json()
    if isinstance(body, list):  # in place of a stream that is an array
        (body,) = body
    error = body["error"]
    assert (answer.status, error["code"], error["status"]) == (code, code, status)
    return error["message"]


# -- to Google's own models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "path"), [("g", "/v1beta/models/gemini-2.5-flash"), ("v", None)])
def test_googles_models_are_asked_as_the_client_asks(ask, config, fake_upstream, model, path):
    body = {
        **HI,
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        "tools": [{"codeExecution": {}}],
        "generationConfig": {"topK": 3, "somethingNew": True},
        "cachedContent": "cachedContents/x",
    }
    own = {"litellm_metadata": {"a": 1}, "metadata": {"b": 2}, "tags": ["t"], "num_retries": 1, "model": "other"}
    answer = ask(config(), f"/v1beta/models/{model}:generateContent", {**body, **own})
    assert answer.status == 200
    assert answer.json() == GOOGLES
    (request,) = fake_upstream.requests
    assert request.json() == body
    assert (
        request.path
        == f"{path or '/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro'}:generateContent"
    )
    assert request.headers["x-goog-api-key"] == ("sk-google" if model == "g" else "sk-vertex")
    assert KEY not in str(request)


def test_what_a_row_says_goes_to_google_too(ask, config, row, fake_upstream):
    filters = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    says = {"safety_settings": filters, "temperature": 0.1, "max_tokens": 50, "top_k": 7, "reasoning_effort": "low"}
    base = {"api_base": f"{fake_upstream.url}/v1beta", "additional_drop_params": ["labels"]}
    made = config(row(fake_upstream.url, "set", "gemini/gemini-2.5-pro", **{**base, **says}))
    client = {"generation_config": {"temperature": 0.9, "thinking_config": {"thinking_budget": 5}}}
    ask(made, "/v1beta/models/set:generateContent", {**HI, **client, "labels": {"a": "b"}})
    ask(made, "/v1beta/models/set:generateContent", {**HI, "safetySettings": []})
    first, second = (request.json() for request in fake_upstream.requests)
    own = {"maxOutputTokens": 50, "topK": 7}
    config = {**client["generation_config"], **own}
    assert first == {**HI, "safetySettings": filters, "generation_config": config}
    thinking = {"thinkingBudget": 1024, "includeThoughts": True}
    assert second == {
        **HI,
        "safetySettings": [],
        "generationConfig": {"temperature": 0.1, "thinkingConfig": thinking, **own},
    }


@pytest.mark.parametrize("model", ["g", "v"])
def test_googles_streams_are_passed_on(ask, config, fake_upstream, model):
    answer = ask(config(), f"/v1beta/models/{model}:streamGenerateContent", query="alt=sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.chunks() == GOOGLES_STREAM
    assert fake_upstream.requests[0].query == {"alt": "sse"}


# -- to all others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/v1beta/models", "/v1/models", "/models"])
@pytest.mark.parametrize("model", ["m", "org/m:8b"])
def test_a_model_of_another_vendor(ask, config, fake_upstream, prefix, model):
    body = {**HI, "systemInstruction": {"parts": [{"text": "Be terse."}]}, "generationConfig": {"maxOutputTokens": 9}}
    answer = ask(config(), f"{prefix}/{model}:generateContent", body)
    assert answer.status == 200, answer.body
    assert answer.json() == {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": "Hello!"}]}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 18, "candidatesTokenCount": 9, "totalTokenCount": 27},
        "modelVersion": model,
        "responseId": "chatcmpl-KIT1",
    }
    (request,) = fake_upstream.requests
    assert request.json() == {
        "model": "up-1",
        "max_tokens": 9,
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hi"}],
    }


def test_streams_of_events_and_of_one_array(ask, config):
    events = ask(config(), "/v1beta/models/m:streamGenerateContent", query="alt=sse")
    assert events.headers["content-type"].startswith("text/event-stream")
    array = ask(config(), "/v1beta/models/m:streamGenerateContent")
    assert array.headers["content-type"].startswith("application/json")
    assert array.json() == events.chunks()
    texts = [part["text"] for each in events.chunks() for part in each["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "Hello!"
    assert [each["candidates"][0].get("finishReason") for each in events.chunks()] == [None, None, "STOP"]
    assert events.chunks()[-1]["usageMetadata"]["totalTokenCount"] == 27


def test_googles_own_streams_as_one_array(ask, config):
    assert ask(config(), "/v1beta/models/g:streamGenerateContent").json() == GOOGLES_STREAM


# -- reasoning and calls ---------------------------------------------------------------------------------------------

TOOLS = {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}]}


def parts_of(answer, stream):
    """The parts of the first candidate, as a client keeps them."""
    answers = answer.chunks() if stream else [answer.json()]
    return [part for each in answers for part in each["candidates"][0]["content"]["parts"] if part != {"text": ""}]


@pytest.mark.parametrize("shows", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_of_another_vendor_survives_a_loop_of_calls(ask, config, fake_upstream, stream, shows):
    thinking = {"generationConfig": {"thinkingConfig": {"thinkingBudget": 2048, "includeThoughts": shows}}}
    body = {**HI, **TOOLS, **thinking}
    path = f"/v1beta/models/claude:{'streamG' if stream else 'g'}enerateContent"
    parts = parts_of(ask(config(), path, body, query="alt=sse"), stream)
    call = parts[-1]["functionCall"]
    assert call == {"id": "toolu_1", "name": "f", "args": {"a": 1}}
    assert parts[:-1] == ([{"text": "Hm.", "thought": True}] if shows else [])
    answered = {"functionResponse": {"id": "toolu_1", "name": "f", "response": {"result": "42"}}}
    turns = [{"role": "model", "parts": parts}, {"role": "user", "parts": [answered]}]
    loop = {**body, "contents": HI["contents"] + turns}
    assert ask(config(), path, loop, query="alt=sse").status == 200
    assert ask(config(), "/v1beta/models/m:generateContent", loop).status == 200
    first, second, foreign = (request.json() for request in fake_upstream.requests)
    assert first["thinking"]["budget_tokens"] > 0
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}
    assert second["messages"][1:] == [
        {"role": "assistant", "content": CLAUDES},
        {"role": "user", "content": [result]},
    ]
    assert "thinking_blocks" not in foreign["messages"][1]
    assert foreign["messages"][2] == {"role": "tool", "tool_call_id": "toolu_1", "content": "42"}


def test_usage_counts_thoughts_and_caches(ask, config):
    counted = ask(config(), "/v1beta/models/claude:generateContent", {**HI, **TOOLS}).json()["usageMetadata"]
    assert counted["promptTokenCount"] == 10
    assert counted["cachedContentTokenCount"] == 6
    assert counted["totalTokenCount"] == 17


GUARD = """
    from tianji_core.api.guardrail import ALLOW, Guardrail, Rewrite

    class Polite(Guardrail):
        stages = frozenset({"pre_call"})
        def __init__(self, settings):
            pass
        async def check(self, stage, payload):
            messages = [*payload.request["messages"], {"role": "user", "content": "Please."}]
            return Rewrite({**payload.request, "messages": messages})
"""


# -- failures --------------------------------------------------------------------------------------------------------


def test_nobody_comes_in_without_a_key(ask, config):
    for method, path, body in (
        ("POST", "/v1beta/models/m:generateContent", HI),
        ("POST", "/models/m:streamGenerateContent", HI),
        ("POST", "/v1/models/m:countTokens", HI),
        ("POST", "/v1beta/models/m:embedContent", {}),
        ("POST", "/v1beta/models/m:predict", {}),
        ("GET", "/v1beta/models", None),
        ("GET", "/v1beta/models/m", None),
    ):
        for headers, query in (({}, ""), ({"x-goog-api-key": "sk-wrong"}, ""), ({}, "key=sk-wrong")):
            answer = ask(config(), path, body, query, headers, method)
            google_error(answer, 401, "UNAUTHENTICATED")


@pytest.mark.parametrize("path", ["generateContent", "streamGenerateContent", "countTokens"])
def test_a_key_in_the_address(ask, config, fake_upstream, path):
    assert ask(config(), f"/v1beta/models/g:{path}", query=f"key={KEY}&alt=sse", headers={}).status == 200
    assert KEY not in str(fake_upstream.requests)
    google_error(
        ask(config(), f"/v1beta/models/g:{path}", query=f"key={KEY}", headers={"api-key": "x"}), 401, "UNAUTHENTICATED"
    )


def test_elsewhere_no_key_is_looked_for_in_the_address(ask, config):
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    assert ask(config(), "/v1/chat/completions", body, query=f"key={KEY}", headers={}).status == 401


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent", "countTokens"])
def test_what_makes_no_sense(ask, config, method):
    path = f"/v1beta/models/m:{method}"
    for body in (
        [1],
        {},
        {**HI, "generation_config": {}, "generationConfig": {}},
        {**HI, "generationConfig": {"temperature": "hot"}},
        {**HI, "num_retries": 99},
    ):
        google_error(ask(config(), path, body), 400, "INVALID_ARGUMENT")
    google_error(ask(config(), path, {**HI, "api_base": "http://x"}), 401, "UNAUTHENTICATED")


def test_bad_json(serving, config):
    async def main():
        async with serving(config()) as client:
            exchange = client.open("POST", "/v1beta/models/m:generateContent", content=b"{", headers=HEADERS)
            return await exchange.finished()

    google_error(asyncio.run(main()), 400, "INVALID_ARGUMENT")


def test_what_is_not_there(ask, config):
    google_error(ask(config(), "/v1beta/models/nope:generateContent"), 400, "INVALID_ARGUMENT")
    google_error(ask(config(), "/v1beta/models/m:predict"), 404, "NOT_FOUND")
    assert "nope" in google_error(ask(config(), "/v1beta/models/nope", None, method="GET"), 404, "NOT_FOUND")


@pytest.mark.parametrize(("model", "error"), [("m", Answer.error), ("g", None)])
@pytest.mark.parametrize(
    ("code", "status"),
    [
        (401, "UNAUTHENTICATED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
def test_errors_of_vendors(ask, config, fake_upstream, model, error, code, status, method):
    googles = {"error": {"code": code, "message": "No.", "status": status}}
    fake_upstream.answer(Answer.error(code, "No.") if error else Answer.json(googles, code))
    answer = ask(config(), f"/v1beta/models/{model}:{method}")
    assert google_error(answer, code, status) == "No."


def test_an_error_in_place_of_an_array_stands_in_one(ask, config):
    answers = [ask(config(), "/v1beta/models/m:streamGenerateContent", {}, query) for query in ("", "alt=sse")]
    assert [type(answer.json()) for answer in answers] == [list, dict]
    assert [answer.status for answer in answers] == [400, 400]


def test_when_to_come_again(ask, config, fake_upstream):
    fake_upstream.answer(Answer.error(429, "Slow.", retry_after="7"))
    (detail,) = ask(config(), "/v1beta/models/m:generateContent").json()["error"]["details"]
    assert detail["retryDelay"] == "7s"


def test_googles_own_word_for_an_error_stays(ask, config, fake_upstream):
    failed = {"error": {"code": 400, "message": "Not in your region.", "status": "FAILED_PRECONDITION"}}
    fake_upstream.answer(Answer.json(failed, 400))
    google_error(ask(config(), "/v1beta/models/g:generateContent"), 400, "FAILED_PRECONDITION")


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("kind", ["cut", "error"])
@pytest.mark.parametrize("model", ["m", "g", "claude"])
def test_a_stream_that_fails_never_looks_whole(ask, config, fake_upstream, model, kind, array):
    begun = {
        "m": chat_chunks({"content": "Hel"})[:2],
        "g": GOOGLES_STREAM[:1],
        "claude": claudes_events()[:3],
    }[model]
    failure = {
        "m": {"error": {"message": "Oops.", "code": 500}},
        "g": {"error": {"code": 500, "message": "Oops.", "status": "INTERNAL"}},
        "claude": b'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"Oops."}}\n\n',
    }[model]
    fake_upstream.answer(Answer.sse(*begun, *([failure] if kind == "error" else []), done=False))
    shown = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    answer = ask(config(), f"/v1beta/models/{model}:streamGenerateContent", {**HI, **shown}, "" if array else "alt=sse")
    told = answer.json() if array else answer.chunks()
    assert told[-1]["error"]["code"] == 500
    assert told[-1]["error"]["status"] == "INTERNAL"
    if kind == "error":
        assert told[-1]["error"]["message"] == "Oops."
    assert all("finishReason" not in each["candidates"][0] for each in told[:-1])


def test_a_stream_of_several_candidates_is_whole_once_all_have_ended(ask, config, fake_upstream):
    other = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "index": 1}]}
    fake_upstream.answer(Answer.sse(other, *GOOGLES_STREAM, done=False))
    told = ask(config(), "/v1beta/models/g:streamGenerateContent", query="alt=sse").chunks()
    assert "error" in told[-1]
    fake_upstream.answer(Answer.sse({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTS}, done=False))
    told = ask(config(), "/v1beta/models/g:streamGenerateContent", query="alt=sse").chunks()
    assert told[-1]["promptFeedback"] == {"blockReason": "SAFETY"}


# -- what only Google has --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {**HI, "tools": [{"codeExecution": {}}]},
        {**HI, "cachedContent": "cachedContents/x"},
        {**HI, "generationConfig": {"responseMimeType": "text/x.enum"}},
        {"contents": [{"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}}]}]},
        {"contents": [{"parts": [{"somethingNew": {}}]}]},
    ],
)
def test_what_other_vendors_cannot_be_asked(ask, config, fake_upstream, body):
    google_error(ask(config(), "/v1beta/models/m:generateContent", body), 400, "INVALID_ARGUMENT")
    assert not fake_upstream.requests
    assert ask(config(), "/v1beta/models/g:generateContent", body).status == 200
    falls = {**body, "fallbacks": ["g"]}
    assert ask(config(), "/v1beta/models/m:generateContent", falls).json() == GOOGLES
    counted = ask(config(), "/v1beta/models/m:countTokens", body)
    assert counted.json()["totalTokens"] > 0


def test_other_models_of_vertex_ai_are_translated(ask, config, row, fake_upstream):
    fake_upstream.answer(script=lambda r: Answer.json(CLAUDES_ANSWER) if "anthropic" in r.path else Answer.chat())
    params = {"api_key": "sk-vertex", "vertex_project": "p", "vertex_location": "l"}
    rows = [
        row(fake_upstream.url, "vc", "vertex_ai/claude-sonnet-4-5", **params),
        row(fake_upstream.url, "vl", "vertex_ai/meta/llama-4-maas", **params),
    ]
    for name in ("vc", "vl"):
        answer = ask(config(*rows), f"/v1beta/models/{name}:generateContent", {**HI, **TOOLS})
        assert answer.json()["candidates"][0]["finishReason"] == "STOP"
    assert all("messages" in request.json() for request in fake_upstream.requests)


# -- the gateway's own -----------------------------------------------------------------------------------------------


def test_a_request_that_a_guardrail_has_rewritten_is_translated(ask, config, config_beside, fake_upstream):
    params = {"guardrail": "my_guard.Polite", "mode": "pre_call", "default_on": True}
    guards = [{"guardrail_name": "polite", "litellm_params": params}]
    path = config_beside({**config(), "guardrails": guards}, my_guard=GUARD)
    asked = {**HI, "tools": [{"codeExecution": {}}], "generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    answer = ask(path, "/v1beta/models/g:generateContent", asked)
    assert answer.status == 200, answer.body
    (request,) = fake_upstream.requests
    texts = [part["text"] for content in request.json()["contents"] for part in content["parts"]]
    assert texts == ["Hi", "Please."]
    assert request.json()["tools"] == [{"codeExecution": {}}]
    content = answer.json()["candidates"][0]["content"]
    thought, call = content["parts"]
    assert thought == PARTS[0]
    assert call["thoughtSignature"] == SIGNATURE
    assert call["functionCall"]["name"] == "f"
    assert answer.json()["usageMetadata"]["thoughtsTokenCount"] == 3


SINK = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        wants_content = True
        records = []
        async def on_call(self, record):
            self.records.append(record)

    sink = Sink()
"""


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
@pytest.mark.parametrize("model", ["m", "g"])
def test_records(serving, config, config_beside, model, method):
    path = config_beside(config(callbacks=["sink.sink"]), sink=SINK)

    async def main():
        async with serving(path) as client:
            own = {"litellm_metadata": {"who": "me", "tags": ["a"]}, "tags": ["b"], "user": "u"}
            answer = await client.post(f"/v1beta/models/{model}:{method}", {**HI, **own}, headers=HEADERS)
            return answer, client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback

    answer, sink = asyncio.run(main())
    assert answer.status == 200, answer.body
    (record,) = sink.records
    assert record.dialect == "gemini"
    assert record.metadata["who"] == "me"
    assert set(record.tags) == {"a", "b"}
    assert record.usage["total_tokens"] == (10 if model == "g" else 27)
    message = record.response["choices"][0]["message"]
    assert message["content"] or message["tool_calls"]


def test_fallbacks_of_the_request(ask, config, fake_upstream):
    fake_upstream.answer(script=lambda r: Answer.json(GOOGLES) if "google" in str(r.headers) else Answer.error(500))
    answer = ask(config(), "/v1beta/models/m:generateContent", {**HI, "fallbacks": ["g"]})
    assert answer.json() == GOOGLES


# -- counting and listing --------------------------------------------------------------------------------------------


def test_tokens_are_counted_by_google_or_here(ask, config, fake_upstream):
    told = ask(config(), "/v1beta/models/g:countTokens")
    assert told.json() == {"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 31}]}
    wrapped = {"generateContentRequest": {"model": "models/g", **HI, "systemInstruction": {"parts": [{"text": "x"}]}}}
    ask(config(), "/v1beta/models/g:countTokens", wrapped)
    ask(config(), "/v1beta/models/v:countTokens", wrapped)
    plain, whole, vertex = (request.json() for request in fake_upstream.requests)
    assert plain == HI
    inner = wrapped["generateContentRequest"]
    assert whole == {"generateContentRequest": {**inner, "model": "models/gemini-2.5-flash"}}
    assert vertex == {name: inner[name] for name in ("contents", "systemInstruction")}
    here = ask(config(), "/v1beta/models/m:countTokens").json()
    assert here["totalTokens"] > 0
    assert here["promptTokensDetails"] == [{"modality": "TEXT", "tokenCount": here["totalTokens"]}]
    fake_upstream.answer(Answer.error(500))
    assert ask(config(), "/v1beta/models/g:countTokens").json() == here


def test_models(ask, config, row, fake_upstream):
    more = row(fake_upstream, "e", info={"mode": "embedding", "max_input_tokens": 100})
    models = ask(config(more), "/v1beta/models", None, method="GET").json()["models"]
    assert {"models/m", "models/g", "models/org/m:8b"} <= {each["name"] for each in models}
    of_google = {**HEADERS, "x-goog-api-client": "google-genai-sdk/3.6.1"}  # whose newer clients ask v1
    assert ask(config(more), "/v1/models", None, headers=of_google, method="GET").json()["models"] == models
    assert "data" in ask(config(more), "/v1/models", None, method="GET").json()
    one = ask(config(more), "/v1beta/models/org/m:8b", None, method="GET").json()
    assert one["name"] == "models/org/m:8b"
    assert "generateContent" in one["supportedGenerationMethods"]
    other = ask(config(more), "/v1beta/models/e", None, method="GET", query=f"key={KEY}", headers={}).json()
    assert (other["inputTokenLimit"], other["supportedGenerationMethods"]) == (
        100,
        ["embedContent", "batchEmbedContents"],
    )


# -- embeddings ----------------------------------------------------------------------------------------------------

VECTORS = {"object": "list", "model": "e", "usage": {"prompt_tokens": 4, "total_tokens": 4}}


def embedding(request):
    """Google's embeddings, and OpenAI's."""
    body = request.json()
    if request.path.endswith(":batchEmbedContents"):
        return Answer.json({"embeddings": [{"values": [1.0, n]} for n in range(len(body["requests"]))]})
    data = [{"object": "embedding", "index": n, "embedding": [0.5, n]} for n in range(len(body["input"]))]
    return Answer.json({**VECTORS, "data": data})


def one(text, **more):
    return {"content": {"parts": [{"text": text}]}, **more}


@pytest.fixture
def embeds(config, fake_upstream, row):
    fake_upstream.answer(script=embedding)
    google = {"api_base": f"{fake_upstream.url}/v1beta", "api_key": "sk-google"}
    rows = [
        row(fake_upstream.url, "ge", "gemini/gemini-embedding-001", **google),
        row(fake_upstream, "org/e", info={"mode": "embedding"}),
    ]
    found = config(*rows)
    fake_upstream.answer(script=embedding)
    return found


@pytest.mark.parametrize("prefix", ["/v1beta", "/v1", ""])
def test_a_text_is_embedded_by_another_vendor(ask, embeds, fake_upstream, prefix):
    asked = {"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "task_type": "CLUSTERING", "outputDimensionality": 2}
    answer = ask(embeds, f"{prefix}/models/org/e:embedContent", asked)
    assert answer.json() == {"embedding": {"values": [0.5, 0]}, "usageMetadata": {"promptTokenCount": 4}}
    sent = fake_upstream.requests[-1]
    assert sent.path.endswith("/embeddings")
    assert sent.json() == {"model": "up-1", "input": ["a\nb"], "dimensions": 2}


def test_texts_are_embedded_by_another_vendor(ask, embeds, fake_upstream):
    asked = {"requests": [one("a", model="models/x", title="t"), one("b", model="models/x", title="t")]}
    answer = ask(embeds, "/v1beta/models/org/e:batchEmbedContents", asked)
    assert answer.json()["embeddings"] == [{"values": [0.5, 0]}, {"values": [0.5, 1]}]
    assert fake_upstream.requests[-1].json() == {"model": "up-1", "input": ["a", "b"]}


def test_vectors_may_come_packed(ask, embeds, fake_upstream):
    fake_upstream.answer(Answer.json({**VECTORS, "data": [{"index": 0, "embedding": "AAAAPwAAgL8="}]}))
    assert ask(embeds, "/v1beta/models/org/e:embedContent", one("a")).json()["embedding"] == {"values": [0.5, -1.0]}


def test_googles_own_models_get_all_of_it(ask, embeds, fake_upstream):
    more = {"taskType": "RETRIEVAL_DOCUMENT", "title": "t", "outputDimensionality": 2}
    answer = ask(embeds, "/v1beta/models/ge:batchEmbedContents", {"requests": [one("a", **more), one("b", **more)]})
    assert answer.json()["embeddings"] == [{"values": [1.0, 0]}, {"values": [1.0, 1]}]
    sent = fake_upstream.requests[-1].json()["requests"]
    assert sent == [{"model": "models/gemini-embedding-001", **one(text), **more} for text in "ab"]
    answer = ask(embeds, "/v1beta/models/ge:embedContent", one("a", task_type="CLUSTERING"))
    assert answer.json()["embedding"] == {"values": [1.0, 0]}
    assert fake_upstream.requests[-1].json()["requests"][0]["taskType"] == "CLUSTERING"


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("embedContent", {}),
        ("embedContent", {"content": "a"}),
        ("embedContent", {"content": {"parts": []}}),
        ("embedContent", {"content": {"parts": [{"inlineData": {"data": "", "mimeType": "image/png"}}]}}),
        ("batchEmbedContents", {}),
        ("batchEmbedContents", {"requests": []}),
        ("batchEmbedContents", {"requests": [5]}),
        ("batchEmbedContents", {"requests": [one("a"), one("b", outputDimensionality=2)]}),
    ],
)
def test_what_cannot_be_embedded(ask, embeds, fake_upstream, method, body):
    answer = ask(embeds, f"/v1beta/models/org/e:{method}", body)
    assert answer.status == 400
    google_error(answer, 400, "INVALID_ARGUMENT")
    assert not fake_upstream.requests


def test_embeddings_of_who_may_not(ask, embeds):
    assert ask(embeds, "/v1beta/models/org/e:embedContent", one("a"), headers={}).status == 401
    google_error(ask(embeds, "/v1beta/models/nope:embedContent", one("a")), 400, "INVALID_ARGUMENT")


def test_models_that_embed_are_listed_so(ask, embeds):
    listed = ask(embeds, "/v1beta/models", None, method="GET").json()["models"]
    methods = {each["name"]: each["supportedGenerationMethods"] for each in listed}
    assert methods["models/org/e"] == ["embedContent", "batchEmbedContents"]
    assert "generateContent" in methods["models/m"]
