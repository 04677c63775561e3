"""Bodies that clients may send: whatever is in them, the request is built or refused with an error of ours."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError
from tianji_core.api.provider import ModelRequest
from tianji_provider_anthropic import AnthropicProvider, AnthropicSettings

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

scalars = st.none() | st.booleans() | st.integers(-9, 9000) | st.sampled_from(["", "x", "auto", "https://x.example/a"])
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab_", max_size=3), inner)
)


def objects(**members: Any) -> Any:
    """Objects with some of these members, now and then with junk in place of what belongs there."""
    return st.fixed_dictionaries({}, optional={name: value | junk for name, value in members.items()})


def words(*values: str) -> Any:
    return st.sampled_from(values)


function = objects(name=words("f", "a b"), arguments=words("{}", "{", "[1]", ""), parameters=junk)
marker = st.just({"type": "ephemeral"})
part = objects(
    type=words("text", "image_url", "file", "thinking", "tool_use", "input_audio", "refusal"),
    text=words("hello", " "),
    image_url=objects(url=words("data:image/png;base64,AA==", "https://x.example/a.png", "data:text/plain,a")),
    file=objects(file_id=words("file_1"), file_data=words("data:,x", "AAAA"), format=words("image/png", "text/csv")),
    cache_control=marker,
)
message = objects(
    role=words("user", "assistant", "tool", "system", "function"),
    content=words("hello", "") | st.lists(part | junk, max_size=3),
    tool_calls=st.lists(objects(id=words("c1", "srvtoolu_1"), function=function), max_size=2),
    thinking_blocks=st.lists(objects(type=words("thinking", "redacted_thinking"), signature=words("s")), max_size=2),
    provider_specific_fields=objects(web_search_results=junk, compaction_blocks=junk),
    tool_call_id=words("c1", "srvtoolu_1"),
    cache_control=marker,
)
tool = objects(type=words("function", "mcp", "custom", "web_search_20250305"), function=function, input_schema=junk)
bodies = st.fixed_dictionaries(
    # The core makes sure of these types; what is inside may be anything.
    {"messages": st.lists(message, max_size=4)},
    optional={
        "tools": st.lists(tool | junk, max_size=3),
        "tool_choice": words("auto", "required", "nonsense") | objects(type=words("function", "allowed_tools", "tool")),
        "response_format": objects(type=words("json_object", "json_schema"), json_schema=objects(schema=junk)),
        "stop": st.just("x") | st.lists(scalars, max_size=2),
        "max_tokens": st.integers(-1, 5000),
        "temperature": st.floats(0, 2),
        "metadata": objects(user_id=words("u")),
        "reasoning_effort": words("low", "none", "max") | junk,
        "thinking": objects(type=words("enabled", "adaptive", "disabled"), budget_tokens=st.integers(0, 9000)) | junk,
        **dict.fromkeys(
            ("output_config", "web_search_options", "mcp_servers", "anthropic_beta", "context_management", "container"),
            junk,
        ),
    },
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(
    bodies, words("claude-sonnet-4-5", "claude-3-5-haiku-20241022", "claude-opus-5", "other"), st.booleans()
)
def test_any_body_is_built_or_refused(body: dict[str, Any], model: str, modify: bool) -> None:
    provider = AnthropicProvider(AnthropicSettings(api_key="k", modify_params=modify))
    before = json.dumps(body)
    with suppress(BadRequestError):
        built = provider.build_request(ModelRequest("chat", model, body))
        assert isinstance(built.body, bytes)
        json.loads(built.body)
        provider.stream_decoder(ModelRequest("chat", model, body))
    assert json.dumps(body) == before, "what is shared with the next attempt was changed"
