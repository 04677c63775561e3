"""A new config while calls are under way."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from tianji_core.config import ConfigError
from tianji_core.server import create_app
from tianji_core.testing import Answer
from tianji_core.testing.openai_samples import chat_chunks


async def gone(check, seconds=3.0):
    """Wait until `check` holds."""
    for _ in range(int(seconds / 0.02)):
        if check():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true")


def test_a_new_model_appears_and_an_old_one_goes(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    path = config_beside({"model_list": [row(fake_upstream, "old")]})

    async def main():
        async with serving(path) as client:
            first = await client.chat("old"), await client.chat("new")
            config_beside({"model_list": [row(fake_upstream, "new")]})
            await client.app.reload()
            second = await client.chat("old"), await client.chat("new")
            listed = await client.get("/v1/models")
            return [a.status for a in first + second], listed.json()["data"]

    statuses, listed = asyncio.run(main())
    assert statuses == [200, 400, 400, 200]
    assert [m["id"] for m in listed] == ["new"]


def test_keys_and_limits_change_too(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    config = {"model_list": [row(fake_upstream)], "general_settings": {"master_key": "sk-first-0123456789"}}
    path = config_beside(config)

    async def main():
        async with serving(path) as client:
            new = {
                "master_key": "sk-second-0123456789",
                "response_header_prefix": "x-tianji-",
                "max_request_size_mb": 1,
            }
            config_beside({**config, "general_settings": new})
            await client.app.reload()
            old = await client.chat(headers={"api-key": "sk-first-0123456789"})
            answer = await client.chat(headers={"api-key": "sk-second-0123456789"})
            large = await client.chat(headers={"api-key": "sk-second-0123456789"}, text="x" * 2_000_000)
            return old, answer, large

    old, answer, large = asyncio.run(main())
    assert (old.status, answer.status, large.status) == (401, 200, 413)
    assert "x-tianji-call-id" in answer.headers
    assert not [name for name in answer.headers if name.startswith("x-litellm-")]


@pytest.mark.parametrize(
    "text", ["{", "model_list: 5", "", "model_list: [{model_name: a, litellm_params: {model: nope/x}}]"]
)
def test_a_bad_config_changes_nothing(serving, row, fake_upstream, config_beside, text):
    fake_upstream.answer(Answer.chat())
    path = config_beside({"model_list": [row(fake_upstream)]})

    async def main():
        async with serving(path) as client:
            before = client.app.serving
            path.write_text(text)
            with pytest.raises(ConfigError):
                await client.app.reload()
            assert client.app.serving is before
            client.app.request_reload()  # as SIGHUP does: told in the log, nobody is harmed
            await gone(lambda: client.app._reloading.done())
            assert client.app.serving is before
            assert (await client.chat()).status == 200

    asyncio.run(main())


def test_reloads_under_load_fail_no_request(serving, row, fake_upstream, config_beside):
    def script(request):
        return Answer.chat_stream("a", "b", pause=0.01) if request.json().get("stream") else Answer.chat()

    fake_upstream.answer(script=script)
    path = config_beside({"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}})

    async def main():
        async with serving(path) as client:
            gateways = [client.app.serving.gateway]
            stop = False
            answers = []

            async def caller(stream):
                while not stop:
                    answers.append(await client.chat(stream=stream))

            callers = [asyncio.create_task(caller(i % 2 == 0)) for i in range(8)]
            for _ in range(10):
                await asyncio.sleep(0.05)
                await client.app.reload()
                gateways.append(client.app.serving.gateway)
            stop = True
            await asyncio.gather(*callers)
            await gone(lambda: not client.app._retired)
            assert len({id(g) for g in gateways}) == 11
            return answers

    answers = asyncio.run(main())
    assert len(answers) > 50
    assert {a.status for a in answers} == {200}
    for answer in answers:
        if answer.headers["content-type"].startswith("text/event-stream"):
            assert answer.text() == "ab"
            assert answer.events()[-1] == "[DONE]"


def test_a_stream_outlives_the_reload_and_then_the_old_gateway_goes(serving, row, fake_upstream, config_beside):
    closed = """
        from tianji_core.api.callback import Callback
        class Sink(Callback):
            closed = 0
            records = []
            async def on_call(self, record): Sink.records.append(record)
            async def aclose(self): Sink.closed += 1
        sink = Sink()
    """
    first, *rest = chat_chunks({"content": "a"}, {"content": "b"})
    fake_upstream.answer(Answer.sse(first, 0.6, *rest))
    config = {"model_list": [row(fake_upstream)], "litellm_settings": {"callbacks": ["sinks.sink"]}}
    path = config_beside(config, sinks=closed)

    async def main():
        async with serving(path) as client:
            sink = client.app.serving.gateway.pipeline.callbacks.subscriptions[0].callback
            exchange = client.open_chat(stream=True)
            await exchange.piece()
            config_beside({"model_list": [row(fake_upstream, "other")]})
            await client.app.reload()
            await asyncio.sleep(0.1)
            assert sink.closed == 0, "closed under a call"
            assert client.app._retired
            answer = await exchange.finished()
            await gone(lambda: sink.closed == 1)
            await gone(lambda: not client.app._retired)
            return answer, sink

    answer, sink = asyncio.run(main())
    assert answer.text() == "ab"
    assert answer.events()[-1] == "[DONE]"
    assert len(sink.records) == 1


def test_an_upload_outlives_the_reload(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    path = config_beside({"model_list": [row(fake_upstream)], "router_settings": {"num_retries": 0}})
    body = json.dumps({"model": "m", "messages": []}).encode()

    async def main():
        async with serving(path) as client:
            exchange = client.open("POST", "/v1/chat/completions", content=body[:10], hold_body=True)
            await asyncio.sleep(0.05)
            await client.app.reload()
            await gone(lambda: not client.app._retired)
            exchange.upload(body[10:])
            return await exchange.finished()

    assert asyncio.run(main()).status == 200


def test_two_reloads_at_once(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    path = config_beside({"model_list": [row(fake_upstream)]})

    async def main():
        async with serving(path) as client:
            retired = []
            original = client.app._retire

            async def retire(gateway):
                retired.append(gateway)
                await original(gateway)

            client.app._retire = retire
            first = client.app.serving.gateway
            await asyncio.gather(*(client.app.reload() for _ in range(3)))
            await gone(lambda: not client.app._retired)
            assert len({id(g) for g in retired}) == 3
            assert retired[0] is first
            assert client.app.serving.gateway not in retired
            return await client.chat()

    assert asyncio.run(main()).status == 200


def test_hangups_while_a_reload_runs_are_not_lost(serving, row, fake_upstream, config_beside):
    path = config_beside({"model_list": [row(fake_upstream, "a")]})

    async def main():
        async with serving(path) as client:
            os.kill(os.getpid(), signal.SIGHUP)
            await gone(lambda: client.app._reloading is not None)
            config_beside({"model_list": [row(fake_upstream, "a"), row(fake_upstream, "b")]})
            client.app.request_reload()
            client.app.request_reload()
            await gone(lambda: client.app._reloading.done())
            return list(client.app.serving.gateway.pipeline.models.groups)

    assert asyncio.run(main()) == ["a", "b"]


def test_what_was_seen_of_a_deployment_is_kept(serving, row, fake_upstream, config_beside):
    fake_upstream.answer(Answer.chat())
    rows = [row(fake_upstream, info={"id": "kept"}), row(fake_upstream, "x", info={"id": "dropped"})]
    path = config_beside({"model_list": rows})

    async def main():
        async with serving(path) as client:
            await client.chat("m")
            await client.chat("x")
            config_beside({"model_list": rows[:1]})
            await client.app.reload()
            stats = client.app.serving.gateway.pipeline.stats
            return stats.stats("kept").successes, stats.stats("dropped").successes

    assert asyncio.run(main()) == (1, 0)


def test_an_app_without_a_source_cannot_reload(row, fake_upstream, tianji_gateway):
    app = create_app(tianji_gateway({"model_list": [row(fake_upstream)]}))

    async def main():
        with pytest.raises(RuntimeError):
            await app.reload()
        await app.serving.gateway.aclose()

    asyncio.run(main())
