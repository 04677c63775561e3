"""Loggers as they are written for the reference, which is not installed here."""

from __future__ import annotations

import asyncio
import importlib.util

import pytest

from tianji_core.testing import Answer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("litellm") is not None, reason="the reference itself is installed"
)
SOURCE = """
    import litellm
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.proxy.proxy_server import DualCache, UserAPIKeyAuth
    from litellm._logging import verbose_proxy_logger

    SEEN = []

    class MyHandler(CustomLogger):
        def __init__(self):
            super().__init__(turn_off_message_logging=False)

        def log_pre_api_call(self, model, messages, kwargs):
            print("before")

        async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
            verbose_proxy_logger.debug("seen")
            SEEN.append({
                "model": kwargs["model"],
                "cost": kwargs["response_cost"],
                "alias": kwargs["litellm_params"]["metadata"]["user_api_key_alias"],
                "mine": kwargs["litellm_params"]["metadata"].get("mine"),
                "id": kwargs["standard_logging_object"]["id"],
                "text": response_obj.choices[0].message.content,
                "tokens": response_obj["usage"]["total_tokens"],
                "dumped": type(response_obj.model_dump()).__name__,
                "seconds": (end_time - start_time).total_seconds(),
            })

        async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
            SEEN.append({"error": kwargs["exception"], "answer": response_obj})

    handler = MyHandler()

    def plain(kwargs, answer, start, end):
        SEEN.append({"plain": kwargs["call_type"]})

    class Hooked(MyHandler):
        async def async_pre_call_hook(self, user_api_key_dict: UserAPIKeyAuth, cache: DualCache, data, call_type):
            return data

    hooked = Hooked()

    class Lacking(CustomLogger):
        pass

    lacking = Lacking()
"""


@pytest.fixture
def seen(serving, row, fake_upstream, config_beside):
    def run(*callbacks, answer=None, source=SOURCE):
        fake_upstream.answer(answer if answer is not None else Answer.chat("Hello!"))
        config = {
            "model_list": [row(fake_upstream)],
            "litellm_settings": {"callbacks": list(callbacks)},
            "router_settings": {"num_retries": 0},
        }
        path = config_beside(config, custom_callbacks=source)

        async def main():
            async with serving(path) as client:
                await client.chat(metadata={"mine": 1})
                dispatcher = client.app.serving.gateway.pipeline.callbacks
                report = client.app.serving.gateway.loaded.report
                logger = dispatcher.subscriptions[0].callback._logger
            module = __import__("sys").modules[logger.__module__]
            found = list(module.SEEN)
            module.SEEN.clear()
            return found, report

        return asyncio.run(main())

    return run


def test_an_object(seen):
    [[told], report] = seen("custom_callbacks.handler")
    assert told["text"] == "Hello!"
    assert told["tokens"] > 0
    assert told["mine"] == 1
    assert told["alias"] is None
    assert told["dumped"] == "dict"
    assert told["seconds"] > 0
    assert report.format() == ""


def test_a_failure(seen):
    [[told], _] = seen("custom_callbacks.handler", answer=Answer.error(500, "Broken."))
    assert "Broken." in told["error"]
    assert told["answer"] is None


def test_a_function(seen):
    [[told], _] = seen("custom_callbacks.plain")
    assert told == {"plain": "acompletion"}


def test_hooks_that_are_not_called_are_told(seen):
    _, report = seen("custom_callbacks.hooked")
    assert "async_pre_call_hook" in report.format()


def test_an_object_without_events_is_none(seen):
    from tianji_core.config import ConfigError

    with pytest.raises(ConfigError, match="custom logger"):
        seen("custom_callbacks.lacking")


def test_what_has_no_stand_in_says_so(seen):
    from tianji_core.config import ConfigError

    source = """
        from litellm import acompletion
        handler = None
    """
    with pytest.raises(ConfigError, match="needs the package litellm, which is not installed"):
        seen("custom_callbacks.handler", source=source)
