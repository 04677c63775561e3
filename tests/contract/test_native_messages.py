"""Clients of Anthropic's Messages on Claude of other hosts: what they send goes out untranslated, but for what a host
wants otherwise, and comes back as the vendor said it.
"""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from tianji_core.testing import Answer
from tianji_provider_bedrock.eventstream import encode

KEY = "sk-contract-0123456789abcdef"
HEADERS = {"authorization": f"Bearer {KEY}"}
MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
BEDROCK = f"/model/us.{MODEL.replace(':', '%3A')}"
VERTEX = "/v1/projects/p/locations/us-east5/publishers/anthropic/models"
USAGE = {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 0}
MESSAGE = {
    "id": "msg_vendor_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Hello", "vendor": {"says": None}},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
METRICS = {"inputTokenCount": 5, "outputTokenCount": 7}
EVENTS = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "usage": {**USAGE, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
]
ASK = {
    "model": "m",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi", "citations": {"enabled": True}}]}],
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "vendor_only": {"x": [1, None]},
}
HOSTS = {
    "bedrock": {
        "model": f"bedrock/us.{MODEL}",
        "aws_access_key_id": "AKIAEXAMPLE",
        "aws_secret_access_key": "secret-0123",
        "aws_region_name": "us-east-1",
    },
    "vertex_ai": {
        "model": "vertex_ai/claude-sonnet-4-5@20250929",
        "vertex_project": "p",
        "vertex_location": "us-east5",
    },
    "azure_ai": {"model": "azure_ai/claude-sonnet-4-5"},
    "anthropic": {"model": "anthropic/claude-sonnet-4-5"},
}


def frame(event):
    """An event as Bedrock packs it."""
    if event["type"] == "message_stop":
        event = {**event, "amazon-bedrock-invocationMetrics": METRICS}
    payload = {"bytes": base64.b64encode(json.dumps(event).encode()).decode(), "p": "abcd"}
    return encode({":message-type": "event", ":event-type": "chunk"}, json.dumps(payload).encode())


def packed(*frames):
    kind = (("content-type", "application/vnd.amazon.eventstream"),)
    data = b"".join(frames)
    return Answer(200, kind, pieces=[data[at : at + 37] for at in range(0, len(data), 37)])


def scripted(request):
    """All the hosts; what they answer with is the same."""
    asked, path = request.json(), request.path
    if "count" in request.target:
        return Answer.json({"inputTokens": 42} if path.endswith("/count-tokens") else {"input_tokens": 42})
    if path.endswith("/invoke-with-response-stream"):
        return packed(*map(frame, EVENTS))
    if asked.get("stream"):
        return Answer.sse(*(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in EVENTS), done=False)
    return Answer.json(MESSAGE)


@pytest.fixture
def config(fake_upstream):
    fake_upstream.answer(script=scripted)

    def made(host, info=None, guardrails=(), **params):
        address = {"aws_bedrock_runtime_endpoint": fake_upstream.url} if host == "bedrock" else {}
        address = address or {"api_base": fake_upstream.url, "api_key": "sk-up-0123"}
        return {
            "model_list": [{"model_name": "m", "litellm_params": {**HOSTS[host], **address, **params}}],
            "general_settings": {"master_key": KEY},
            "router_settings": {"num_retries": 0},
            "guardrails": list(guardrails),
        }

    return made


@pytest.fixture
def post(serving):
    def run(config, body, path="/v1/messages", **headers):
        fields = {**HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}

        async def main():
            async with serving(config) as client:
                return await client.post(path, body, headers=fields)

        return asyncio.run(main())

    return run


def events_of(answer):
    """The events of a stream in Anthropic's framing."""
    found = []
    for block in answer.body.decode().strip().split("\n\n"):
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


@pytest.mark.parametrize("host", HOSTS)
def test_a_message_goes_out_and_comes_back_untranslated(config, post, fake_upstream, host):
    answer = post(config(host), ASK)
    assert answer.status == 200, answer.body
    assert answer.json() == {**MESSAGE, "model": "m"}
    (sent,) = fake_upstream.requests
    body = sent.json()
    wanted = {name: value for name, value in ASK.items() if name != "model"}
    if host == "bedrock":
        assert sent.target == f"{BEDROCK}/invoke"
        assert body == {**wanted, "anthropic_version": "bedrock-2023-05-31"}
        assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    elif host == "vertex_ai":
        assert sent.target == f"{VERTEX}/claude-sonnet-4-5@20250929:rawPredict"
        assert body == {**wanted, "anthropic_version": "vertex-2023-10-16"}
    else:
        assert sent.target == ("/anthropic/v1/messages" if host == "azure_ai" else "/v1/messages")
        assert body == {**wanted, "model": "claude-sonnet-4-5"}
        assert sent.headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize("host", HOSTS)
