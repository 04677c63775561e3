"""Providers that need more than one request: `prepare`, `authorize` and `follow`, through a real gateway."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tianji_core.api.errors import (
    APIConnectionError,
    BadGatewayError,
    BadRequestError,
    InternalServerError,
    RateLimitError,
    RequestTimeoutError,
)
from tianji_core.api.http import UpstreamReply, UpstreamRequest
from tianji_core.api.tokens import Token, TokenCache
from tianji_core.discovery import Registry
from tianji_core.gateway import Gateway
from tianji_core.openai_compat import OpenAICompatible
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import RESPONSES, USAGE, chat_chunks
from tianji_core.translate.media import inline_media, needs_download

HI = [{"role": "user", "content": "Hi"}]


class Careful(OpenAICompatible):
    """A vendor with tokens that end, files by value only, and answers that are not there at once."""

    name = "careful"
    key_required = False

    def __init__(self, settings):
        super().__init__(settings)
        self.tokens = TokenCache()
        self.polls = 0

    async def prepare(self, request, network):
        if needs_download(request.body["messages"], lambda url: url.startswith("http")):
            request.body["messages"] = await inline_media(
                request.body["messages"], network, lambda url: url.startswith("http")
            )

    async def authorize(self, request, network):
        async def fetch():
            reply = await network.fetch(UpstreamRequest("POST", f"{self.api_base}/token"))
            if reply.status != 200:
                raise self.parse_error(reply.status, reply.headers, reply.body)
            body = json.loads(reply.body)
            return Token(body["access_token"], body["expires_in"])

        token = await self.tokens.get(fetch)
        return UpstreamRequest(
            request.method, request.url, [*request.headers, ("authorization", f"Bearer {token}")], request.body
        )

    async def follow(self, request, reply, network):
        job = json.loads(reply.body)
        if "choices" in job:
            return reply
        if job["status"] == "direct":
            return UpstreamRequest("GET", job["result"], [("x-following", "yes")])
        while job["status"] == "running":
            self.polls += 1
            await asyncio.sleep(job.get("pause", 0.01))
            reply = await network.fetch(UpstreamRequest("GET", job["poll"]))
            if reply.status != 200:
                return reply
            job = json.loads(reply.body)
        return UpstreamReply(200, reply.headers, json.dumps(job["output"]).encode())


class Vendor:
    """What the vendor answers, by path; a list is answered in turn."""

    def __init__(self, upstream):
        self.paths = {"/v1/token": [Answer.json({"access_token": "t1", "expires_in": 3600})]}
        self.upstream = upstream
        upstream.answer(script=self)

    def __call__(self, request):
        answers = self.paths[request.path]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def answer(self, path, *answers):
        self.paths[path] = list(answers)

    def seen(self, path):
        return [request for request in self.upstream.requests if request.path == path]


@pytest.fixture
def vendor(fake_upstream):
    found = Vendor(fake_upstream)
    found.answer("/v1/chat/completions", Answer.chat())
    return found


@pytest.fixture
def ask(fake_upstream):
    """ask(work, settings): runs `work(gateway)` with the careful provider."""

    def run(work, params=None, **settings):
        registry = Registry.scan()
        registry.register("provider", "careful", Careful)
        row = {"model": "careful/up-1", "api_base": fake_upstream.base, **(params or {})}
        config = {
            "model_list": [{"model_name": "m", "litellm_params": row}],
            "router_settings": {"num_retries": 0},
            "litellm_settings": settings,
        }

        async def main():
            async with Gateway.from_config(config, registry=registry) as gateway:
                try:
                    return await work(gateway)
                finally:
                    assert gateway.pipeline.limits.in_flight == 0

        return asyncio.run(main())

    return run


def chat(messages=HI, **more):
    return lambda gateway: gateway.chat(model="m", messages=messages, **more)


def streamed(**more):
    async def work(gateway):
        return [chunk async for chunk in gateway.stream(model="m", messages=HI, **more)]

    return work


# -- prepare -------------------------------------------------------------------------------------------------------


def image(url):
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


def test_files_are_put_in_before_the_request_is_built(ask, vendor, fake_upstream):
    vendor.answer("/a.png", Answer(200, (("content-type", "image/png"),), b"\x00\x01"))
    messages = image(f"{fake_upstream.url}/a.png")
    ask(chat(messages), user_url_allowed_hosts=["127.0.0.1"])
    [request] = vendor.seen("/v1/chat/completions")
    assert request.json()["messages"] == image("data:image/png;base64,AAE=")
    assert messages == image(f"{fake_upstream.url}/a.png"), "the client's own body was changed"


def test_a_file_that_may_not_be_fetched_is_the_clients_fault(ask, vendor, fake_upstream):
    with pytest.raises(BadRequestError, match="could not be fetched"):
        ask(chat(image(f"{fake_upstream.url}/a.png")))
    assert not fake_upstream.requests


# -- authorize -----------------------------------------------------------------------------------------------------


def test_a_token_is_fetched_once_and_put_on(ask, vendor):
    async def work(gateway):
        await asyncio.gather(*(chat()(gateway) for _ in range(5)))
        await chat()(gateway)

    ask(work)
    assert len(vendor.seen("/v1/token")) == 1
    asked = vendor.seen("/v1/chat/completions")
    assert [request.headers["authorization"] for request in asked] == ["Bearer t1"] * 6


def test_a_token_that_is_refused_is_the_calls_error(ask, vendor):
    vendor.answer("/v1/token", Answer.error(429, "Too many tokens."))
    with pytest.raises(RateLimitError, match="Too many tokens"):
        ask(chat())
    assert not vendor.seen("/v1/chat/completions")


# -- follow --------------------------------------------------------------------------------------------------------


def job(upstream, status, **more):
    return Answer.json({"status": status, "poll": f"{upstream.url}/job", "result": f"{upstream.url}/result", **more})


def test_an_answer_that_is_there_at_once(ask, vendor):
    assert ask(chat())["choices"][0]["message"]["content"] == "Hello!"


def test_a_job_is_polled_to_its_end(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "running"))
    vendor.answer(
        "/job",
        job(fake_upstream, "running"),
        job(fake_upstream, "running"),
        job(fake_upstream, "done", output=RESPONSES["chat"]),
    )
    answer = ask(chat())
    assert answer["choices"] == RESPONSES["chat"]["choices"]
    assert answer["usage"] == USAGE
    assert answer["model"] == "m"
    assert len(vendor.seen("/job")) == 3


def test_the_request_whose_answer_it_is(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "direct"))
    vendor.answer("/result", Answer.chat("At last."))
    assert ask(chat())["choices"][0]["message"]["content"] == "At last."
    [request] = vendor.seen("/result")
    assert (request.method, request.headers["x-following"]) == ("GET", "yes")


def test_that_request_streamed(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "direct"))
    vendor.answer("/result", Answer.chat_stream("At ", "last."))
    chunks = ask(streamed(stream_options={"include_usage": True}))
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == "At last."
    assert chunks[-1]["usage"] == USAGE
    assert {chunk["model"] for chunk in chunks} == {"m"}


def test_a_stream_that_was_followed_and_breaks_off(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "direct"))
    vendor.answer("/result", Answer.sse(*chat_chunks({"content": "At"})[:2], done=False))

    async def work(gateway):
        seen = []
        try:
            async for chunk in gateway.stream(model="m", messages=HI):
                seen.append(chunk)  # noqa: PERF401 - what came before the failure is the point
        except APIConnectionError as error:
            return seen, error.message
        return seen, ""

    seen, message = ask(work)
    assert len(seen) == 2
    assert "before it was complete" in message


def test_a_whole_answer_to_a_call_that_is_streamed(ask, vendor, fake_upstream):
    """Of a job there is no stream: its output goes through the decoder in one piece."""
    vendor.answer("/v1/chat/completions", job(fake_upstream, "running"))

    class Whole(Careful):
        async def follow(self, request, reply, network):
            await super().follow(request, reply, network)
            events = b"".join(
                b"data: " + json.dumps(c).encode() + b"\n\n" for c in chat_chunks({"content": "At last."})
            )
            return UpstreamReply(200, reply.headers, events + b"data: [DONE]\n\n")

    vendor.answer("/job", job(fake_upstream, "done", output=RESPONSES["chat"]))

    async def work(gateway):
        deployment = gateway.pipeline.models.deployments[0]
        deployment.provider = Whole(deployment.provider.settings)
        return await streamed()(gateway)

    chunks = ask(work)
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks) == "At last."


def test_a_stream_that_has_not_to_be_followed_stays_one(ask, vendor, monkeypatch):
    monkeypatch.setattr(Careful, "follows", lambda self, request: not request.stream)
    vendor.answer("/v1/chat/completions", Answer.chat_stream("At ", "last."))
    chunks = ask(streamed())
    assert [c["choices"][0]["delta"].get("content") for c in chunks if c["choices"]][:2] != ["At last."]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "At last."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("where", ["/job", "/result"])
def test_an_error_on_the_way(ask, vendor, fake_upstream, where, stream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "running" if where == "/job" else "direct"))
    vendor.answer(where, Answer.error(429, "Slow down.", retry_after="7"))
    with pytest.raises(RateLimitError, match=r"Slow down\.") as raised:
        ask(streamed() if stream else chat())
    assert raised.value.retry_after == 7
    assert raised.value.provider == "careful"


def test_an_error_of_the_first_answer_is_not_followed(ask, vendor):
    vendor.answer("/v1/chat/completions", Answer.error(500, "Broken."))
    with pytest.raises(InternalServerError, match=r"Broken\."):
        ask(chat())
    assert not vendor.seen("/job")


def test_a_redirect_on_the_way_is_no_answer(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "direct"))
    vendor.answer("/result", Answer(302, (("location", f"{fake_upstream.url}/other"),), b""))
    with pytest.raises(BadGatewayError):
        ask(chat())
    assert not vendor.seen("/other")


@pytest.mark.parametrize("body", [b"[]", b"not JSON", b"{}", b'{"status": "running"}'])
def test_what_makes_no_sense_is_the_vendors_fault(ask, vendor, body):
    vendor.answer("/v1/chat/completions", Answer(200, (), body))
    with pytest.raises(BadGatewayError, match="makes no sense"):
        ask(chat())


@pytest.mark.parametrize("pause", [0.01, 60])
def test_a_job_that_never_ends_is_ended_by_the_calls_own_time(ask, vendor, fake_upstream, pause):
    running = job(fake_upstream, "running", pause=pause)
    vendor.answer("/v1/chat/completions", running)
    vendor.answer("/job", running)
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        ask(chat(timeout=0.4))
    assert time.monotonic() - began < 3


def test_a_poll_that_hangs_is_ended_too(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "running"))
    vendor.answer("/job", Answer.never())
    with pytest.raises(RequestTimeoutError):
        ask(chat(), params={"timeout": 0.4})


def test_a_caller_who_leaves_ends_the_polling(ask, vendor, fake_upstream):
    running = job(fake_upstream, "running")
    vendor.answer("/v1/chat/completions", running)
    vendor.answer("/job", running)

    async def work(gateway):
        task = asyncio.create_task(chat()(gateway))
        await fake_upstream.wait_request(4)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await asyncio.sleep(0.05)
        seen = len(fake_upstream.requests)
        await asyncio.sleep(0.1)
        assert len(fake_upstream.requests) == seen

    ask(work)


def test_a_failed_job_is_tried_again_like_any_call(ask, vendor, fake_upstream):
    vendor.answer("/v1/chat/completions", job(fake_upstream, "direct"), Answer.chat("Second."))
    vendor.answer("/result", Answer.error(503, "Busy."))
    answer = ask(chat(num_retries=1))
    assert answer["choices"][0]["message"]["content"] == "Second."


def test_what_overrides_nothing_is_not_asked(ask):
    async def work(gateway):
        [deployment] = gateway.pipeline.models.deployments
        return deployment.needs_prepare, deployment.needs_authorize, deployment.needs_follow

    assert ask(work) == (True, True, True)

    async def plain():
        config = {"model_list": [{"model_name": "e", "litellm_params": {"model": "echo/echo"}}]}
        async with Gateway.from_config(config) as gateway:
            return await work(gateway)

    assert asyncio.run(plain()) == (False, False, False)
