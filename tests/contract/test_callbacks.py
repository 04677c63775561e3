"""One record for each call, however it ends, with what was said or without."""

from __future__ import annotations

import asyncio

import pytest

from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import USAGE, chat_chunks

SOURCE = """
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        wants_content = True
        def __init__(self):
            self.records, self.closed = [], 0
        async def on_call(self, record):
            self.records.append(record)
        async def aclose(self):
            self.closed += 1

    class Failing(Callback):
        async def on_call(self, record):
            raise RuntimeError("not today")
        async def aclose(self):
            raise RuntimeError("not even this")

    class Logger:
        def __init__(self):
            self.seen = []
        async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
            self.seen.append(("success", kwargs, response_obj, start_time, end_time))
        def log_failure_event(self, kwargs, response_obj, start_time, end_time):
            self.seen.append(("failure", kwargs, response_obj, start_time, end_time))

    sink = Sink()
    only_failures = Sink()
    failing = Failing()
    logger = Logger()
    nothing = object()
"""


@pytest.fixture
def recorded(serving, row, fake_upstream, config_beside):
    """Runs `work(client)` with a gateway whose calls are recorded; returns its result and the module of the sinks."""

    def run(work, *answers, callbacks=("sinks.sink",), **settings):
        fake_upstream.answer(*answers)
        config = {
            "model_list": [row(fake_upstream, info={"id": "the-row"}), row("http://127.0.0.1:1/v1", "dead")],
            "litellm_settings": {"callbacks": list(callbacks), **settings},
            "router_settings": {"num_retries": 1},
        }
        path = config_beside(config, sinks=SOURCE)

        async def main():
            async with serving(path) as client:
                found = await work(client)
                sinks = [s.callback for s in client.app.serving.gateway.pipeline.callbacks.subscriptions]
            return found, sinks

        return asyncio.run(main())

    return run


def test_a_plain_success(recorded):
    async def work(client):
        return await client.chat(
            user="end-user",
            metadata={"tags": ["a"], "x": 1},
            tags=["b"],
            headers={"x-litellm-tags": "c, a", "user-agent": "test/1"},
        )

    answer, [sink] = recorded(work, Answer.chat("Hello!"))
    [record] = sink.records
    assert record.outcome == "success"
    assert record.id == answer.headers["x-litellm-call-id"]
    assert (record.operation, record.dialect, record.stream) == ("chat", "openai", False)
    assert (record.model, record.model_group, record.upstream_model) == ("m", "m", "up-1")
    assert (record.deployment_id, record.provider) == ("the-row", "openai_compatible")
    assert record.api_base.startswith("http://127.0.0.1:")
    assert record.route == "/v1/chat/completions"
    assert record.usage == USAGE
    assert record.end_user == "end-user"
    assert set(record.tags) == {"a", "b", "c"}
    assert record.metadata["x"] == 1
    assert record.client == "10.1.2.3"
    assert record.user_agent == "test/1"
    assert record.request["messages"] == [{"role": "user", "content": "Hi"}]
    assert record.response["choices"][0]["message"]["content"] == "Hello!"
    assert record.error is None
    [attempt] = record.attempts
    assert (attempt.deployment_id, attempt.status, attempt.error) == ("the-row", 200, None)
    assert record.started_at <= attempt.started <= record.ended_at
    assert 0 < attempt.duration <= record.duration
    assert sink.closed == 1


def test_a_stream(recorded):
    async def work(client):
        return await client.chat(stream=True)

    _, [sink] = recorded(work, Answer.chat_stream("Hel", "lo!"))
    [record] = sink.records
    assert record.stream
    assert record.outcome == "success"
    assert record.usage == USAGE
    assert record.response["choices"][0]["message"]["content"] == "Hello!"
    assert record.response["choices"][0]["finish_reason"] == "stop"
    assert record.started_at <= record.first_chunk_at <= record.ended_at


def test_failures(recorded):
    async def work(client):
        plain = await client.chat()
        stream = await client.chat(stream=True)
        unknown = await client.chat("nobody")
        return plain, stream, unknown

    _, [sink] = recorded(work, Answer.error(503, "Ill."))
    plain, stream, unknown = sink.records
    for record in (plain, stream):
        assert record.outcome == "failure"
        assert (record.error.kind, record.error.status) == ("ServiceUnavailableError", 503)
        assert record.error.message == "Ill."
        assert record.error.provider == "openai_compatible"
        assert [a.status for a in record.attempts] == [503, 503]
        assert record.request is not None
    assert unknown.outcome == "failure"
    assert unknown.deployment_id is None
    assert unknown.attempts == ()


