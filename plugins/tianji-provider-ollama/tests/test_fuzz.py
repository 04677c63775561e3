"""Whatever a client asks and a server sends: an error of ours or an answer, nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_provider_ollama import Ollama, OllamaChat

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner), max_leaves=5
)


def objects(**members: Any) -> Any:
    return st.fixed_dictionaries({}, optional={name: value | junk for name, value in members.items()})


call = objects(id=st.sampled_from(["a", ""]), function=objects(name=st.just("f"), arguments=junk))
message = objects(
    content=st.sampled_from(["x", "<think>", "</think>y"]), thinking=st.text(max_size=3), tool_calls=st.lists(call)
)
lines = objects(
    model=st.just("m"),
    created_at=st.just("t"),
    message=message,
    response=st.text(max_size=5),
    done=st.booleans(),
    done_reason=st.sampled_from(["stop", "length"]),
    logprobs=junk,
    prompt_eval_count=st.integers(-1, 9),
    eval_count=st.integers(-1, 9),
    error=st.text(max_size=3),
    status_code=st.integers(0, 999),
)
asked = st.fixed_dictionaries(
    {
        "messages": st.lists(
            objects(
                role=st.sampled_from(["user", "assistant", "tool", "function", "system"]),
                content=st.text(max_size=3)
                | st.lists(objects(type=st.sampled_from(["text", "image_url"]), text=junk, image_url=junk), max_size=2),
                tool_calls=st.lists(call, max_size=2),
                function_call=junk,
                tool_call_id=junk,
                reasoning_content=junk,
            ),
            max_size=3,
        )
    },
    optional=dict.fromkeys(
        ("tools", "tool_choice", "response_format", "reasoning_effort", "stop", "options", "think", "format"), junk
    ),
)
OURS = Ollama(ProviderSettings())


def request(**body: Any) -> ModelRequest:
    return ModelRequest("chat", "m", {"model": "m", "messages": [], **body}, True)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.lists(st.binary(max_size=60) | lines.map(lambda v: json.dumps(v).encode() + b"\n"), max_size=6))
def test_any_bytes_are_a_stream_or_an_error(pieces: list[bytes]) -> None:
    decoder = OURS.stream_decoder(request())
    for piece in pieces:
        decoder.feed(piece)
    decoder.finish()
    assert decoder.error is None or isinstance(decoder.error, GatewayError)
    assert not (decoder.complete and decoder.error)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.binary(max_size=60) | (lines | junk).map(lambda v: json.dumps(v).encode()))
def test_any_body_is_an_answer_or_an_error(body: bytes) -> None:
    for operation in ("chat", "completions", "embeddings"):
        with suppress(GatewayError):
            OURS.parse_response(ModelRequest(operation, "m", {}), UpstreamReply(200, Headers(), body))


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(asked, st.booleans())
def test_any_request_is_built_or_refused(body: dict[str, Any], drop: bool) -> None:
    before = json.dumps(body)
    for cls in (Ollama, OllamaChat):
        with suppress(BadRequestError):
            built = cls(ProviderSettings()).build_request(
                ModelRequest("chat", "m", {"model": "m", **body}, drop_params=drop)
            )
            assert isinstance(built.body, bytes)
            json.loads(built.body)
    assert json.dumps(body) == before
