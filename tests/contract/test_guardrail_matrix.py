"""The same bad text on every route, with and without a stream, in every place a model reads: it never gets through."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer

BAD = "ZZbadZZ"
SOURCE = """
    from tianji_core.api.guardrail import ALLOW, Block, Guardrail

    class Words(Guardrail):
        stages = frozenset({"pre_call", "during_call", "post_call"})

        def __init__(self, settings):
            pass

        def glance(self, text):
            return b"ZZbadZZ" not in text

        async def check(self, stage, payload):
            return Block("No bad words.") if any("ZZbadZZ" in text for text in payload.texts()) else ALLOW
"""
ANTHROPIC = {"model": "claude", "max_tokens": 16}


def chat(*messages, **members):
    return "/v1/chat/completions", {"model": "m", "messages": list(messages), **members}


def user(content):
    return {"role": "user", "content": content}


CALL = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"q": BAD})}}]
USES = [{"type": "tool_use", "id": "c", "name": "f", "input": {"q": {"deep": [BAD]}}}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "description": BAD}}}


def messages(*said, **members):
    return "/v1/messages", {"max_tokens": 16, "messages": list(said), **members}


def responses(given, **members):
    return "/v1/responses", {"model": "m", "input": given, **members}


def gemini(contents, **members):
    return "/v1beta/models/m:generateContent", {"contents": contents, **members}


IN_STREAMS = {
    "chat": chat(user(BAD)),
    "chat part": chat(user([{"type": "text", "text": BAD}])),
    "chat system": chat({"role": "system", "content": BAD}, user("Hi")),
    "chat earlier": chat(user(BAD), {"role": "assistant", "content": "Yes"}, user("Go on")),
    "chat tool arguments": chat(
        user("Hi"), {"role": "assistant", "tool_calls": CALL}, {"role": "tool", "tool_call_id": "c", "content": "1"}
    ),
    "chat tool result": chat(
        user("Hi"),
        {"role": "assistant", "tool_calls": [{**CALL[0], "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": BAD}]},
    ),
    "chat tool definition": chat(
        user("Hi"), tools=[{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    ),
    "chat prediction": chat(user("Hi"), prediction={"type": "content", "content": BAD}),
    "chat unknown member": chat(user("Hi"), something_new={"words": [BAD]}),
    "chat extra_body": chat(user("Hi"), extra_body={"more": BAD}),
    "completions": ("/v1/completions", {"model": "m", "prompt": BAD}),
    "completions list": ("/v1/completions", {"model": "m", "prompt": ["fine", BAD]}),
    "completions suffix": ("/v1/completions", {"model": "m", "prompt": "fine", "suffix": BAD}),
    **{
        f"messages {kind} {model}": (path, {**body, "model": model})
        for model in ("m", "claude")
        for kind, (path, body) in {
            "text": messages(user(BAD)),
            "system": messages(user("Hi"), system=[{"type": "text", "text": BAD}]),
            "tool input": messages(
                user("Hi"),
                {"role": "assistant", "content": USES},
                user([{"type": "tool_result", "tool_use_id": "c", "content": "1"}]),
            ),
            "tool result": messages(
                user("Hi"),
                {"role": "assistant", "content": [{**USES[0], "input": {}}]},
                user([{"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": BAD}]}]),
            ),
            "tool definition": messages(user("Hi"), tools=[{"name": "f", "input_schema": SCHEMA, "description": "x"}]),
            "tool definition of an odd name": messages(
                user("Hi"),
                tools=[{"name": "f", "input_schema": {"type": "object", "properties": {"type": {"description": BAD}}}}],
            ),
            "document": messages(
                user([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": BAD}}])
            ),
            "document title": messages(
                user(
                    [
                        {
                            "type": "document",
                            "title": BAD,
                            "source": {"type": "text", "media_type": "text/plain", "data": "fine"},
                        },
                        {"type": "text", "text": "Hi"},
                    ]
                )
            ),
        }.items()
    },
    "responses": responses(BAD),
    "responses instructions": responses("Hi", instructions=BAD),
    "responses part": responses([{"role": "user", "content": [{"type": "input_text", "text": BAD}]}]),
    "responses call": responses(
        [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": BAD},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
        ]
    ),
    "responses output": responses(
        [
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": BAD},
        ]
    ),
    "responses tool": responses("Hi", tools=[{"type": "function", "name": "f", "description": BAD, "parameters": {}}]),
}
WHOLE = {
    "embeddings": ("/v1/embeddings", {"model": "m", "input": ["fine", BAD]}),
    "moderations": ("/v1/moderations", {"model": "m", "input": BAD}),
    "rerank query": ("/v1/rerank", {"model": "cohere", "query": BAD, "documents": ["a"]}),
    "rerank document": ("/v1/rerank", {"model": "cohere", "query": "a", "documents": ["b", {"text": BAD}]}),
    "images": ("/v1/images/generations", {"model": "m", "prompt": BAD}),
    "speech": ("/v1/audio/speech", {"model": "m", "input": BAD, "voice": "alloy"}),
    "speech instructions": ("/v1/audio/speech", {"model": "m", "input": "Hi", "voice": "alloy", "instructions": BAD}),
    "gemini": gemini([{"role": "user", "parts": [{"text": BAD}]}]),
    "gemini system": gemini(
        [{"role": "user", "parts": [{"text": "Hi"}]}], systemInstruction={"parts": [{"text": BAD}]}
    ),
    "gemini result": gemini(
        [{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"found": BAD}}}]}]
    ),
    "pass-through": ("/openai/v1/chat/completions", {"model": "m", "messages": [user(BAD)]}),
    "pass-through elsewhere": ("/openai/v1/anything", {"deep": [{"words": BAD}]}),
    "azure": ("/openai/deployments/m/chat/completions", {"messages": [user(BAD)]}),
}
CASES = {
    **{(name, stream): case for name, case in IN_STREAMS.items() for stream in (False, True)},
    **{(name, False): case for name, case in WHOLE.items()},
}


@pytest.fixture
def gateway(serving, row, fake_upstream, config_beside):
    """Sends one request through a gateway that has a guardrail at this stage always on."""

    def run(stage, path, body, *, content=None, headers=None, **params):
        guardrail = {"guardrail": "guards.Words", "mode": stage, "default_on": True, **params}
        native = {"model": "anthropic/claude-x", "api_base": fake_upstream.url, "api_key": "sk-a"}
        lent = {"model": "openai/gpt", "api_base": f"{fake_upstream.url}/v1", "api_key": "sk-o"}
        cohere = {"model": "cohere/rerank-v3.5", "api_base": fake_upstream.url, "api_key": "sk-c"}
        config = {
            "model_list": [
                row(fake_upstream, "m"),
                {"model_name": "lent", "litellm_params": lent},
                {"model_name": "claude", "litellm_params": native},
                {"model_name": "cohere", "litellm_params": cohere},
            ],
            "guardrails": [{"guardrail_name": "words", "litellm_params": guardrail}],
            "router_settings": {"num_retries": 0},
        }
        where = config_beside(config, guards=SOURCE)

        async def main():
            async with serving(where) as client:
                if content is not None:
                    return await client.post(path, content=content, headers=headers)
                return await client.post(path, body)

        return asyncio.run(main())

    return run


@pytest.mark.parametrize("stage", ["pre_call", "during_call"])
@pytest.mark.parametrize(("name", "stream"), CASES, ids=lambda value: str(value))
def test_what_goes_to_a_model(gateway, fake_upstream, name, stream, stage):
    path, body = CASES[name, stream]
    fake_upstream.answer(Answer.chat_stream() if stream else Answer.chat())
    answer = gateway(stage, path, {**body, "stream": True} if stream else body)
    assert answer.status == 400, answer.body
    assert b"No bad words." in answer.body
    if stage == "pre_call" or name.startswith("pass"):
        assert not fake_upstream.requests


def test_the_prompt_of_a_transcription(gateway, fake_upstream):
    boundary = "xyz"
    parts = [
        ("model", None, "m"),
        ("prompt", None, BAD),
        ("file", "a.wav", "RIFF"),
    ]
    content = b""
    for field, filename, value in parts:
        name = f'name="{field}"' + (f'; filename="{filename}"' if filename else "")
        content += f"--{boundary}\r\ncontent-disposition: form-data; {name}\r\n\r\n{value}\r\n".encode()
    content += f"--{boundary}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    answer = gateway("pre_call", "/v1/audio/transcriptions", None, content=content, headers=headers)
    assert answer.status == 400
    assert b"No bad words." in answer.body
    assert not fake_upstream.requests


# -- answers -----------------------------------------------------------------------------------------------------------

TOOL_CHOICE = {"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": CALL}}
TOOL_ANSWER = {
    "id": "r",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{**TOOL_CHOICE, "finish_reason": "tool_calls"}],
}
TOOL_CHUNKS = [
    {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"q": "ZZb'}},
    {"index": 0, "function": {"arguments": 'adZZ"}'}},
]


def tool_stream():
    head = {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"tool_calls": [c]}, "finish_reason": None}]} for c in TOOL_CHUNKS
    ]
    return Answer.sse(*chunks, {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})


CLAUDE = {
    "id": "msg", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": f"It is {BAD}."}], "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip


def claude_stream():
    start = {**CLAUDE, "content": [], "stop_reason": None}
    events = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
            for text in ("ZZb", "adZ", "Z")
        ),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return Answer.sse(*(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events), done=False)


ASKED = {
    "/v1/chat/completions": {"model": "m", "messages": [user("Hi")]},
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": [user("Hi")]},
    "/v1/responses": {"model": "m", "input": "Hi"},
    "/v1beta/models/m:generateContent": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    "/v1beta/models/m:streamGenerateContent": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    "claude": {**ANTHROPIC, "messages": [user("Hi")]},
}


@pytest.mark.parametrize("mode", ["buffer", "window"])
@pytest.mark.parametrize("kind", ["text", "tool"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ASKED)
def test_what_a_model_says(gateway, fake_upstream, path, stream, kind, mode):
    streams = (stream or "streamGenerate" in path) and "models/m:generate" not in path
    if path == "claude":
        vendor = claude_stream() if streams else Answer.json(CLAUDE)
    elif kind == "tool":
        vendor = tool_stream() if streams else Answer.json(TOOL_ANSWER)
    else:
        vendor = Answer.chat_stream("ZZb", "adZ", "Z") if streams else Answer.chat(f"It is {BAD}.")
    fake_upstream.answer(vendor)
    body = {**ASKED[path], "stream": True} if streams and "beta" not in path else ASKED[path]
    answer = gateway("post_call", "/v1/messages" if path == "claude" else path, body, streaming=mode)
    assert b"No bad words." in answer.body, answer.body
    if not streams or mode == "buffer":
        assert answer.status == 400
    for part in (b"ZZb", b"adZ", b'"Z"'):
        assert part not in answer.body


@pytest.mark.parametrize(
    ("path", "body", "vendor"),
    [
        ("/v1/completions", {"prompt": "Hi"}, {"choices": [{"index": 0, "message": {"content": BAD}}]}),
        ("/v1/images/generations", {"prompt": "x"}, {"created": 1, "data": [{"url": "u", "revised_prompt": BAD}]}),
        ("/openai/v1/anything", {"model": "m", "input": "Hi"}, {"output": [{"content": [{"text": BAD}]}]}),
    ],
)
def test_what_other_models_answer(gateway, fake_upstream, path, body, vendor):
    fake_upstream.answer(Answer.json(vendor))
    answer = gateway("post_call", path, {"model": "m", **body})
    assert answer.status == 400, answer.body
    assert BAD.encode() not in answer.body


CITATION = {"type": "char_location", "cited_text": BAD, "document_index": 0}
CITED = {**CLAUDE, "content": [{"type": "text", "text": "Fine.", "citations": [CITATION]}]}


def cited_stream():
    citation = {"type": "citations_delta", "citation": CITATION}
    events = [
        {"type": "message_start", "message": {**CLAUDE, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Fine."}},
        {"type": "content_block_delta", "index": 0, "delta": citation},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]
    return Answer.sse(*(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events), done=False)


@pytest.mark.parametrize("stream", [False, True])
def test_what_only_the_dialect_of_an_answer_has(gateway, fake_upstream, stream):
    fake_upstream.answer(cited_stream() if stream else Answer.json(CITED))
    answer = gateway("post_call", "/v1/messages", {**ASKED["claude"], "stream": stream})
    assert answer.status == 400, answer.body
    assert BAD.encode() not in answer.body