def test_fallbacks_are_one_call(recorded):
    async def work(client):
        return await client.chat("dead", fallbacks=["m"])

    _, [sink] = recorded(work, Answer.chat())
    [record] = sink.records
    assert record.outcome == "success"
    assert record.fallbacks == 1
    assert (record.model, record.model_group) == ("dead", "m")
    assert [a.error for a in record.attempts] == ["APIConnectionError", "APIConnectionError", None]


def test_a_stream_that_breaks(recorded):
    async def work(client):
        return await client.chat(stream=True)

    _, [sink] = recorded(work, Answer.sse(*chat_chunks({"content": "half"})[:2], done=False))
    [record] = sink.records
    assert record.outcome == "failure"
    assert record.error.kind == "APIConnectionError"
    assert record.response["choices"][0]["message"]["content"] == "half"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves(recorded, fake_upstream, stream):
    async def work(client):
        exchange = client.open_chat(stream=stream)
        if stream:
            await exchange.piece()
        else:
            await fake_upstream.wait_request()
        exchange.hang_up()
        await asyncio.wait_for(exchange.task, 2)

    answer = Answer.sse(*chat_chunks({"content": "part"})[:2], 10.0) if stream else Answer.never()
    _, [sink] = recorded(work, answer)
    [record] = sink.records
    assert record.outcome == "failure"
    assert record.error.kind == "ClientClosedError"
    assert record.error.status == 499
    [attempt] = record.attempts
    assert attempt.error is not None
    if stream:
        assert record.response["choices"][0]["message"]["content"] == "part"


@pytest.mark.parametrize(
    "junk",
    [
        '{"choices": [null]}',
        '{"choices": [{"index": {}, "delta": {"tool_calls": [1]}}]}',
        '{"choices": [{"delta": {"content": {"a": 1}}}]}',
    ],
)
def test_chunks_of_a_shape_that_nobody_sends(recorded, junk):
    async def work(client):
        return await client.chat(stream=True)

    answer, [sink] = recorded(work, Answer.sse(chat_chunks({"content": "x"})[1], junk, chat_chunks()[-2]))
    assert answer.status == 200
    assert len(sink.records) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_without_what_was_said(recorded, stream):
    async def work(client):
        return await client.chat(stream=stream)

    answer = Answer.chat_stream("secret") if stream else Answer.chat("secret")
    _, [sink] = recorded(work, answer, turn_off_message_logging=True)
    [record] = sink.records
    assert record.request is None
    assert record.response is None
    assert record.usage == USAGE


