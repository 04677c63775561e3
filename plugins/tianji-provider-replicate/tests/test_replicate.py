"""What is Replicate's own: names of models, inputs, polling, canceling, streams, files, errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tianji_core.api.errors import (
    APIConnectionError,
    BadGatewayError,
    BadRequestError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    UnsupportedCapabilityError,
    UnsupportedParamsError,
)
from tianji_core.api.http import Headers, Media, UpstreamReply, UpstreamRequest
from tianji_core.api.provider import Body, ModelRequest, ProviderSettings
from tianji_core.translate.chunks import merge_chunks
from tianji_provider_replicate import Replicate

HASH = "02e509c789964a7ea8736978a43525956ef40397be9033abf9fd2badfe68c9e3"
LLAMA = "meta/meta-llama-3-8b-instruct"
HI = [{"role": "user", "content": "Hi"}]


def provider(**settings: Any) -> Replicate:
    return Replicate(ProviderSettings(api_key="k", **settings))


def chat(model: str = LLAMA, *, stream: bool = False, drop: bool = False, **body: Any) -> ModelRequest:
    return ModelRequest("chat", model, {"model": model, "messages": HI, **body}, stream, drop_params=drop)


def sent(model: str = LLAMA, **asked: Any) -> Body:
    built = provider().build_request(chat(model, **asked))
    assert isinstance(built.body, bytes)
    found: Body = json.loads(built.body)
    return found


def prediction(status: str, output: Any = None, **more: Any) -> UpstreamReply:
    urls = {"stream": "https://stream.replicate.com/v1/files/p1", "get": "https://evil.example/p1"}
    body = {"id": "p1", "status": status, "output": output, "urls": urls, **more}
    return UpstreamReply(200, Headers(), json.dumps(body).encode())


class FakeNetwork:
    """Gives the answers it is told to, in order; an error is raised, a callable is asked."""

    def __init__(self, *answers: UpstreamReply | Exception | Callable[[], UpstreamReply]) -> None:
        self.answers = list(answers)
        self.asked: list[UpstreamRequest] = []

    async def fetch(self, request: UpstreamRequest, *, timeout: float = 60.0, limit: int = 0) -> UpstreamReply:
        self.asked.append(request)
        if request.url.endswith("/cancel"):
            return prediction("canceled")
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    async def download(self, url: str, *, limit: int = 0) -> Media:
        raise AssertionError("no client names an address")

    @property
    def urls(self) -> list[str]:
        return [
            f"{request.method} {request.url.removeprefix('https://api.replicate.com/v1')}" for request in self.asked
        ]


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; none takes any time."""
    made: list[float] = []

    async def pause(seconds: float) -> None:
        made.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(Replicate, "pause", staticmethod(pause))
    return made


def follow(network: FakeNetwork, request: ModelRequest | None = None, first: UpstreamReply | None = None) -> Any:
    async def run() -> Any:
        try:
            return await provider().follow(request or chat(), first or prediction("starting"), network)
        finally:
            await asyncio.sleep(0)  # what goes on in the background
            await asyncio.sleep(0)

    return asyncio.run(run())


# -- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        (LLAMA, f"/models/{LLAMA}/predictions", None),
        (f"meta/llama-2-70b-chat:{HASH}", "/predictions", HASH),
        (HASH, "/predictions", HASH),
        ("deployments/acme/chatty", "/deployments/acme/chatty/predictions", None),
    ],
)
def test_a_name_says_where_the_prediction_is_made(model: str, path: str, version: str | None) -> None:
    assert provider().build_request(chat(model)).url == f"https://api.replicate.com/v1{path}"
    assert sent(model).get("version") == version


@pytest.mark.parametrize("model", ["", "llama", "a/b/c", "a/..", "../b", "a/b:v1", f"a/b:{HASH}0", "a/b\n"])
def test_other_names_are_refused(model: str) -> None:
    with pytest.raises(BadRequestError):
        provider().build_request(chat(model))