def test_a_stream_comes_as_the_vendor_made_it(config, post, fake_upstream, host):
    answer = post(config(host), {**ASK, "stream": True})
    assert answer.status == 200, answer.body
    started = {**EVENTS[0]["message"], "model": "m"}
    assert events_of(answer) == [{**EVENTS[0], "message": started}, *EVENTS[1:]]
    (sent,) = fake_upstream.requests
    if host == "bedrock":
        assert sent.target == f"{BEDROCK}/invoke-with-response-stream"
        assert "stream" not in sent.json()
    elif host == "vertex_ai":
        assert sent.target == f"{VERTEX}/claude-sonnet-4-5@20250929:streamRawPredict?alt=sse"
        assert sent.json()["stream"] is True


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("stream", [False, True])
def test_usage_and_answers_reach_the_records(config, post, config_beside, fake_upstream, host, stream):
    source = """
        from tianji_core.api.callback import Callback

        class Keep(Callback):
            wants_content = True

            async def on_call(self, record):
                import json, pathlib
                told = {"usage": dict(record.usage or {}), "response": record.response}
                pathlib.Path(__file__).with_name("told.json").write_text(json.dumps(told))

        keep = Keep()
    """
    path = config_beside({**config(host), "litellm_settings": {"callbacks": ["keeper.keep"]}}, keeper=source)
    assert post(path, {**ASK, "stream": stream}).status == 200
    told = json.loads(path.with_name("told.json").read_text())
    assert (told["usage"]["prompt_tokens"], told["usage"]["completion_tokens"]) == (8, 7)
    assert told["usage"]["prompt_tokens_details"]["cached_tokens"] == 3
    assert told["response"]["choices"][0]["message"]["content"] == "Hello"


def test_a_host_that_is_told_converse_is_spoken_to_by_converse(config, post, fake_upstream):
    fake_upstream.answer(
        Answer.json(
            {
                "output": {"message": {"content": [{"text": "Hi"}]}},
                "stopReason": "end_turn",
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
            }
        )
    )
    answer = post(config("bedrock", model=f"bedrock/converse/us.{MODEL}"), ASK)
    assert answer.json()["content"][0]["text"] == "Hi"
    assert fake_upstream.requests[0].target == f"{BEDROCK}/converse"


CLAUDE_CODE = "claude-code-20250219,context-1m-2025-08-07,prompt-caching-scope-2026-01-05,advanced-tool-use-2025-11-20"


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_gets_the_beta_features_that_it_knows(config, post, fake_upstream, host):
    scoped = {"type": "text", "text": "Be terse.", "cache_control": {"type": "ephemeral", "scope": "global"}}
    post(config(host), {**ASK, "system": [scoped]}, anthropic_beta=CLAUDE_CODE)
    (sent,) = fake_upstream.requests
    asked = sent.json()
    if host in ("anthropic", "azure_ai"):
        assert sent.headers["anthropic-beta"] == CLAUDE_CODE
        assert asked["system"] == [scoped]
        return
    known = ["context-1m-2025-08-07", "tool-search-tool-2025-10-19"]
    assert asked["system"][0]["cache_control"] == {"type": "ephemeral"}
    if host == "bedrock":
        assert asked["anthropic_beta"] == known
        assert "anthropic-beta" not in sent.headers
    else:
        assert sent.headers["anthropic-beta"] == ",".join(known)


@pytest.mark.parametrize("host", HOSTS)
def test_prompts_are_counted_by_the_vendor(config, post, fake_upstream, host):
    asked = {name: ASK[name] for name in ("model", "messages", "system", "thinking")}
    answer = post(config(host, temperature=0.5), asked, "/v1/messages/count_tokens")
    assert answer.json() == {"input_tokens": 42, "litellm_count_source": "provider"}
    (sent,) = fake_upstream.requests
    body = sent.json()
    if host == "bedrock":
        assert sent.path == f"/model/{MODEL.replace(':', '%3A')}/count-tokens"
        body = json.loads(base64.b64decode(body["input"]["invokeModel"]["body"]))
        assert body.pop("max_tokens") == 1
    elif host == "vertex_ai":
        assert sent.target == f"{VERTEX}/count-tokens:rawPredict"
        assert body.pop("model") == "claude-sonnet-4-5@20250929"
    else:
        assert sent.path.endswith("/v1/messages/count_tokens")
    assert {name: body[name] for name in ("messages", "system")} == {
        name: asked[name] for name in ("messages", "system")
    }
    assert "max_tokens" not in body
    assert "stream" not in body


def test_a_guardrail_of_the_vendor_holds_for_native_requests_too(config, post, fake_upstream):
    guard = {"guardrailIdentifier": "g-1", "guardrailVersion": "2"}
    asked = {**ASK, "guardrailConfig": {"guardrailIdentifier": "none"}, "service_tier": "standard_only"}
    assert post(config("bedrock", guardrailConfig=guard), asked).status == 200
    (sent,) = fake_upstream.requests
    assert sent.headers["x-amzn-bedrock-guardrailidentifier"] == "g-1"
    assert sent.headers["x-amzn-bedrock-guardrailversion"] == "2"
    assert sent.headers["x-amzn-bedrock-service-tier"] == "default"
    assert not {"guardrailConfig", "service_tier"} & set(sent.json())