def test_embeddings_and_completions(recorded):
    async def work(client):
        await client.post("/v1/embeddings", {"model": "m", "input": "x"})
        await client.post("/v1/completions", {"model": "m", "prompt": "x"})

    embedding = {"object": "list", "model": "x", "data": [], "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    _, [sink] = recorded(work, Answer.json(embedding), Answer.chat("text"))
    assert [r.operation for r in sink.records] == ["embeddings", "completions"]
    assert sink.records[0].usage["prompt_tokens"] == 3
    assert sink.records[1].response["choices"][0]["text"] == "text"


def test_who_is_told_of_what(recorded):
    async def work(client):
        await client.chat()
        await client.chat("dead")

    _, sinks = recorded(
        work,
        Answer.chat(),
        callbacks=["sinks.failing"],
        success_callback=["sinks.sink"],
        failure_callback=["sinks.only_failures"],
    )
    _, sink, only_failures = sinks
    assert [r.outcome for r in sink.records] == ["success"]
    assert [r.outcome for r in only_failures.records] == ["failure"]


def test_a_callback_named_twice_is_told_once(recorded):
    async def work(client):
        await client.chat()
        await client.chat("dead")

    _, [sink] = recorded(work, Answer.chat(), success_callback=["sinks.sink"], failure_callback=["sinks.sink"])
    assert len(sink.records) == 2


def test_a_callback_that_fails_harms_nobody(recorded):
    async def work(client):
        return [await client.chat() for _ in range(3)]

    answers, [_, sink] = recorded(work, Answer.chat(), callbacks=["sinks.failing", "sinks.sink"])
    assert {a.status for a in answers} == {200}
    assert len(sink.records) == 3


def test_a_logger_written_for_the_reference(recorded):
    async def work(client):
        await client.chat()
        await client.chat(stream=True)
        await client.chat("dead")

    _, [wrapped] = recorded(work, Answer.chat("a"), Answer.chat_stream("b"), callbacks=["sinks.logger"])
    seen = wrapped._logger.seen
    assert [s[0] for s in seen] == ["success", "success", "failure"]
    _, kwargs, response, start, end = seen[0]
    assert kwargs["standard_logging_object"]["status"] == "success"
    assert kwargs["model"] == "up-1"
    assert response["choices"][0]["message"]["content"] == "a"
    assert start < end
    assert seen[1][2]["choices"][0]["message"]["content"] == "b"
    assert seen[2][1]["exception"] == "Connection error."


def test_a_blocked_call_is_recorded(serving, row, fake_upstream, config_beside):
    guard = """
        from tianji_core.api.guardrail import Block, Guardrail
        class No(Guardrail):
            stages = frozenset({"pre_call", "post_call"})
            def __init__(self, settings): pass
            async def check(self, stage, payload): return Block("No.")
    """
    fake_upstream.answer(Answer.chat_stream("never seen"))
    for mode in ("pre_call", "post_call"):
        config = {
            "model_list": [row(fake_upstream)],
            "litellm_settings": {"callbacks": ["sinks.sink"]},
            "guardrails": [
                {"guardrail_name": "g", "litellm_params": {"guardrail": "guards.No", "mode": mode, "default_on": True}}
            ],
        }
        path = config_beside(config, sinks=SOURCE, guards=guard)

        async def main(path=path):
            async with serving(path) as client:
                await client.chat(stream=True)
                return client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback

        sink = asyncio.run(main())
        record = sink.records[-1]
        assert record.error.kind == "GuardrailBlockedError"
        assert record.guardrails == ("g",)
        assert "never seen" not in str(record.response)


@pytest.mark.parametrize("name", ["sinks.nothing", "sinks.missing", "nowhere.sink", "no_such_callback"])
def test_callbacks_that_are_none(config_beside, row, name):
    from tianji_core.config import ConfigError
    from tianji_core.server import create_app

    config = {"model_list": [row("http://127.0.0.1:9")], "litellm_settings": {"callbacks": [name]}}
    with pytest.raises(ConfigError) as raised:
        create_app(config_beside(config, sinks=SOURCE))
    assert "config.yaml:" in str(raised.value)


def test_the_webhook_of_the_repository(serving, row, fake_upstream):
    from tianji_core.testing import FakeUpstream

    fake_upstream.answer(Answer.chat("told"))
    with FakeUpstream(Answer.json({})) as hook:
        config = {
            "model_list": [row(fake_upstream)],
            "litellm_settings": {"callbacks": ["generic_api"]},
            "callback_settings": {"generic_api": {"endpoint": hook.url + "/in"}},
        }

        async def main():
            async with serving(config) as client:
                return await client.chat()

        assert asyncio.run(main()).status == 200
        assert len(hook.requests) == 1
        assert b"told" in hook.requests[0].body


@pytest.mark.parametrize("forwards", [True, False])
def test_traces(serving, row, fake_upstream, config_beside, forwards):
    """Vendors are told of the try's span, if the config wants it; records keep what the caller said."""
    from tianji_core.api.trace import span_of, trace_of

    fake_upstream.answer(Answer.error(500), Answer.chat())
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    config = {
        "model_list": [row(fake_upstream, model="openai_compatible/up")],
        "litellm_settings": {"callbacks": ["sinks.sink"], "forward_traceparent_to_llm_provider": forwards},
        "router_settings": {"num_retries": 1, "disable_cooldowns": True},
    }
    path = config_beside(config, sinks=SOURCE)

    async def main():
        async with serving(path) as client:
            answer = await client.chat(headers={"traceparent": parent})
            assert answer.status == 200
            sink = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
        return sink.records

    [record] = asyncio.run(main())
    assert record.traceparent == parent
    told = [request.headers.get("traceparent") for request in fake_upstream.requests]
    if forwards:
        trace = trace_of(record.id, parent)
        assert told == [trace.header(span_of(record.id, number)) for number in (0, 1)]
    else:
        assert told == [None, None]


def test_header_fields_that_a_callback_wants_are_in_the_metadata(serving, row, fake_upstream, config_beside):
    source = SOURCE + "\n    Sink.header_prefixes = ('langfuse_',)\n"
    config = {"model_list": [row(fake_upstream)], "litellm_settings": {"callbacks": ["sinks.sink"]}}
    path = config_beside(config, sinks=source)
    fake_upstream.answer(Answer.chat())

    async def main():
        async with serving(path) as client:
            await client.chat(headers={"langfuse_trace_id": "t", "x-other": "o"}, metadata={"a": 1})
            await client.chat()
            sink = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
        return [record.metadata for record in sink.records]

    assert asyncio.run(main()) == [{"a": 1, "langfuse_trace_id": "t"}, {}]