def test_llama_gets_its_template_once() -> None:
    found = sent(
        messages=[{"role": "developer", "content": "Be terse."}, *HI], max_tokens=5, stop=["END", "\n\n"], top_k=3
    )
    assert found["input"] == {
        "prompt": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe terse.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "prompt_template": "{prompt}",
        "max_new_tokens": 5,
        "stop_sequences": "END,\n\n",
        "top_k": 3,
    }
    assert sent(prompt_template="[{prompt}]")["input"]["prompt_template"] == "[{prompt}]"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("openai/gpt-4o", {"messages": [{"role": "system", "content": "S"}, *HI], "max_completion_tokens": 5}),
        ("anthropic/claude-4-sonnet", {"prompt": "Hi", "system_prompt": "S", "max_tokens": 5}),
        ("google/gemini-2.5-flash", {"prompt": "Hi", "system_instruction": "S", "max_output_tokens": 5}),
        ("deepseek-ai/deepseek-r1", {"prompt": "S\n\nHi", "max_tokens": 5}),
        ("meta/llama-2-70b-chat", {"prompt": "S\n\nHi", "max_new_tokens": 5}),
        (HASH, {"prompt": "S\n\nHi", "max_new_tokens": 5}),
    ],
)
def test_inputs_have_the_names_of_the_model(model: str, expected: Body) -> None:
    assert sent(model, messages=[{"role": "system", "content": "S"}, *HI], max_tokens=5)["input"] == expected


def test_streams_are_asked_for() -> None:
    assert sent(stream=True)["stream"] is True
    assert "stream" not in sent()


def test_a_comma_in_a_stop_sequence_is_refused_or_dropped() -> None:
    with pytest.raises(UnsupportedParamsError):
        sent(stop=["a,b", "c"])
    assert sent(stop=["a,b", "c"], drop=True)["input"]["stop_sequences"] == "c"
    assert "stop_sequences" not in sent(stop="a,b", drop=True)["input"]


def test_what_a_model_cannot_see_is_refused() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    asked = [{"role": "user", "content": [picture]}]
    assert sent("openai/gpt-4o", messages=asked)["input"]["image_input"] == ["https://example.com/a.png"]
    for model, messages in (
        (LLAMA, asked),
        (LLAMA, [{"role": "tool", "tool_call_id": "x", "content": "y"}]),
        ("anthropic/claude-4-sonnet", [{"role": "user", "content": [picture, picture]}]),
        ("openai/gpt-4o", [{"role": "user", "content": [{"type": "image_url", "image_url": "file:///x"}]}]),
    ):
        with pytest.raises(BadRequestError):
            sent(model, messages=messages)
    with pytest.raises(UnsupportedCapabilityError):
        sent(messages=[{"role": "user", "content": [{"type": "input_audio"}]}])


def test_only_some_models_have_an_effort() -> None:
    assert "reasoning_effort" in (provider().supported_params("openai/gpt-5-mini", "chat") or ())
    assert "reasoning_effort" not in (provider().supported_params(LLAMA, "chat") or ())
    assert provider().features("openai/gpt-5-mini") == provider().capabilities.features
    assert provider().features(LLAMA) == {"streaming", "seed"}


# -- polling -------------------------------------------------------------------------------------------------------


def test_a_prediction_is_looked_at_until_it_has_ended(pauses: list[float]) -> None:
    network = FakeNetwork(*[prediction("processing")] * 12, prediction("succeeded", ["Hi", "!"]))
    reply = follow(network)
    assert provider().parse_response(chat(), reply)["choices"][0]["message"]["content"] == "Hi!"
    assert network.urls == ["GET /predictions/p1"] * 13, "addresses are ours, whatever the answer says"
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5
    assert pauses[-1] == 5.0


def test_what_has_ended_at_once_is_not_looked_at(pauses: list[float]) -> None:
    done = prediction("succeeded", "Hi")
    assert follow(FakeNetwork(), first=done) is done
    assert not pauses


def test_a_look_may_fail(pauses: list[float]) -> None:
    busy = UpstreamReply(429, Headers([("retry-after", "7")]), b"{}")
    network = FakeNetwork(APIConnectionError("x"), busy, prediction("processing"), prediction("succeeded", "Hi"))
    assert follow(network).status == 200
    assert 7.0 in pauses


