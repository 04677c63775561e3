"""What is Ollama's own: options, prompts, tools, images, ids, errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tianji_core.api.errors import (
    BadGatewayError,
    BadRequestError,
    ContextWindowExceededError,
    NotFoundError,
    ServiceUnavailableError,
    UnsupportedCapabilityError,
    UnsupportedParamsError,
)
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_ollama import Ollama, OllamaChat

HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def ask(*, chat: bool = True, operation: Operation = "chat", drop: bool = False, **body: Any) -> ModelRequest:
    body.setdefault("model", "qwen3")
    if operation == "chat":
        body.setdefault("messages", HI)
    return ModelRequest(operation, body["model"], body, body.get("stream") is True, drop_params=drop)


def provider(chat: bool = True, **settings: Any) -> Ollama:
    return (OllamaChat if chat else Ollama)(ProviderSettings(model="qwen3", **settings))


def sent(chat: bool = True, **asked: Any) -> Body:
    built = provider(chat).build_request(ask(**asked))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


def answer(line: Body, operation: Operation = "chat", **asked: Any) -> Body:
    reply = UpstreamReply(200, Headers(), json.dumps(line).encode())
    found = provider().parse_response(ask(operation=operation, **asked), reply)
    assert isinstance(found, dict)
    return found


def streamed(*lines: Body, cut: int = 10_000) -> tuple[Body, Any]:
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    decoder = provider().stream_decoder(ask(stream=True))
    chunks = [c for i in range(0, len(data), cut) for c in decoder.feed(data[i : i + cut])] + decoder.finish()
    return merge_chunks(chunks), decoder


# -- requests ------------------------------------------------------------------------------------------------------


def test_parameters_become_options_and_what_is_no_option_stays_outside() -> None:
    found = sent(
        max_tokens=5, stop="END", top_k=4, num_ctx=4096, keep_alive="5m", presence_penalty=0.1, options={"mirostat": 1}
    )
    assert found["options"] == {
        "num_predict": 5,
        "stop": ["END"],
        "top_k": 4,
        "num_ctx": 4096,
        "presence_penalty": 0.1,
        "mirostat": 1,
    }
    assert found["keep_alive"] == "5m"


@pytest.mark.parametrize(
    ("model", "effort", "think"),
    [
        ("qwen3", "low", True),
        ("qwen3", "none", False),
        ("gpt-oss:20b", "minimal", "low"),
        ("gpt-oss:120b-cloud", "xhigh", "high"),
        ("library/gpt-oss", "none", "low"),
    ],
)
def test_effort_becomes_think(model: str, effort: str, think: object) -> None:
    assert sent(model=model, reasoning_effort=effort)["think"] == think
    assert sent(model=model, reasoning_effort=effort, think="medium")["think"] == "medium"


def test_what_forces_a_tool_is_refused_or_dropped() -> None:
    for choice in ("required", {"type": "function", "function": {"name": "f"}}):
        with pytest.raises(UnsupportedParamsError):
            sent(tools=[TOOL], tool_choice=choice)
        assert sent(tools=[TOOL], tool_choice=choice, drop=True)["tools"] == [TOOL]
    assert "tools" not in sent(tools=[TOOL], tool_choice="none")


def test_tool_results_say_which_tool_and_thoughts_are_kept() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    bad = {"id": "c2", "function": {"name": "g", "arguments": "{oops"}}
    found = sent(
        messages=[
            {"role": "assistant", "content": None, "tool_calls": [call, bad], "reasoning_content": "Hm."},
            {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "1"}]},
            {"role": "assistant", "function_call": {"name": "h", "arguments": ""}},
            {"role": "function", "name": "h", "content": "2"},
        ]
    )["messages"]
    assert found[0] == {
        "role": "assistant",
        "content": "",
        "images": [],
        "thinking": "Hm.",
        "tool_calls": [
            {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}},
            {"id": "c2", "function": {"name": "g", "arguments": {"invalid_json": "{oops"}}},
        ],
    }
    assert found[1] == {"role": "tool", "content": "1", "images": [], "tool_name": "f", "tool_call_id": "c1"}
    assert found[2]["tool_calls"] == [{"function": {"name": "h", "arguments": {}}}]
    assert found[3] == {"role": "tool", "content": "2", "images": [], "tool_name": "h"}


def test_a_chat_is_a_prompt_unless_tools_are_spoken_of() -> None:
    assert provider(chat=False).build_request(ask()).url.endswith("/api/generate")
    assert provider(chat=False).build_request(ask(tools=[TOOL])).url.endswith("/api/chat")
    called = [*HI, {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}]
    assert provider(chat=False).build_request(ask(messages=called)).url.endswith("/api/chat")


def test_completions_take_one_text() -> None:
    assert sent(chat=False, operation="completions", prompt=["x"], suffix="z", raw=True) == {
        "model": "qwen3",
        "prompt": "x",
        "suffix": "z",
        "raw": True,
        "stream": False,
        "options": {},
    }
    for prompt in (["a", "b"], [1, 2], [[1]]):
        with pytest.raises(BadRequestError):
            sent(chat=False, operation="completions", prompt=prompt)


def test_inputs_that_are_neither_text_nor_image_are_refused() -> None:
    with pytest.raises(UnsupportedCapabilityError):
        sent(messages=[{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}])
    with pytest.raises(BadRequestError):
        sent(
            messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}]
        )
    assert sent(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": "AAAA"}]}])["messages"] == [
        {"role": "user", "content": "", "images": ["AAAA"]}
    ]


class FakeNetwork:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        raise AssertionError("nothing is fetched")

    async def download(self, url: str, *, limit: int = 0) -> Media:
        self.asked.append(url)
        return Media("image/png", b"png")


def test_addresses_of_images_are_downloaded() -> None:
    network = FakeNetwork()
    part = {"type": "image_url", "image_url": {"url": "http://example.com/a.png"}}
    request = ask(messages=[{"role": "user", "content": [part]}])
    asyncio.run(provider().prepare(request, network))
    built = provider().build_request(request)
    assert network.asked == ["http://example.com/a.png"]
    assert isinstance(built.body, bytes)
    assert json.loads(built.body)["messages"][0]["images"] == ["cG5n"]
    asyncio.run(provider().prepare(ask(), network))
    assert len(network.asked) == 1


@pytest.mark.parametrize(
    "base", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/api/chat", "http://h:1/api/"]
)
def test_every_spelling_of_the_address_is_the_same_server(base: str) -> None:
    assert provider(api_base=base).build_request(ask()).url == "http://h:1/api/chat"


def test_the_key_is_optional() -> None:
    assert dict(provider().build_request(ask()).headers) == {"content-type": "application/json"}
    fields = dict(provider(api_key="k").build_request(ask()).headers)
    assert fields["authorization"] == "Bearer k"


# -- answers -------------------------------------------------------------------------------------------------------


def test_thinking_in_tags_is_reasoning_too() -> None:
    found = answer({"message": {"content": "<think>\nHm.\n</think>\n\nParis."}, "done": True})
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "Paris.", "reasoning_content": "Hm."}
    pieces = [{"response": piece} for piece in ("<th", "ink>Hm", ".</thi", "nk>Par", "is.")]
    merged, decoder = streamed(*pieces, {"response": "", "done": True}, cut=3)
    assert merged["choices"][0]["message"] == {"role": "assistant", "content": "Paris.", "reasoning_content": "Hm."}
    assert decoder.complete


def test_calls_without_ids_get_some_that_differ() -> None:
    call = {"function": {"name": "f", "arguments": {}}}
    line = {"created_at": "2025-01-01T00:00:00Z", "message": {"content": "", "tool_calls": [call, call]}}
    first, second = answer(line)["choices"][0]["message"]["tool_calls"]
    later = answer({**line, "created_at": "2025-01-01T00:00:01Z"})["choices"][0]["message"]["tool_calls"][0]
    assert len({first["id"], second["id"], later["id"]}) == 3
    assert first["function"]["arguments"] == "{}"


def test_calls_of_several_pieces_are_counted_on() -> None:
    pieces = [{"message": {"tool_calls": [{"id": i, "function": {"name": "f", "arguments": {"i": i}}}]}} for i in "ab"]
    merged, _ = streamed(*pieces, {"message": {"content": ""}, "done": True, "done_reason": "stop"})
    assert [call["id"] for call in merged["choices"][0]["message"]["tool_calls"]] == ["a", "b"]
    assert merged["choices"][0]["finish_reason"] == "tool_calls"


def test_an_answer_cut_off_ends_with_length() -> None:
    assert answer({"response": "x", "done_reason": "length"})["choices"][0]["finish_reason"] == "length"
    assert answer({"response": "", "done_reason": "load"})["choices"][0]["finish_reason"] == "stop"


def test_without_the_prompts_count_there_is_no_usage() -> None:
    assert "usage" not in answer({"response": "x", "eval_count": 3})
    assert answer({"response": "x", "eval_count": 3, "prompt_eval_count": 2})["usage"]["total_tokens"] == 5


def test_embeddings_in_base64() -> None:
    found = answer({"embeddings": [[1.0, -2.0]]}, "embeddings", input="x", encoding_format="base64")
    assert found["data"] == [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAMA="}]
    assert "usage" not in found
    with pytest.raises(BadGatewayError):
        answer({"embeddings": [["x"]]}, "embeddings", input="x")


# -- errors --------------------------------------------------------------------------------------------------------


def test_errors() -> None:
    def error(status: int, text: str) -> Any:
        return provider().parse_error(status, Headers(), json.dumps({"error": text}).encode())

    assert isinstance(error(404, "model 'x' not found"), NotFoundError)
    assert isinstance(
        error(503, "server busy, please try again.  maximum pending requests exceeded"), ServiceUnavailableError
    )
    for status in (400, 500):
        assert isinstance(
            error(status, "prompt too long; exceeded max context length by 4 tokens"), ContextWindowExceededError
        )


def test_an_error_in_a_stream_has_its_status_if_it_tells_one() -> None:
    _, decoder = streamed({"response": "Once"}, {"error": "not found", "status_code": 404})
    assert isinstance(decoder.error, NotFoundError)
    assert not decoder.complete


def test_a_line_without_end_is_an_error() -> None:
    decoder = provider().stream_decoder(ask(stream=True))
    for _ in range(17):
        decoder.feed(b"x" * 1024 * 1024)
    assert isinstance(decoder.error, BadGatewayError)
    assert decoder.feed(b'{"response": "x"}\n') == []
