"""Clients of other dialects on OpenAI's models: what goes through the Responses API, and comes back through it."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer

KEY = "sk-contract-0123456789abcdef"
HEADERS = {"authorization": f"Bearer {KEY}"}
REASONING = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "Hm."}],
    "encrypted_content": "ENC",
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-5",
    "status": "completed",
    "output": [REASONING, CALL],
    "usage": {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12},
}
ASK = {
    "model": "m",
    "max_tokens": 100,
    "tools": [{"name": "f", "input_schema": {"type": "object"}}],
    "messages": [{"role": "user", "content": "Hi"}],
}


def events():
    at = {"output_index": 0, "item_id": "rs_1"}
    return [
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", **at, "item": {**REASONING, "summary": []}},
        {"type": "response.reasoning_summary_text.delta", **at, "summary_index": 0, "delta": "Hm."},
        {"type": "response.output_item.done", **at, "item": REASONING},
        {"type": "response.output_item.added", "output_index": 1, "item": {**CALL, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"a":1}'},
        {"type": "response.output_item.done", "output_index": 1, "item": CALL},
        {"type": "response.completed", "response": RESPONSE},
    ]


def scripted(request):
    if request.path.endswith("/messages"):
        usage = {"input_tokens": 1, "output_tokens": 1}
        text = [{"type": "text", "text": "Hi"}]
        return Answer.json({"id": "msg_1", "type": "message", "role": "assistant", "content": text, "usage": usage})
    if not request.path.endswith("/responses"):
        return Answer.chat()
    return Answer.sse(*events(), done=False) if request.json().get("stream") else Answer.json(RESPONSE)


@pytest.fixture
def config(fake_upstream):
    fake_upstream.answer(script=scripted)

    def made(model="openai/gpt-5", info=None, **settings):
        params = {"model": model, "api_base": fake_upstream.base, "api_key": "sk-up"}
        other = {"model": "anthropic/claude-sonnet-4-5", "api_base": fake_upstream.url, "api_key": "sk-up"}
        return {
            "model_list": [
                {"model_name": "m", "litellm_params": params, "model_info": info or {}},
                {"model_name": "claude", "litellm_params": other},
            ],
            "litellm_settings": settings,
            "general_settings": {"master_key": KEY},
        }

    return made


@pytest.fixture
def post(serving):
    """Posts to a gateway with this config, one body after the other; each may be made from the answer before."""

    def run(config, path, *bodies):
        async def main():
            answers = []
            async with serving(config) as client:
                for body in bodies:
                    asked = body(answers[0]) if callable(body) else body
                    answers.append(await client.post(path, asked, headers=HEADERS))
            return answers

        return asyncio.run(main())

    return run


def answered(blocks):
    result = [{"type": "tool_result", "tool_use_id": "call_1", "content": "42"}]
    turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": result}]
    return {**ASK, "messages": ASK["messages"] + turns}


def streamed_blocks(text):
    """The content blocks of a streamed message, as a client puts them together."""
    blocks = []
    for line in text.splitlines():
        event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
        if event.get("type") == "content_block_start":
            blocks.append({**event["content_block"], "input": ""})
        for key, value in (event.get("delta") or {}).items():
            into = {"partial_json": "input"}.get(key, key)
            if into in ("thinking", "signature", "input"):
                blocks[-1][into] += value
    for block in blocks:
        given = block.pop("input")
        if block["type"] == "tool_use":
            block["input"] = json.loads(given)
    return blocks


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_survives_a_tool_loop_of_a_messages_client(post, config, fake_upstream, stream):
    def blocks(first):
        return streamed_blocks(first.body.decode()) if stream else first.json()["content"]

    answers = post(
        config(),
        "/v1/messages",
        {**ASK, "stream": stream},
        lambda first: answered(blocks(first)),
        lambda first: {**answered(blocks(first)), "model": "claude"},
    )
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [block["type"] for block in blocks(answers[0])] == ["thinking", "tool_use"]
    _, second, foreign = (request.json() for request in fake_upstream.requests)
    assert [item["type"] for item in second["input"]] == [
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert second["input"][1] == {name: REASONING[name] for name in ("type", "summary", "encrypted_content")}
    assert [block["type"] for block in foreign["messages"][1]["content"]] == ["tool_use"]


def test_chat_is_asked_where_the_config_wants_it(post, config, fake_upstream):
    (answer,) = post(config(use_chat_completions_url_for_anthropic_messages=True), "/v1/messages", ASK)
    assert answer.status == 200
    assert [request.path for request in fake_upstream.requests] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    ("model", "info", "path"),
    [
        ("openai/gpt-5", None, "/v1/chat/completions"),
        ("openai/gpt-5", {"mode": "chat"}, "/v1/chat/completions"),
        ("openai/gpt-5", {"mode": "responses"}, "/v1/responses"),
        ("openai/responses/gpt-5", None, "/v1/responses"),
        ("openai/gpt-5-pro", None, "/v1/responses"),
    ],
    ids=["chat", "mode-chat", "mode-responses", "prefix", "family"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_clients_of_chat(post, config, fake_upstream, model, info, path, stream):
    body = {"model": "m", "messages": ASK["messages"], "stream": stream}
    fake_upstream.answer(script=lambda r: Answer.chat_stream("Hi") if stream and "chat" in r.path else scripted(r))
    (answer,) = post(config(model, info), "/v1/chat/completions", body)
    assert answer.status == 200
    (request,) = fake_upstream.requests
    assert request.path == path
    if path.endswith("/responses"):
        assert request.json()["model"] == model.rpartition("/")[2]
        if stream:
            assert answer.body.decode().endswith("data: [DONE]\n\n")
            assert '"finish_reason":"tool_calls"' in answer.body.decode()
        else:
            assert answer.json()["choices"][0]["message"]["tool_calls"][0]["id"] == "call_1"


def test_failures_in_a_stream_reach_a_messages_client(post, config, fake_upstream):
    failed = {"type": "response.failed", "response": {"error": {"code": "server_error", "message": "Oops"}}}

    fake_upstream.answer(Answer.sse(*events()[:3], failed, done=False))
    (answer,) = post(config(), "/v1/messages", {**ASK, "stream": True})
    assert "event: error" in answer.body.decode()
    assert "Oops" in answer.body.decode()
    assert "message_stop" not in answer.body.decode()


SINK = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        wants_content = True
        records = []
        async def on_call(self, record):
            self.records.append(record)

    sink = Sink()
"""


