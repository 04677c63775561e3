"""Whatever the vendor sends, and whatever a client asks: an error of ours or an answer, nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tianji_core.api.errors import BadRequestError, GatewayError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import ModelRequest, ProviderSettings
from tianji_provider_replicate import Replicate

hypothesis = pytest.importorskip("hypothesis")
st = pytest.importorskip("hypothesis.strategies")

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner), max_leaves=5
)


def objects(**members: Any) -> Any:
    return st.fixed_dictionaries({}, optional={name: value | junk for name, value in members.items()})


predictions = objects(
    id=st.just("p1"),
    status=st.sampled_from(["starting", "succeeded", "failed", "canceled"]),
    output=st.lists(st.text(max_size=4)),
    error=junk,
    metrics=objects(input_token_count=st.integers(-1, 5), output_token_count=st.integers(-1, 5)),
).map(lambda value: json.dumps(value).encode())
events = st.builds(
    lambda kind, data: f"event: {kind}\ndata: {data}\n\n".encode(),
    st.sampled_from(["output", "logs", "error", "done", "", "x"]),
    st.sampled_from(["{}", '{"reason": "canceled"}', '{"reason": 5}', "<think>", "</think>", "[]"])
    | st.text(max_size=5),
)
PROVIDER = Replicate(ProviderSettings(api_key="k"))


def request(model: str = "meta/meta-llama-3-8b-instruct", **body: Any) -> ModelRequest:
    return ModelRequest("chat", model, {"model": model, "messages": [], **body}, True)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.lists(st.binary(max_size=40) | events | predictions, max_size=6))
def test_any_bytes_are_a_stream_or_an_error(pieces: list[bytes]) -> None:
    decoder = PROVIDER.stream_decoder(request())
    for piece in pieces:
        decoder.feed(piece)
    decoder.finish()
    assert decoder.error is None or isinstance(decoder.error, GatewayError)
    assert not (decoder.complete and decoder.error)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(st.binary(max_size=60) | predictions)
def test_any_body_is_an_answer_or_an_error(body: bytes) -> None:
    for operation in ("chat", "images"):
        with suppress(GatewayError):
            PROVIDER.parse_response(ModelRequest(operation, "m", {}), UpstreamReply(200, Headers(), body))
    PROVIDER.parse_error(422, Headers(), body)


@hypothesis.settings(max_examples=150, deadline=None)
@hypothesis.given(
    st.sampled_from(["meta/meta-llama-3-8b-instruct", "openai/gpt-5", "anthropic/claude-4-sonnet", "0" * 64]),
    st.lists(
        objects(
            role=st.sampled_from(["user", "assistant", "system"]),
            content=st.text(max_size=3)
            | st.lists(objects(type=st.sampled_from(["text", "image_url"]), text=junk, image_url=junk), max_size=2),
            tool_calls=junk,
        ),
        max_size=3,
    ),
    st.dictionaries(st.sampled_from(["stop", "max_tokens", "seed", "x"]), junk),
)
def test_any_request_is_built_or_refused(model: str, messages: list[Any], body: dict[str, Any]) -> None:
    before = json.dumps(messages)
    with suppress(BadRequestError):
        built = PROVIDER.build_request(request(model, messages=messages, **body))
        assert isinstance(built.body, bytes)
        json.loads(built.body)
    assert json.dumps(messages) == before
