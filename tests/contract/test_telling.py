"""Who is told of a call, and how much: by the config, the request and its key."""

from __future__ import annotations

import asyncio
import json

import pytest

from tianji_core.testing import Answer
from tianji_core.testing.callback import HttpSink

SOURCE = """
    from tianji_core.api.call import Principal
    from tianji_core.api.callback import Callback

    class Sink(Callback):
        wants_content = True
        def __init__(self):
            self.records = []
        async def on_call(self, record):
            self.records.append(record)

    one, two = Sink(), Sink()
    KEYS = {}

    async def who(request, key):
        return Principal(key_hash="hash-of-" + key, user_id="u", metadata=KEYS.get(key, {}))
"""


@pytest.fixture
def told(serving, row, fake_upstream, config_beside):
    """Runs `work(client)`; gives the records of `sinks.one` and `sinks.two`."""

    def run(work, *, keys=None, **settings):
        fake_upstream.answer(Answer.chat("Hello!"))
        config = {
            "model_list": [row(fake_upstream)],
            "litellm_settings": {"callbacks": ["sinks.one", "sinks.two"], **settings},
            "general_settings": {"custom_auth": "sinks.who"},
        }
        path = config_beside(config, sinks=SOURCE + f"\n    KEYS.update({keys or {}!r})\n")

        async def main():
            async with serving(path) as client:
                await work(client)
                await client.app.serving.gateway.pipeline.callbacks.own.aclose(5.0)
                sinks = [s.callback for s in client.app.serving.gateway.pipeline.callbacks.subscriptions]
            found = [list(sink.records) for sink in sinks]
            for sink in sinks:  # the module stays, and its objects with it
                sink.records.clear()
            return found

        return asyncio.run(main())

    return run


def asking(**headers):
    async def work(client):
        fields = {"authorization": "Bearer sk-1", **{name.replace("_", "-"): v for name, v in headers.items()}}
        answer = await client.chat(headers=fields)
        assert answer.status == 200, answer.body

    return work


def test_a_request_may_keep_its_content_to_itself(told):
    for name in ("x-litellm-enable-message-redaction", "litellm-enable-message-redaction"):
        [[record], _] = told(asking(**{name: "true"}))
        assert record.request is record.response is None
    [[record], _] = told(asking(x_litellm_enable_message_redaction="false"))
    assert record.request is not None


def test_a_key_may_keep_its_content_to_itself(told):
    [[record], _] = told(asking(), keys={"sk-1": {"turn_off_message_logging": True}})
    assert record.request is record.response is None


def test_nobody_can_ask_for_content_that_the_config_keeps_out(told):
    [[record], _] = told(asking(litellm_disable_message_redaction="true"), turn_off_message_logging=True)
    assert record.request is None


def test_a_request_may_switch_callbacks_off(told):
    [one, two] = told(asking(x_litellm_disable_callbacks="SINKS.one, other"))
    assert (len(one), len(two)) == (0, 1)
    [one, two] = told(asking(x_litellm_disable_callbacks="sinks.one"), allow_dynamic_callback_disabling=False)
    assert (len(one), len(two)) == (1, 1)


def test_a_key_may_switch_callbacks_off(told):
    [one, two] = told(asking(), keys={"sk-1": {"litellm_disabled_callbacks": ["sinks.two", 5]}})
    assert (len(one), len(two)) == (1, 0)


def test_callers_may_be_left_out(told):
    [[record], _] = told(asking(), redact_user_api_key_info=True)
    assert record.principal.key_hash is record.principal.user_id is None


def test_settings_of_every_callback(serving, row, fake_upstream):
    """`message_logging` and `sample_rate` are the gateway's to honour where a plugin has no setting of that name."""
    fake_upstream.answer(Answer.chat())

    async def main():
        async with HttpSink(lambda body: [event["id"] for event in json.loads(body)]) as sink:
            config = {
                "model_list": [row(fake_upstream)],
                "litellm_settings": {"callbacks": ["some", "quiet"]},
                "callback_settings": {
                    "some": {"callback_type": "webhook", "endpoint": sink.url, "sample_rate": 0.5},
                    "quiet": {"callback_type": "webhook", "endpoint": sink.url, "message_logging": False},
                },
            }
            async with serving(config) as client:
                for _ in range(60):
                    await client.chat()
            events = [event for _, body in sink.requests for event in json.loads(body)]
            quiet = [event for event in events if event["messages"] is None]
            assert len(quiet) == 60
            assert 15 <= len(events) - 60 <= 45

    asyncio.run(main())


def test_a_wrong_sample_rate_is_told(tmp_path):
    from tianji_core.config import ConfigError
    from tianji_core.gateway import Gateway

    config = {
        "litellm_settings": {"callbacks": ["webhook"]},
        "callback_settings": {"webhook": {"endpoint": "http://a.example", "sample_rate": 5}},
    }
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Gateway.from_config(config)


def logging(endpoint, **entry):
    return {"logging": [{"callback_name": "webhook", "callback_vars": {"endpoint": endpoint}, **entry}]}


def test_keys_have_callbacks_of_their_own(told):
    async def main():
        async with HttpSink(lambda body: [event["id"] for event in json.loads(body)]) as sink:
            keys = {
                "sk-1": logging(sink.url),
                "sk-2": logging(sink.url, callback_type="failure"),
                "sk-3": {"logging": [{"callback_name": "webhook"}, {"callback_name": "nobody"}, 7, {}]},
                "sk-4": logging("os.environ/PATH"),
            }

            async def work(client):
                for key in ("sk-1", "sk-1", "sk-2", "sk-3", "sk-4", "sk-5"):
                    answer = await client.chat(headers={"authorization": f"Bearer {key}"})
                    assert answer.status == 200

            [one, _] = await asyncio.to_thread(told, work, keys=keys)
            assert len(one) == 6
            return [r.id for r in one if r.principal.key_hash == "hash-of-sk-1"], list(sink.received())

    expected, received = asyncio.run(main())
    assert received == expected
    assert len(expected) == 2


def test_a_keys_callback_gets_none_of_the_gateways_variables(told, monkeypatch, capsys):
    """Else a key that names a host of its own would have the gateway's credentials sent there."""
    monkeypatch.setenv("GENERIC_LOGGER_HEADERS", "authorization=tok-of-the-gateway")

    async def main():
        async with HttpSink(lambda body: [event["id"] for event in json.loads(body)]) as sink:
            await asyncio.to_thread(told, asking(), keys={"sk-1": logging(sink.url)})
            return [head for head, _ in sink.requests]

    [head] = asyncio.run(main())
    assert "tok-of-the-gateway" not in head


def test_streams_are_kept_for_a_keys_own_callback(serving, row, fake_upstream, config_beside):
    from tianji_core.testing.openai_samples import chat_chunks

    fake_upstream.answer(Answer.sse(*chat_chunks({"content": "Hel"}, {"content": "lo"})))

    async def main():
        async with HttpSink(lambda body: [event["id"] for event in json.loads(body)]) as sink:
            keys = {"sk-1": logging(sink.url)}
            config = {"model_list": [row(fake_upstream)], "general_settings": {"custom_auth": "sinks.who"}}
            path = config_beside(config, sinks=SOURCE + f"\n    KEYS.update({keys!r})\n")
            async with serving(path) as client:
                await client.chat(stream=True, headers={"authorization": "Bearer sk-1"})
            return [event for _, body in sink.requests for event in json.loads(body)]

    [event] = asyncio.run(main())
    assert event["response"]["choices"][0]["message"]["content"] == "Hello"
