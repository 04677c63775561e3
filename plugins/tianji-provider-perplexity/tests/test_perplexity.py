"""What Perplexity does otherwise than OpenAI."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tianji_core.api.errors import AuthenticationError
from tianji_core.api.http import Headers, UpstreamReply
from tianji_core.api.provider import Body, ModelRequest, Operation, ProviderSettings
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_perplexity import Perplexity

SAMPLES = Path(__file__).parent / "samples"
NAMES = ("choices", "citations", "search_results", "usage", "data")
INSIDE = ("message", "delta", "content", "finish_reason", "url", "title", "cost", "embedding", "reasoning_tokens")


def perplexity() -> Perplexity:
    return Perplexity(ProviderSettings(api_key="k"))


def parsed(name: str, model: str = "sonar-pro", operation: Operation = "chat") -> Body:
    reply = UpstreamReply(200, Headers(), (SAMPLES / f"{name}.response.json").read_bytes())
    body = perplexity().parse_response(ModelRequest(operation, model, {}), reply)
    assert isinstance(body, dict)
    return body


def streamed(name: str, model: str) -> tuple[Body, list[Body]]:
    decoder = perplexity().stream_decoder(ModelRequest("chat", model, {}, stream=True))
    chunks = decoder.feed((SAMPLES / f"{name}.stream.sse").read_bytes()) + decoder.finish()
    assert decoder.complete
    return merge_chunks(chunks), chunks


def spans(message: Body) -> list[tuple[str, str]]:
    found = [annotation["url_citation"] for annotation in message["annotations"]]
    return [(message["content"][c["start_index"] : c["end_index"]], c["title"]) for c in found]


def test_sources_become_annotations() -> None:
    wanted = [("[1]", "A"), ("[2]", "https://b.example.com/")]
    assert spans(parsed("chat")["choices"][0]["message"]) == wanted
    merged, chunks = streamed("chat", "sonar-pro")
    assert spans(merged["choices"][0]["message"]) == wanted
    assert all("message" not in choice for chunk in chunks for choice in chunk["choices"])
    assert parsed("chat")["citations"] == ["https://a.example.com/", "https://b.example.com/"]


def test_thinking_is_taken_out_of_the_text() -> None:
    for message in (
        parsed("reasoning", "sonar-reasoning-pro")["choices"][0]["message"],
        streamed("reasoning", "sonar-reasoning-pro")[0]["choices"][0]["message"],
    ):
        assert message["reasoning_content"].strip() == "France. So Paris."
        assert message["content"] == "Paris[1]."
        assert spans(message) == [("[1]", "A")]


def test_costs_are_dollars() -> None:
    usage = parsed("chat")["usage"]
    assert usage["cost"] == 0.006
    assert usage["cost_details"]["request_cost"] == 0.006
    assert streamed("chat", "sonar-pro")[0]["usage"]["cost"] == 0.006


def test_reasoning_is_counted_apart() -> None:
    usage: Body = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "reasoning_tokens": 30}
    perplexity().patch_chunk({"choices": [], "usage": usage})
    assert (usage["completion_tokens"], usage["total_tokens"]) == (35, 45)
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 30}


def test_vectors_are_unpacked() -> None:
    data = parsed("embeddings", "pplx-embed-v1-0.6b", "embeddings")["data"]
    assert data[0]["embedding"] == [1.0, -1.0, 0.0]


def test_reasoning_does_not_go_back() -> None:
    message = {"role": "assistant", "content": "x", "reasoning_content": "because"}
    built = perplexity().build_request(ModelRequest("chat", "m", {"model": "m", "messages": [message]}))
    assert isinstance(built.body, bytes)
    assert json.loads(built.body)["messages"] == [{"role": "assistant", "content": "x"}]


def test_a_bad_key_is_answered_with_a_page() -> None:
    error = perplexity().parse_error(401, Headers(), b"<html><head><title>401</title></head></html>")
    assert isinstance(error, AuthenticationError)
    assert "<" not in error.message


def nested(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just("a[1][2]"))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(INSIDE), inner, max_size=4)
        ),
        max_leaves=8,
    )


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional={name: nested(NAMES) for name in NAMES if name != "choices"}), st.data())
def test_no_chunk_is_too_odd(chunk: Body, data: st.DataObject) -> None:
    chunk["choices"] = data.draw(st.lists(nested(NAMES), max_size=3))
    perplexity().patch_chunk(chunk)