@pytest.mark.parametrize("stream", [False, True])
def test_records_of_calls_that_are_not_translated_hold_the_answer_as_chat(serving, config, config_beside, stream):
    path = config_beside(config(callbacks=["sink.sink"]), sink=SINK)

    async def main():
        async with serving(path) as client:
            asked = {"model": "m", "input": "Hi", "stream": stream}
            answer = await client.post("/v1/responses", asked, headers=HEADERS)
            return answer, client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback

    answer, sink = asyncio.run(main())
    assert answer.status == 200
    (record,) = sink.records
    message = record.response["choices"][0]["message"]
    assert (message["reasoning_content"], message["tool_calls"][0]["id"]) == ("Hm.", "call_1")


def test_tools_that_run_at_openai_go_there_and_nowhere_else(post, config, fake_upstream):
    tools = [{"type": "code_interpreter", "container": {"type": "auto"}}, {"type": "mcp", "server_label": "x"}]
    asked = {"model": "m", "input": "Hi", "tools": tools}
    answers = post(config(), "/v1/responses", asked, {**asked, "model": "claude"})
    assert [answer.status for answer in answers] == [200, 400]
    assert "another vendor" in answers[1].json()["error"]["message"]
    (request,) = fake_upstream.requests
    assert request.json()["tools"] == tools


def test_tools_that_run_at_anthropic_go_there_and_nowhere_else(post, config, fake_upstream):
    tools = [{"type": "bash_20250124", "name": "bash"}]
    answers = post(config(), "/v1/messages", {**ASK, "tools": tools}, {**ASK, "tools": tools, "model": "claude"})
    assert [answer.status for answer in answers] == [400, 200]
    (request,) = fake_upstream.requests
    assert request.json()["tools"] == tools
