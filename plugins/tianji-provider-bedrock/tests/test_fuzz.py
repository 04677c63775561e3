"""Bodies that clients may send, and events that the vendor may: nothing but errors of ours comes of them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_bedrock import Bedrock, BedrockSettings
from tianji_provider_bedrock.eventstream import encode
from tianji_provider_bedrock.response import ReplyContext
from tianji_provider_bedrock.stream import ConverseDecoder

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

scalars = (
    st.none() | st.booleans() | st.integers(-9, 9000) | st.sampled_from(["", "x", "auto", "s3://b/a.png", "end_turn"])
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab_", max_size=3), inner)
)


def objects(**members: Any) -> Any:
    """Objects with some of these members, now and then with junk in place of what belongs there."""
    return st.fixed_dictionaries({}, optional={name: value | junk for name, value in members.items()})


def words(*values: str) -> Any:
    return st.sampled_from(values)


function = objects(name=words("f", "a b", "1"), arguments=words("{}", "{", "[1]", ""), parameters=junk)
part = objects(
    type=words("text", "image_url", "file", "thinking", "input_audio", "refusal", "guarded_text"),
    text=words("hello", " "),
    image_url=objects(url=words("data:image/png;base64,AA==", "s3://b/a.png", "data:text/plain,a")),
    file=objects(file_id=words("s3://b/a.csv"), file_data=words("data:,x", "AAAA"), format=words("image/png")),
    cache_control=st.just({"type": "ephemeral"}),
)
message = objects(
    role=words("user", "assistant", "tool", "system", "function"),
    content=words("hello", "") | st.lists(part | junk, max_size=3),
    tool_calls=st.lists(objects(id=words("c1", "c/2"), function=function), max_size=2),
    thinking_blocks=st.lists(objects(type=words("thinking", "redacted_thinking"), signature=words("s")), max_size=2),
    tool_call_id=words("c1", "c/2"),
    cache_control=st.just({"type": "ephemeral"}),
)
tool = objects(type=words("function", "mcp", "custom", "system_tool", "bash_20250124"), function=function)
bodies = st.fixed_dictionaries(
    {"messages": st.lists(message, max_size=4)},
    optional={
        "tools": st.lists(tool | junk, max_size=3),
        "tool_choice": words("auto", "required", "none", "x") | objects(type=words("function", "none", "tool")),
        "response_format": objects(type=words("json_object", "json_schema"), json_schema=objects(schema=junk)),
        "stop": st.just("x") | st.lists(scalars, max_size=2),
        "parallel_tool_calls": st.booleans(),
        **dict.fromkeys(
            (
                "additionalModelRequestFields",
                "anthropic_beta",
                "guardrailConfig",
                "output_config",
                "outputConfig",
                "reasoning_effort",
                "service_tier",
                "thinking",
            ),
            junk,
        ),
    },
)
MODELS = ("anthropic.claude-sonnet-4-5", "anthropic.claude-3-5-sonnet-20240620-v1:0", "amazon.nova-2-lite-v1:0", "x.y")


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(bodies, words(*MODELS), st.booleans())
def test_any_body_is_built_or_refused(body: dict[str, Any], model: str, modify: bool) -> None:
    provider = Bedrock(BedrockSettings(api_key="k", modify_params=modify))
    before = json.dumps(body)
    with suppress(BadRequestError):
        built = provider.build_request(ModelRequest("chat", model, body))
        assert isinstance(built.body, bytes)
        json.loads(built.body)
        provider.stream_decoder(ModelRequest("chat", model, body))
    assert json.dumps(body) == before, "what is shared with the next attempt was changed"


EVENTS = ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "x")
use = objects(
    toolUseId=words("c"), name=words("f", "json_tool_call"), input=words("{", "}"), type=words("server_tool_use")
)
reasoning = objects(
    text=words("Hm."), signature=words("s"), redactedContent=words("a"), reasoningText=objects(text=words("Hm."))
)
inner = objects(text=words("t"), toolUse=use, reasoningContent=reasoning, citation=objects(location=junk), p=junk)
events = objects(
    contentBlockIndex=st.integers(0, 2), start=inner, delta=inner, stopReason=words("end_turn", "tool_use"), usage=junk
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(st.lists(st.tuples(words(*EVENTS), events), max_size=8), st.booleans())
def test_odd_events_raise_nothing(stream: list[tuple[str, Any]], wants_json: bool) -> None:
    decoder = ConverseDecoder(ReplyContext(json=wants_json), "bedrock")
    frames = (
        encode({":message-type": "event", ":event-type": kind}, json.dumps(event).encode()) for kind, event in stream
    )
    chunks = [chunk for frame in frames for chunk in decoder.feed(frame)] + decoder.finish()
    merge_chunks(chunks)
    json.dumps(chunks)


answers = objects(
    output=objects(message=objects(content=st.lists(inner | junk, max_size=3))), usage=junk, stopReason=junk, trace=junk
)


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(answers, words("chat", "embeddings", "rerank", "images"))
def test_odd_answers_are_errors_of_ours(answer: Any, operation: Any) -> None:
    provider = Bedrock(BedrockSettings(api_key="k"))
    reply = UpstreamReply(200, Headers(), json.dumps(answer).encode())
    with suppress(GatewayError, ValueError):
        json.dumps(provider.parse_response(ModelRequest(operation, "x.y", {"messages": [], "input": "a"}), reply))
