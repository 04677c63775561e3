"""Calls are gone once they are over: none waits for the garbage collector, with its request of up to many megabytes."""

from __future__ import annotations

import asyncio
import gc

import pytest

from tianji_core.gateway.call import Call
from tianji_core.testing import Answer

EMBEDDED = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
CHAT = ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]})
PATHS = {
    "chat": CHAT,
    "stream": (CHAT[0], {**CHAT[1], "stream": True}),
    "messages": ("/v1/messages", {**CHAT[1], "max_tokens": 5}),
    "messages, stream": ("/v1/messages", {**CHAT[1], "max_tokens": 5, "stream": True}),
    "responses": ("/v1/responses", {"input": "Hi", "store": False}),
    "responses, stream": ("/v1/responses", {"input": "Hi", "store": False, "stream": True}),
    "gemini": ("/v1beta/models/{model}:generateContent", {"contents": [{"parts": [{"text": "Hi"}]}]}),
    "embeddings": ("/v1/embeddings", {"input": "Hi"}),
}
VENDORS = {
    "an answer": None,
    "an error": Answer.json({"error": {"message": "no"}}, status=500),
    "a refusal": Answer.json({"error": {"message": "no"}}, status=400),
    "nonsense": Answer.json([1]),
    "a cut": Answer.sse({"choices": [{"index": 0, "delta": {"content": "a"}}]}, done=False),
}


@pytest.fixture(scope="module", autouse=True)
def _thawed_at_the_end():
    """What the tests here leave frozen may go; what was there before stays out of the collector's sight."""
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("vendor", "model"), [*((vendor, "m") for vendor in VENDORS), ("an answer", "nope")])
def test_nothing_is_left(serving, row, fake_upstream, vendor, path, model):
    answer = VENDORS[vendor]
    if answer is None:
        streams = "stream" in path
        answer = Answer.chat_stream() if streams else Answer.json(EMBEDDED) if path == "embeddings" else Answer.chat()
    fake_upstream.answer(answer)
    where, body = PATHS[path]
    config = {"model_list": [row(fake_upstream)], "litellm_settings": {"num_retries": 1}}

    async def main():
        async with serving(config) as client:
            for _ in range(2):  # the first one imports, compiles and fills caches
                gc.freeze()  # there is much else in a process of tests, which need not be looked through
                gc.set_debug(gc.DEBUG_SAVEALL)
                gc.disable()
                for _ in range(3):
                    await client.post(where.format(model=model), {"model": model, **body})
                await asyncio.sleep(0)
                gc.collect()
                left = [each for each in gc.garbage if isinstance(each, Call)]
                gc.set_debug(0)
                gc.garbage.clear()
                gc.enable()
            assert len(left) == 0

    asyncio.run(main())