def test_looks_that_go_on_failing_end_the_call_and_the_prediction() -> None:
    network = FakeNetwork(*[APIConnectionError("x")] * 9)
    with pytest.raises(APIConnectionError):
        follow(network)
    assert network.urls == ["GET /predictions/p1"] * 4 + ["POST /predictions/p1/cancel"]
    gone = FakeNetwork(UpstreamReply(404, Headers(), b'{"detail": "Not found"}'))
    with pytest.raises(NotFoundError):
        follow(gone)


def test_a_call_that_is_cancelled_cancels_the_prediction() -> None:
    network = FakeNetwork(*[prediction("processing")] * 10_000)

    async def run() -> None:
        task = asyncio.ensure_future(provider().follow(chat(), prediction("starting"), network))
        for _ in range(9):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(run())
    assert network.urls[-1] == "POST /predictions/p1/cancel"
    assert dict(network.asked[-1].headers)["authorization"] == "Bearer k"


def test_a_call_that_takes_too_long_cancels_the_prediction() -> None:
    network = FakeNetwork(*[prediction("processing")] * 100_000)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await provider().follow(chat(), prediction("starting"), network)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert network.urls[-1] == "POST /predictions/p1/cancel"


def test_answers_that_are_no_predictions() -> None:
    for body in (b"", b"[]", b'{"id": "p1"}', b'{"status": "starting", "id": "../x"}', b'{"status": "starting"}'):
        with pytest.raises(BadGatewayError):
            follow(FakeNetwork(), first=UpstreamReply(201, Headers(), body))
    with pytest.raises(BadGatewayError):
        follow(FakeNetwork(UpstreamReply(200, Headers(), b"{}")))
    with pytest.raises(BadGatewayError):
        provider().parse_response(chat(), prediction("starting"))


# -- streams -------------------------------------------------------------------------------------------------------


def test_a_stream_is_at_its_own_address_and_gets_no_key() -> None:
    request = chat(stream=True)
    found = follow(FakeNetwork(), request)
    assert isinstance(found, UpstreamRequest)
    assert (found.method, found.url) == ("GET", "https://stream.replicate.com/v1/files/p1")
    assert dict(found.headers) == {"accept": "text/event-stream", "cache-control": "no-store"}
    decoder = provider().stream_decoder(request)
    chunks = decoder.feed(b"event: output\ndata: Hi\n\nevent: done\ndata: {}\n\n")
    assert {chunk["id"] for chunk in chunks} == {"p1"}


def test_a_stream_of_the_apis_own_host_gets_the_key() -> None:
    urls = {"stream": "https://api.replicate.com/v1/streams/p1"}
    found = follow(FakeNetwork(), chat(stream=True), prediction("starting", urls=urls))
    assert ("authorization", "Bearer k") in found.headers


def test_a_model_without_stream_is_polled_and_its_answer_streamed() -> None:
    network = FakeNetwork(prediction("succeeded", ["<think>Hm.</think>", "Hi!"]))
    reply = follow(network, chat(stream=True), prediction("starting", urls={}))
    for cut in (1, 10_000):
        decoder = provider().stream_decoder(chat(stream=True))
        chunks = [c for i in range(0, len(reply.body), cut) for c in decoder.feed(reply.body[i : i + cut])]
        message = merge_chunks([*chunks, *decoder.finish()])["choices"][0]["message"]
        assert (message["content"], message["reasoning_content"]) == ("Hi!", "Hm.")
        assert decoder.complete


def test_a_prediction_that_failed_at_once_fails_the_stream() -> None:
    decoder = provider().stream_decoder(chat(stream=True))
    assert decoder.feed(prediction("failed", error="CUDA out of memory").body) + decoder.finish() == []
    assert isinstance(decoder.error, InternalServerError)


@pytest.mark.parametrize(
    ("events", "error"),
    [
        (b'event: done\ndata: {"reason": "canceled"}\n\n', InternalServerError),
        (b'event: done\ndata: {"reason": "error"}\n\n', InternalServerError),
        (b'event: error\ndata: {"detail": "NSFW content detected"}\n\n', ContentPolicyViolationError),
        (b"event: error\ndata: \n\n", InternalServerError),
        (b"data: x\n\n", BadGatewayError),
    ],
)
def test_streams_that_end_otherwise(events: bytes, error: type[Exception]) -> None:
    decoder = provider().stream_decoder(chat(stream=True))
    decoder.feed(b"event: output\ndata: Once\n\n" + events)
    assert isinstance(decoder.error, error)
    assert not decoder.complete