@pytest.mark.parametrize("host", HOSTS)
def test_what_a_row_says_holds_for_native_requests_too(config, post, fake_upstream, host):
    row = {"temperature": 0.5, "stop": ["x"], "top_k": 7, "additional_drop_params": ["vendor_only"]}
    post(config(host, **row), {**ASK, "additional_drop_params": ["thinking.budget_tokens"]})
    (sent,) = fake_upstream.requests
    body = sent.json()
    assert (body["temperature"], body["top_k"]) == (0.5, 7)
    assert body["thinking"] == {"type": "enabled"}
    assert not {"stop", "vendor_only", "additional_drop_params"} & set(body)


ERRORS = {
    "bedrock": {"message": "Too many requests."},
    "vertex_ai": {"error": {"code": 429, "message": "Too many requests.", "status": "RESOURCE_EXHAUSTED"}},
    "azure_ai": {"error": {"code": "429", "message": "Too many requests."}},
    "anthropic": {"type": "error", "error": {"type": "rate_limit_error", "message": "Too many requests."}},
}


@pytest.mark.parametrize("host", HOSTS)
def test_errors_are_told_in_the_dialect(config, post, fake_upstream, host):
    fake_upstream.answer(Answer.json(ERRORS[host], 429))
    answer = post(config(host), {**ASK, "stream": True})
    assert answer.status == 429
    assert answer.json() == {"type": "error", "error": {"type": "rate_limit_error", "message": "Too many requests."}}


@pytest.mark.parametrize("host", HOSTS)
def test_an_error_inside_a_stream(config, post, fake_upstream, host):
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    if host == "bedrock":
        fake_upstream.answer(packed(*map(frame, EVENTS[:3]), frame(error)))
    else:
        fake_upstream.answer(Answer.sse(*EVENTS[:3], error, done=False))
    events = [line for line in post(config(host), {**ASK, "stream": True}).body.decode().split("\n\n") if line]
    last = json.loads(events[-1].rpartition("data: ")[2])
    assert last == error
    assert "message_stop" not in events[-2]


def test_an_exception_among_the_frames_of_bedrock(config, post, fake_upstream):
    told = encode(
        {":message-type": "exception", ":exception-type": "throttlingException"},
        json.dumps({"message": "Slow"}).encode(),
    )
    fake_upstream.answer(packed(*map(frame, EVENTS[:3]), told))
    last = post(config("bedrock"), {**ASK, "stream": True}).body.decode().strip().split("\n\n")[-1]
    assert json.loads(last.rpartition("data: ")[2])["error"] == {"type": "rate_limit_error", "message": "Slow"}
    fake_upstream.answer(packed(told))
    answer = post(config("bedrock"), {**ASK, "stream": True})
    assert (answer.status, answer.json()["error"]["message"]) == (429, "Slow")


@pytest.mark.parametrize("end", [b"", b"\x00" * 40])
def test_a_stream_of_bedrock_that_breaks_off(config, post, fake_upstream, end):
    fake_upstream.answer(packed(*map(frame, EVENTS[:3]), end))
    last = post(config("bedrock"), {**ASK, "stream": True}).body.decode().strip().split("\n\n")[-1]
    assert last.startswith("event: error\n")


@pytest.mark.parametrize("stream", [False, True])
def test_a_guardrail_sees_native_answers_of_bedrock(config, post, config_beside, fake_upstream, stream):
    source = """
        from tianji_core.api.guardrail import Allow, Block, Guardrail

        class NoHello(Guardrail):
            stages = frozenset({"post_call"})

            def __init__(self, settings):
                pass

            async def check(self, stage, payload):
                said = payload.response["choices"][0]["message"]["content"]
                return Block("No greetings.") if "Hello" in said else Allow()
    """
    guard = {
        "guardrail_name": "g",
        "litellm_params": {"guardrail": "guards.NoHello", "mode": "post_call", "default_on": True},
    }
    path = config_beside(config("bedrock", guardrails=[guard]), guards=source)
    answer = post(path, {**ASK, "stream": stream})
    assert answer.status == 400, answer.body
    assert "No greetings." in answer.json()["error"]["message"]


@pytest.mark.parametrize("host", ["bedrock", "vertex_ai"])
def test_pictures_at_addresses_are_fetched_for_hosts_that_do_not(config, post, fake_upstream, host, monkeypatch):
    from tianji_core.api.http import Media
    from tianji_core.gateway.network import GatewayNetwork

    async def download(self, url, *, limit=0):
        return Media("image/jpg", b"bytes")

    monkeypatch.setattr(GatewayNetwork, "download", download)
    picture = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.jpg"}, "cache_control": {"a": 1}}
    asked = [{"type": "tool_result", "tool_use_id": "t", "content": [picture]}, picture]
    post(config(host), {**ASK, "messages": [{"role": "user", "content": asked}]})
    source = {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(b"bytes").decode()}
    sent = fake_upstream.requests[0].json()["messages"][0]["content"]
    assert sent == [
        {"type": "tool_result", "tool_use_id": "t", "content": [{**picture, "source": source}]},
        {**picture, "source": source},
    ]