def test_blanks_and_line_ends_of_a_piece_are_kept() -> None:
    decoder = provider().stream_decoder(chat(stream=True))
    data = b"event: output\nid: 1\ndata:  a\n\nevent: output\nid: 2\ndata: \ndata: \n\nevent: output\ndata: b\n\n"
    chunks = decoder.feed(data)
    assert merge_chunks(chunks)["choices"][0]["message"]["content"] == " a\nb"


# -- images --------------------------------------------------------------------------------------------------------


def image(model: str = "black-forest-labs/flux-schnell", **body: Any) -> ModelRequest:
    return ModelRequest("images", model, {"model": model, "prompt": "A fox", **body})


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("a/b", "1024x1024", {"aspect_ratio": "1:1"}),
        ("a/b", "1024x1536", {"aspect_ratio": "2:3"}),
        ("a/b", "1792x1024", {"aspect_ratio": "16:9"}),
        ("a/b", "auto", {}),
        (f"a/b:{HASH}", "768x512", {"width": 768, "height": 512}),
    ],
)
def test_sizes(model: str, size: str, expected: Body) -> None:
    built = provider().build_request(image(model, size=size, n=1))
    assert isinstance(built.body, bytes)
    assert json.loads(built.body)["input"] == {"prompt": "A fox", **expected}
    for wrong in ("big", "0x5", "5x", "-1x5", "5x5x5"):
        with pytest.raises(BadRequestError):
            provider().build_request(image(model, size=wrong))


def test_images_are_addresses_or_fetched() -> None:
    done = prediction("succeeded", ["https://replicate.delivery/a.png", "data:image/png;base64,AAAA"])
    assert provider().parse_response(image(n=2), done)["data"][0] == {"url": "https://replicate.delivery/a.png"}
    asked = image(response_format="b64_json")
    network = FakeNetwork(UpstreamReply(200, Headers([("content-type", "image/png")]), b"png"))
    reply = follow(network, asked, done)
    assert provider().parse_response(asked, reply)["data"] == [{"b64_json": "cG5n"}, {"b64_json": "AAAA"}]
    assert network.asked[0].headers == [], "the key is not for the files' host"
    with pytest.raises(APIConnectionError):
        follow(FakeNetwork(UpstreamReply(404, Headers(), b"")), asked, done)
    with pytest.raises(BadGatewayError):
        provider().parse_response(asked, prediction("succeeded", None))


# -- answers and errors --------------------------------------------------------------------------------------------


def test_outputs() -> None:
    for output, text in (("Hi", "Hi"), (["H", "i"], "Hi"), (None, ""), ({"a": 1}, '{"a":1}'), ([1], "[1]")):
        answer = provider().parse_response(chat(), prediction("succeeded", output))
        assert answer["choices"][0]["message"]["content"] == text
        assert "usage" not in answer


def test_predictions_that_ended_otherwise() -> None:
    for status, error, wanted in (
        ("failed", "CUDA out of memory", InternalServerError),
        ("failed", None, InternalServerError),
        ("failed", "Input is too long for requested model.", ContextWindowExceededError),
        ("failed", "NSFW content detected. Try running it again.", ContentPolicyViolationError),
        ("canceled", None, InternalServerError),
        ("aborted", None, RequestTimeoutError),
        ("unheard-of", None, BadGatewayError),
    ):
        with pytest.raises(wanted) as caught:
            provider().parse_response(chat(), prediction(status, error=error))
        assert type(caught.value) is wanted


def test_a_throttled_call_says_when() -> None:
    body = b'{"detail": "Request was throttled. Expected available in 12 seconds.", "status": 429}'
    error = provider().parse_error(429, Headers(), body)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 12
    assert provider().parse_error(429, Headers([("retry-after", "3")]), body).retry_after == 3
